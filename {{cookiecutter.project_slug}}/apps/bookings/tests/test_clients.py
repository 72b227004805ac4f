from datetime import UTC, datetime
from uuid import UUID

from django.core import mail

from apps.accounts.types import Contact
from apps.bookings import clients
from apps.bookings.types import Booking


class TestMailConfirmation:
    def test_carries_the_same_message_id_each_time(self) -> None:
        booking = Booking(
            public_id=UUID(int=7),
            status="confirmed",
            status_label="confirmed",
            title="Sourdough",
            session_public_id=UUID(int=8),
            starts_at=datetime(2030, 1, 10, 18, tzinfo=UTC),
            room="Loft",
            hold_expires_at=None,
            confirmation_sent_at=None,
            confirmation_error="",
        )

        for _ in range(2):
            clients.mail_confirmation(to=Contact(1, "Ada", "a@example.com"), booking=booking)

        first, second = (sent.extra_headers["Message-ID"] for sent in mail.outbox)
        assert first == second
        assert mail.outbox[0].subject == "Your seat: Sourdough"
