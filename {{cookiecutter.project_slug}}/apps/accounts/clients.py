"""The mails of accounts."""

from uuid import UUID

from django.conf import settings
from django.core import mail
from django.template.loader import render_to_string
from trellis import tracing


def send_mail(*, to: str, subject: str, template: str, mail_id: UUID, link: str) -> None:
    """Send a mail with a link. Raises `OSError` if the mail server fails."""
    context = {"project_name": settings.PROJECT_NAME, "link": link}
    mail.EmailMessage(
        subject=f"{subject}: {settings.PROJECT_NAME}",
        body=render_to_string(template, context),
        to=[to],
        headers={
            # A second copy, after a worker died, has the same ID: mail programs show it once.
            "Message-ID": f"<{mail_id}@accounts>",
            "X-Request-ID": tracing.request_id(),  # for `manage.py story`
        },
    ).send()
