"""Pages that cost the same at any depth."""

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


class CursorInvalid(errors.BusinessError):
    """This link to more results is incomplete or out of date. Please start at the first page."""

    title = "This link is out of date"


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some results, and where the next ones begin (None where these are the last)."""

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
    """Return the `size` rows, or `values()`, after `cursor` ("": from the start), through `into`.

    One query, as quick on the last page as on the first, for it seeks instead of counting rows it
    will not show; hence no total. `order` names the model's own columns, as `order_by` does
    ("-booked_at"), all in one direction, none of which may be null and the last of which is unique,
    so that no row is shown twice or never. An index on exactly these columns serves it.
    Raises `CursorInvalid` on a cursor that is not one of ours for this model and order.
    """
    fields = [_orderable(rows.model, term) for term in order]
    if len({term.startswith("-") for term in order}) > 1:
        raise TypeError(
            f"page() orders in one direction, and {tuple(order)} has two: put a minus before every"
            " column or before none"
        )
    if not (fields[-1].unique or fields[-1].primary_key):
        raise TypeError(f"page() must order by something unique at last: {tuple(order)} is not")
    signer = signing.Signer(salt=f"page {rows.model._meta.label} {' '.join(order)}", sep=".")
    if cursor:
        bound = _after(order, fields, _read(cursor, signer=signer, fields=fields))
        rows = _first(rows, bound)
    found = list(rows.order_by(*order).fetch_mode(FETCH_RAISE)[: size + 1])
    shown = found[:size]
    more = len(found) > size
    return Page(
        items=[into(row) for row in shown],
        next_cursor=_write(shown[-1], rows.model, signer=signer, fields=fields) if more else None,
    )


def _orderable(model: type[models.Model], term: str) -> "models.Field[Any, Any]":
    field = model._meta.get_field(term.removeprefix("-"))
    if not isinstance(field, models.Field) or field.null:
        raise TypeError(f"page() cannot order by {model.__name__}.{field.name}: it may be null")
    return field


def _write(
    row: Any,
    model: type[models.Model],
    *,
    signer: signing.Signer,
    fields: "list[models.Field[Any, Any]]",
) -> str:
    if isinstance(row, dict):
        row = model(**{field.attname: row[field.attname] for field in fields})
    return signer.sign_object([field.value_to_string(row) for field in fields])


def _read(
    cursor: str, *, signer: signing.Signer, fields: "list[models.Field[Any, Any]]"
) -> list[Any]:
    try:
        texts = signer.unsign_object(cursor)
        return [field.to_python(text) for field, text in zip(fields, texts, strict=True)]
    except (signing.BadSignature, ValidationError, ValueError) as error:
        raise CursorInvalid from error


def _after(
    order: Sequence[str], fields: "list[models.Field[Any, Any]]", values: list[Any]
) -> GreaterThan | LessThan:
    """Return the condition that a row comes after the one with these values.

    One comparison of rows, which is one range of the index.
    """
    bounds = [Value(value, output_field=field) for field, value in zip(fields, values, strict=True)]
    follows = LessThan if order[0].startswith("-") else GreaterThan
    return follows(_row([F(field.attname) for field in fields]), _row(bounds))


def _first(
    rows: models.QuerySet[Any, Row], bound: GreaterThan | LessThan
) -> models.QuerySet[Any, Row]:
    """Return `rows` with one more condition, in front of the others.

    SQLite begins to read at the first bound it is given for an index. Behind a `starts_at > now`
    the cursor would only filter, and each page cost more than the one before.
    """
    had = len(rows.query.where.children)
    rows = rows.filter(bound)
    conditions = rows.query.where.children
    conditions[:] = conditions[had:] + conditions[:had]
    return rows


def _row(parts: Sequence[F | Value]) -> Func:
    return Func(*parts, template="(%(expressions)s)", output_field=models.Field())
