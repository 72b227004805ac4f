"""Forms: what a service refuses stands beside the field that has to change."""

import contextlib
from collections.abc import Iterator

from django.core.exceptions import ValidationError
from django.forms import BaseForm

from trellis import errors


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
