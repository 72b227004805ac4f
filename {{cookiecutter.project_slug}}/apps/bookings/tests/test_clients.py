from datetime import UTC, datetime
from uuid import UUID

from django.core import mail
from structlog.contextvars import bound_contextvars

from apps.accounts.types import Contact
from apps.bookings import clients
from apps.bookings.types import Booking

ADA = Contact(user_id=1, name="Ada", email="a@example.com")
BOOKING = Booking(
    public_id=UUID(int=7),
    attendee_id=1,
    status="confirmed",
    status_label="confirmed",
    is_active=True,
    title="Sour\ndough",
    session_public_id=UUID(int=8),
    starts_at=datetime(2130, 1, 10, 18, tzinfo=UTC),
    room="Loft",
    hold_expires_at=None,
    confirmation_sent_at=None,
)


class TestMailConfirmation:
    def test_sends_a_second_copy_with_the_same_message_id(self) -> None:
        for _ in range(2):
            clients.mail_confirmation(to=ADA, booking=BOOKING)

        ids = {sent.extra_headers["Message-ID"] for sent in mail.outbox}
        assert ids == {f"<booking-{BOOKING.public_id}@confirmation>"}
        assert mail.outbox[0].subject == "Your seat: Sour dough"

    def test_sends_the_id_of_the_request_that_led_to_it(self) -> None:
        with bound_contextvars(request_id="of-the-request"):
            clients.mail_confirmation(to=ADA, booking=BOOKING)

        assert mail.outbox[0].extra_headers["X-Request-ID"] == "of-the-request"
