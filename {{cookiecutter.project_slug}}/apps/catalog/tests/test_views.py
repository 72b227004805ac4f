import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.accounts.tests.factories import UserFactory
from apps.catalog.models import Workshop
from apps.catalog.tests.factories import SessionFactory, TagFactory, WorkshopFactory
from apps.catalog.tests.pictures import picture

pytestmark = pytest.mark.django_db

ADDRESS = "/workshops/propose/"
TYPED = {"title": "Bread", "summary": "Flour."}


@pytest.fixture
def visitor(client: Client) -> Client:
    client.force_login(UserFactory())
    return client


class TestProposeWorkshop:
    def test_keeps_the_proposal_for_a_review(self, visitor: Client) -> None:
        tag = TagFactory()

        answer = visitor.post(ADDRESS, TYPED | {"tags": tag.pk, "picture": picture()})

        assert answer.status_code == 302
        assert [str(message) for message in get_messages(answer.wsgi_request)]
        workshop = Workshop.objects.get()
        assert workshop.published_at is None
        assert [*workshop.tags.all()] == [tag]
        assert workshop.picture.open().read(4) == b"RIFF"  # as WebP begins

    def test_shows_what_the_service_refuses_beside_its_field_and_keeps_what_was_typed(
        self, visitor: Client
    ) -> None:
        WorkshopFactory(title="Bread")

        answer = visitor.post(ADDRESS, TYPED | {"tags": TagFactory().pk})

        assert answer.status_code == 200
        assert "with this title already" in answer.context["form"].errors["title"][0]
        page = answer.content.decode()
        assert 'value="Bread"' in page
        assert "Flour.</textarea>" in page
        assert "checked" in page

    def test_shows_what_is_wrong_with_a_picture(self, visitor: Client) -> None:
        drawing = SimpleUploadedFile("x.png", b"<svg onload='alert(1)'/>")

        answer = visitor.post(ADDRESS, TYPED | {"picture": drawing})

        assert "not a PNG, JPEG or WebP picture" in answer.content.decode()
        assert not Workshop.objects.exists()

    def test_shows_a_proposal_to_nobody(self, visitor: Client) -> None:
        SessionFactory(workshop__title="Bowls")
        visitor.post(ADDRESS, TYPED)

        for address in ("/sessions/", "/api/sessions"):
            page = visitor.get(address).content.decode()
            assert "Bowls" in page
            assert "Bread" not in page
