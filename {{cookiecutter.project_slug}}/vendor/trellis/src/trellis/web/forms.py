"""Forms: what a service refuses stands beside the field that has to change."""

import contextlib
from collections.abc import Iterator
from typing import Any, TypeVar

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse

from trellis import errors

Row = TypeVar("Row", bound=Model)


@contextlib.contextmanager
def refusals_in(form: BaseForm) -> Iterator[None]:
    """Turn what a service refuses in this block into an error of `form`, with what was typed kept.

        if form.is_valid():
            with web.refusals_in(form):
                services.propose_workshop(...)
                return redirect(...)
        return web.render(request, "catalog/propose.html", {"form": form})

    A `BusinessError` becomes an error of the field that it names, Django's `ValidationError` one of
    each of its fields. What is about no field of the form becomes an error of the whole form.
    Every other exception leaves the block.
    """
    try:
        yield
    except errors.BusinessError as error:
        form.add_error(error.field if error.field in form.fields else None, error.detail)
    except ValidationError as error:
        by_field = error.message_dict if hasattr(error, "error_dict") else {}
        for field, messages in by_field.items() or [("__all__", error.messages)]:
            for message in messages:
                if field in form.fields:
                    form.add_error(field, message)
                else:  # "This field is required." is a riddle without the field's name
                    form.add_error(None, message if field == "__all__" else f"{field}: {message}")


class ServiceAdmin(admin.ModelAdmin[Row]):
    """The base class of an admin whose `save_model` calls a service.

    What the service refuses stands in the form, as with `refusals_in`.
    """

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except (errors.BusinessError, ValidationError) as refusal:
            # Once more (Django has rolled back the first time), with a form that is not valid.
            request.refusal = refusal  # type: ignore[attr-defined]
            return super().changeform_view(request, *args, **kwargs)

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, *args, **kwargs)
        if not hasattr(request, "refusal"):
            return form

        class RefusedForm(form):
            def clean(self) -> None:
                super().clean()
                with refusals_in(self):
                    raise request.refusal  # type: ignore[attr-defined]

        return RefusedForm
