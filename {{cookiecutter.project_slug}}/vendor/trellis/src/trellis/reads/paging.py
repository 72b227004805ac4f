"""Lists in pages, by cursor: the last page costs as much as the first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core import signing
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import FETCH_RAISE, F, Func, Value
from django.db.models.lookups import GreaterThan, LessThan

from trellis import errors

Row = TypeVar("Row")
Item = TypeVar("Item")
Fields = list["models.Field[Any, Any]"]


class CursorInvalid(errors.BusinessError):
    """This link to more results is incomplete or out of date. Please start at the first page."""

    title = "This link is out of date"


@dataclass(frozen=True)
class Page(Generic[Item]):
    """One page of a list. `next_cursor` leads to the page after it; None on the last page."""

    items: list[Item]
    next_cursor: str | None


def page(
    rows: models.QuerySet[Any, Row],
    *,
    order: Sequence[str],
    size: int,
    cursor: str,
    into: Callable[[Row], Item],
) -> Page[Item]:
    """Return the first `size` rows after `cursor` ("" for the first page), each through `into`.

    One query. It seeks the cursor's row in an index and reads `size + 1` rows, so all pages cost
    the same, and there is no total.

    `rows` may be a queryset or its `values()`. `order` names columns of the model as `order_by`
    does: all in one direction, none nullable, the last one unique, and an index on exactly these.
    Raises `TypeError` for an order that breaks this, and `CursorInvalid` for a cursor that was not
    made by this function for this model and order.
    """
    fields = _fields(rows.model, order)
    signer = signing.Signer(salt=f"page {rows.model._meta.label} {' '.join(order)}", sep=".")
    if cursor:
        rows = _rows_after(rows, order, fields, _values(cursor, signer, fields))
    found = list(rows.order_by(*order).fetch_mode(FETCH_RAISE)[: size + 1])
    shown = found[:size]
    is_last = len(found) <= size
    return Page(
        items=[into(row) for row in shown],
        next_cursor=None if is_last else _cursor(shown[-1], rows.model, signer, fields),
    )


def _fields(model: type[models.Model], order: Sequence[str]) -> Fields:
    """Return the model's fields that `order` names. Raises `TypeError` if it does not fit."""
    if len({name.startswith("-") for name in order}) > 1:
        raise TypeError(
            f"page() needs one direction, and {tuple(order)} has two: put a minus before every"
            " column or before none"
        )
    fields: Fields = []
    for name in order:
        field = model._meta.get_field(name.removeprefix("-"))
        if not isinstance(field, models.Field) or field.null:
            raise TypeError(f"page() cannot order by {model.__name__}.{field.name}: it is nullable")
        fields.append(field)
    if not (fields[-1].unique or fields[-1].primary_key):
        raise TypeError(f"page() needs a unique column at the end of {tuple(order)}")
    return fields


def _rows_after(
    rows: models.QuerySet[Any, Row], order: Sequence[str], fields: Fields, values: list[Any]
) -> models.QuerySet[Any, Row]:
    """Return the rows that come after the row with these values.

    The condition is one comparison of rows, `(starts_at, id) > (…, …)`: one range of the index.
    """
    lookup = LessThan if order[0].startswith("-") else GreaterThan
    columns = [F(field.attname) for field in fields]
    bounds = [Value(value, output_field=field) for field, value in zip(fields, values, strict=True)]
    rows = rows.filter(lookup(_tuple(columns), _tuple(bounds)))
    # SQLite seeks with the first bound that the WHERE clause has for an index. Behind the caller's
    # `starts_at > now` the cursor would only filter, and each page would read all pages before it.
    rows.query.where.children.reverse()
    return rows


def _tuple(parts: Sequence[F | Value]) -> Func:
    return Func(*parts, template="(%(expressions)s)", output_field=models.Field())


def _cursor(row: Any, model: type[models.Model], signer: signing.Signer, fields: Fields) -> str:
    """Return the cursor that leads to the rows after `row`: its values, signed."""
    if isinstance(row, dict):
        row = model(**{field.attname: row[field.attname] for field in fields})
    return signer.sign_object([field.value_to_string(row) for field in fields])


def _values(cursor: str, signer: signing.Signer, fields: Fields) -> list[Any]:
    """Return the values in a cursor. Raises `CursorInvalid`."""
    try:
        texts = signer.unsign_object(cursor)
        return [field.to_python(text) for field, text in zip(fields, texts, strict=True)]
    except (signing.BadSignature, ValidationError, ValueError) as error:
        raise CursorInvalid(field="cursor") from error
