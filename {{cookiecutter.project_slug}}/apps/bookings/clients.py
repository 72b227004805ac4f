"""The mail that bookings send."""

from django.core import mail
from django.template.loader import render_to_string
from trellis import tracing

from apps.accounts import types as accounts
from apps.bookings import types


def mail_confirmation(*, to: accounts.Contact, booking: types.Booking) -> None:
    """Send the confirmation of a booking. Raises `OSError` if the mail server fails."""
    mail.EmailMessage(
        subject=f"Your seat: {' '.join(booking.title.split())}",  # a subject is one line
        body=render_to_string("bookings/mail/confirmation.txt", {"to": to, "booking": booking}),
        to=[to.email],
        headers={
            # A second copy, after a worker died, has the same ID: mail programs show it once.
            "Message-ID": f"<booking-{booking.public_id}@confirmation>",
            "X-Request-ID": tracing.request_id(),  # for `manage.py story`
        },
    ).send()
