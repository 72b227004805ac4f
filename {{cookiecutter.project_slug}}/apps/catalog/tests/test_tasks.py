import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from trellis import testing

from apps.catalog import tasks


@pytest.mark.django_db(transaction=True)
class TestDeliveredTwice:
    def test_delete_picture(self) -> None:
        name = default_storage.save("workshops/deleted.webp", ContentFile(b"picture"))

        testing.assert_harmless_twice(
            tasks.delete_picture,
            name=name,
            effects=lambda: default_storage.exists(name),
            once=False,
        )
