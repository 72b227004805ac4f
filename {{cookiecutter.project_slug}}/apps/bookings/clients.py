"""The outside world of this app: its mail."""

from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from trellis import tracing

from apps.accounts.types import Contact
from apps.bookings.types import Booking


def mail_confirmation(*, to: Contact, booking: Booking) -> None:
    """Send the confirmation of a booking. Raises `OSError` where the mail server does not take it.

    A second copy, should a worker die between sending and noting so, carries the same Message-ID.
    """
    body = render_to_string("bookings/mail/confirmation.txt", {"to": to, "booking": booking})
    EmailMessage(
        subject=f"Your seat: {' '.join(booking.title.split())}",
        body=body,
        to=[to.email],
        headers={
            "Message-ID": f"<booking-{booking.public_id}@confirmation>",
            "X-Request-ID": tracing.request_id(),  # `manage.py story` tells what led to this mail
        },
    ).send()
