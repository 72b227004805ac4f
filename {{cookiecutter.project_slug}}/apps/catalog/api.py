"""The catalog as JSON: sessions for everyone, proposals from signed-in users."""

from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Status
from trellis import reads, web

from apps.catalog import selectors, services, types

router = Router(tags=["sessions"])
proposals = Router(tags=["proposals"])


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
def get_session(request: HttpRequest, public_id: UUID) -> types.SessionDetail:
    """One session."""
    return selectors.session(public_id=public_id)


class ProposalIn(web.In):
    title: str
    summary: str
    tags: list[str] = []


@proposals.post("", response={HTTPStatus.CREATED: ProposalIn})
def propose_workshop(request: HttpRequest, data: ProposalIn) -> Status[ProposalIn]:
    """Propose a workshop, without a picture. Staff publish it or reject it."""
    services.propose_workshop(**data.dict(), by=web.user_id(request))
    return Status(HTTPStatus.CREATED, data)
