import pytest
from django import forms
from django.core.exceptions import ValidationError

from trellis import errors, web


class TitleTaken(errors.Conflict):
    """There is one of this title."""


class Proposal(forms.Form):
    title = forms.CharField()
    places = forms.IntegerField()


def refused(error: Exception) -> Proposal:
    """Return a form after `error` was raised where its values were used."""
    form = Proposal({"title": "Bread", "places": "8"})
    assert form.is_valid()
    with web.refusals_in(form):
        raise error
    return form


class TestRefusalsIn:
    def test_puts_a_business_error_beside_its_field_and_keeps_what_was_typed(self) -> None:
        form = refused(TitleTaken(field="title"))

        assert form.errors == {"title": ["There is one of this title."]}
        assert form["places"].value() == "8"
        assert not form.is_valid()

    @pytest.mark.parametrize("field", ["", "owner", "address.city"])
    def test_puts_an_error_about_no_field_of_the_form_above_it(self, field: str) -> None:
        form = refused(errors.Invalid("Three are enough.", field=field))

        assert form.errors == {"__all__": ["Three are enough."]}

    def test_puts_each_part_of_a_validation_error_beside_its_field(self) -> None:
        error = ValidationError({"title": ["Too long.", "Too loud."], "places": "Too few."})

        assert refused(error).errors == {
            "title": ["Too long.", "Too loud."],
            "places": ["Too few."],
        }

    def test_names_a_field_that_the_form_does_not_have(self) -> None:
        error = ValidationError({"slug": "This field is required.", "__all__": "Too many."})

        assert refused(error).non_field_errors() == ["slug: This field is required.", "Too many."]

    def test_takes_a_validation_error_without_fields(self) -> None:
        assert refused(ValidationError("Not so.")).non_field_errors() == ["Not so."]

    def test_leaves_other_exceptions_alone(self) -> None:
        with pytest.raises(KeyError):
            refused(KeyError("a fault of ours"))

    def test_changes_nothing_where_nothing_is_refused(self) -> None:
        form = Proposal({"title": "Bread", "places": "8"})

        with web.refusals_in(form):
            assert form.is_valid()

        assert form.errors == {}
