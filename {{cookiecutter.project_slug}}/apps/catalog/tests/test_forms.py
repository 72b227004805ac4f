import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.datastructures import MultiValueDict

from apps.catalog.forms import ProposalForm
from apps.catalog.tests.factories import TagFactory
from apps.catalog.tests.pictures import picture

pytestmark = pytest.mark.django_db

TYPED = {"title": "Bread", "summary": "Flour."}


def proposal(file: SimpleUploadedFile, **typed: object) -> ProposalForm:
    return ProposalForm(TYPED | typed, MultiValueDict({"picture": [file]}))


class TestProposalForm:
    def test_passes_on_names_of_tags_and_a_picture_under_a_name_of_ours(self) -> None:
        tag = TagFactory(name="food")

        form = proposal(picture(name="../x.html"), tags=[tag.pk])

        assert form.is_valid()
        assert form.cleaned_data["tags"] == ["food"]
        assert form.cleaned_data["picture"].name.endswith(".webp")

    def test_refuses_a_page_that_is_called_a_picture(self) -> None:
        page = SimpleUploadedFile("photo.png", b"<script>alert(1)</script>")

        form = proposal(page)

        assert form.errors == {"picture": ["This file is not a PNG, JPEG or WebP picture."]}

    def test_refuses_a_tag_that_does_not_exist(self) -> None:
        assert "tags" in ProposalForm(TYPED | {"tags": [7]}).errors
