"""The catalog as JSON, for everyone."""

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router
from trellis import reads, web

from apps.catalog import selectors, types

router = Router(tags=["sessions"])


class SessionOut(web.Out):
    public_id: UUID
    title: str
    summary: str
    starts_at: datetime
    minutes: int
    room: str
    price_cents: int
    capacity: int
    seats_left: int


@router.get("", response=web.PageOut[SessionOut], auth=None)
def list_sessions(
    request: HttpRequest, title: str = "", cursor: str = ""
) -> reads.Page[types.Session]:
    """The sessions to come, soonest first. With `title`: those whose title contains it."""
    return selectors.upcoming_sessions(at=timezone.now(), title=title, cursor=cursor)


@router.get("{uuid:public_id}", response=SessionOut, auth=None)
def get_session(request: HttpRequest, public_id: UUID) -> types.Session:
    """One session."""
    return selectors.session(public_id=public_id)
