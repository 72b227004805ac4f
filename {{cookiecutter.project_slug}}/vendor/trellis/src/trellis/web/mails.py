"""The mails that were written to files, as a page: for development only."""

from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import MIMEPart
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from trellis.web.pages import render

NEWEST = 50
BETWEEN_MAILS = b"\n" + b"-" * 79 + b"\n"  # Django's backend writes it after each


@dataclass(frozen=True)
class Mail:
    """What the page shows of a mail."""

    headers: list[tuple[str, str]]
    body: str
    attachments: list[str]


@require_safe
def sent(request: HttpRequest) -> HttpResponse:
    """Show the newest mails, with links that can be clicked. Raises `Http404` outside of DEBUG."""
    if not settings.DEBUG:
        raise Http404
    mailer: dict[str, Any] = settings.MAILERS["default"]
    folder = mailer.get("OPTIONS", {}).get("file_path")
    files = sorted(Path(folder).glob("*.log"), reverse=True)[:NEWEST] if folder else []
    mails = [_read(text) for file in files for text in file.read_bytes().split(BETWEEN_MAILS)[:-1]]
    return render(request, "trellis/mails.html", {"mails": mails, "folder": folder})


def _read(text: bytes) -> Mail:
    message = message_from_bytes(text, policy=policy.default)
    body = message.get_body(("plain", "html"))
    return Mail(
        headers=[(name, message[name]) for name in ("Subject", "From", "To", "Date")],
        body=_text_of(body) if body else "",
        attachments=[part.get_filename("without a name") for part in message.iter_attachments()],
    )


def _text_of(body: MIMEPart) -> str:
    try:
        return str(body.get_content())
    except LookupError:  # it states a charset that Python does not know
        return bytes(body.get_payload(decode=True)).decode(errors="replace")
