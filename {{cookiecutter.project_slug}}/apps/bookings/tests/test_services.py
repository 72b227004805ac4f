from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.core import mail
from django.db import transaction
from pytest_django import DjangoCaptureOnCommitCallbacks
from structlog.testing import capture_logs
from trellis.tasks import recording
from trellis.testing import at_once

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.bookings import clients, exceptions, services, tasks
from apps.bookings.models import Booking
from apps.bookings.tests.factories import BookingFactory
from apps.catalog import services as catalog
from apps.catalog.models import Session
from apps.catalog.tests.factories import SessionFactory

NOW = datetime(2130, 1, 1, tzinfo=UTC)


def book(session: Session, user: User) -> Booking:
    booked = services.book_seat(session_public_id=session.public_id, by=user.pk, at=NOW)
    return Booking.objects.get(public_id=booked.public_id)


def refused_by_mail_server(
    booking: Booking, monkeypatch: pytest.MonkeyPatch, *, error: OSError
) -> None:
    """Try to send a confirmation, at NOW, and let the mail server say no."""

    def refuse(**_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(clients, "mail_confirmation", refuse)
        with pytest.raises(type(error)):
            services.send_confirmation(booking_id=booking.pk, at=NOW)
    booking.refresh_from_db()


def move(session: Session, *, to: datetime) -> datetime:
    catalog.reschedule_session(public_id=session.public_id, starts_at=to, at=NOW)
    return to


@pytest.mark.django_db
class TestBookSeat:
    def test_confirms_a_free_seat_at_once(self) -> None:
        session = SessionFactory(capacity=2)

        booking = book(session, UserFactory())

        session.refresh_from_db()
        assert (booking.status, session.seats_left) == ("confirmed", 1)

    def test_holds_a_paid_seat_for_48_hours(self) -> None:
        booking = book(SessionFactory(price_cents=2500), UserFactory())

        assert (booking.status, booking.hold_expires_at) == ("held", NOW + timedelta(hours=48))

    def test_holds_no_longer_than_until_the_session_starts(self) -> None:
        session = SessionFactory(price_cents=2500, starts_at=NOW + timedelta(hours=3))

        assert book(session, UserFactory()).hold_expires_at == session.starts_at

    def test_refuses_a_second_seat_and_keeps_the_count_right(self) -> None:
        session, user = SessionFactory(capacity=3), UserFactory()
        book(session, user)

        with pytest.raises(services.AlreadyBooked):
            book(session, user)

        session.refresh_from_db()
        assert session.seats_left == 2

    def test_allows_a_new_seat_after_giving_one_back(self) -> None:
        session, user = SessionFactory(), UserFactory()
        services.cancel_booking(public_id=book(session, user).public_id, by=user.pk, at=NOW)

        assert book(session, user).status == "confirmed"

    def test_announces_a_free_seat_after_the_commit_and_not_before(
        self, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks, eager_tasks: None
    ) -> None:
        with django_capture_on_commit_callbacks() as waiting:
            booking = book(SessionFactory(), UserFactory())
        assert mail.outbox == []

        for callback in waiting:
            callback()

        (sent,) = mail.outbox
        assert sent.to == [booking.attendee.email]

    def test_announces_nothing_that_is_rolled_back(
        self, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks, eager_tasks: None
    ) -> None:
        session, user = SessionFactory(), UserFactory()

        with django_capture_on_commit_callbacks() as waiting, transaction.atomic():
            book(session, user)
            transaction.set_rollback(True)

        assert (waiting, mail.outbox) == ([], [])
        assert not Booking.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestOverselling:
    def test_is_impossible_with_twenty_people_at_once(self) -> None:
        session = SessionFactory(capacity=3)
        people = UserFactory.create_batch(20)

        refused = at_once(*(partial(book, session, person) for person in people))

        session.refresh_from_db()
        assert [type(error) for error in refused] == [catalog.SessionFull] * 17
        assert Booking.objects.filter(session=session).count() == 3
        assert session.seats_left == 0

    def test_is_impossible_for_one_person_in_two_windows(self) -> None:
        session, person = SessionFactory(capacity=8), UserFactory()

        refused = at_once(*[partial(book, session, person)] * 4)

        session.refresh_from_db()
        assert [type(error) for error in refused] == [services.AlreadyBooked] * 3
        assert session.seats_left == 7


@pytest.mark.django_db
class TestRecordPayment:
    def test_confirms_a_held_seat(self) -> None:
        booking = book(SessionFactory(price_cents=2500), UserFactory())

        services.record_payment(booking_id=booking.pk, at=NOW)

        booking.refresh_from_db()
        assert booking.status == "confirmed"

    def test_refuses_a_hold_that_is_over(self) -> None:
        booking = book(SessionFactory(price_cents=2500), UserFactory())

        with pytest.raises(services.HoldOver):
            services.record_payment(booking_id=booking.pk, at=NOW + timedelta(hours=48))

    def test_refuses_a_session_that_was_moved_and_has_begun(self) -> None:
        booking = book(SessionFactory(price_cents=2500), UserFactory())
        begins = move(booking.session, to=NOW + timedelta(hours=1))

        with pytest.raises(services.HoldOver):
            services.record_payment(booking_id=booking.pk, at=begins)


@pytest.mark.django_db
class TestCancelBooking:
    def test_frees_the_seat(self) -> None:
        session, user = SessionFactory(capacity=1), UserFactory()
        booking = book(session, user)

        services.cancel_booking(public_id=booking.public_id, by=user.pk, at=NOW)

        session.refresh_from_db()
        assert session.seats_left == 1

    def test_frees_it_once_only(self) -> None:
        session, user = SessionFactory(capacity=1), UserFactory()
        booking = book(session, user)
        services.cancel_booking(public_id=booking.public_id, by=user.pk, at=NOW)

        with pytest.raises(services.BookingNotFound):
            services.cancel_booking(public_id=booking.public_id, by=user.pk, at=NOW)

    def test_refuses_somebody_elses_booking(self) -> None:
        booking = book(SessionFactory(), UserFactory())

        with pytest.raises(services.BookingNotFound):
            services.cancel_booking(public_id=booking.public_id, by=UserFactory().pk, at=NOW)


@pytest.mark.django_db
class TestExpireUnpaidHolds:
    def test_gives_back_what_is_over_and_nothing_else(self) -> None:
        session = SessionFactory(capacity=3, price_cents=2500)
        over = book(session, UserFactory())
        paid = book(session, UserFactory())
        services.record_payment(booking_id=paid.pk, at=NOW)

        assert services.expire_unpaid_holds(at=NOW + timedelta(hours=48)) == 1
        assert services.expire_unpaid_holds(at=NOW + timedelta(hours=48)) == 0

        over.refresh_from_db()
        session.refresh_from_db()
        assert (over.status, session.seats_left) == ("expired", 2)

    def test_ends_a_hold_when_its_session_was_moved_and_begins(self) -> None:
        booking = book(SessionFactory(price_cents=2500), UserFactory())
        begins = move(booking.session, to=NOW + timedelta(hours=1))

        assert services.expire_unpaid_holds(at=begins - timedelta(seconds=1)) == 0
        assert services.expire_unpaid_holds(at=begins) == 1

    def test_is_not_stopped_by_a_session_whose_seats_do_not_add_up(self) -> None:
        drifted = SessionFactory(price_cents=2500)
        stuck, over = (
            book(drifted, UserFactory()),
            book(SessionFactory(price_cents=1), UserFactory()),
        )
        Session.objects.filter(pk=drifted.pk).update(seats_left=drifted.capacity)

        with capture_logs() as lines:
            assert services.expire_unpaid_holds(at=NOW + timedelta(hours=48)) == 1

        over.refresh_from_db()
        stuck.refresh_from_db()
        assert (over.status, stuck.status) == ("expired", "held")
        (line,) = lines
        assert (line["event"], line["booking_id"]) == ("hold_not_expired", stuck.pk)

    def test_begins_with_what_is_over_for_longest(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for hours in (30, 20, 40):
            starts_at = NOW + timedelta(hours=hours)
            book(SessionFactory(price_cents=2500, starts_at=starts_at), UserFactory())
        ended: list[object] = []

        def end(booking: Booking, **_: object) -> bool:
            ended.append(booking.hold_expires_at)
            return True

        monkeypatch.setattr(services, "_end", end)

        services.expire_unpaid_holds(at=NOW + timedelta(days=2))

        assert ended == [NOW + timedelta(hours=hours) for hours in (20, 30, 40)]


@pytest.mark.django_db
class TestSendConfirmation:
    def test_sends_once_however_often_it_is_delivered(self) -> None:
        booking = BookingFactory()

        for _ in range(3):
            services.send_confirmation(booking_id=booking.pk, at=NOW)

        assert len(mail.outbox) == 1
        assert booking.session.workshop.title in mail.outbox[0].body

    def test_leaves_the_mail_to_the_worker_that_is_on_it(self) -> None:
        booking = BookingFactory(confirmation_claimed_until=NOW + timedelta(seconds=30))

        with pytest.raises(exceptions.ConfirmationInProgress):
            services.send_confirmation(booking_id=booking.pk, at=NOW)

        assert mail.outbox == []

    def test_takes_over_from_a_worker_that_died(self) -> None:
        booking = BookingFactory(confirmation_claimed_until=NOW)

        services.send_confirmation(booking_id=booking.pk, at=NOW)

        assert len(mail.outbox) == 1

    def test_sends_nothing_for_a_seat_given_back(self) -> None:
        booking = BookingFactory(status=Booking.Status.CANCELLED)

        services.send_confirmation(booking_id=booking.pk, at=NOW)

        assert mail.outbox == []

    def test_notes_a_refusal_and_can_be_tried_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        booking = BookingFactory()

        away = ConnectionRefusedError("mail server is away")
        refused_by_mail_server(booking, monkeypatch, error=away)
        assert booking.confirmation_error == "mail server is away"

        services.send_confirmation(booking_id=booking.pk, at=NOW)

        booking.refresh_from_db()
        assert (booking.confirmation_sent_at, booking.confirmation_error) == (NOW, "")

    def test_notes_a_refusal_that_says_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        booking = BookingFactory()

        refused_by_mail_server(booking, monkeypatch, error=TimeoutError())

        assert booking.confirmation_error == "TimeoutError()"


@pytest.mark.django_db
class TestResendOverdueConfirmations:
    def test_finds_what_no_queue_remembers(
        self, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks, eager_tasks: None
    ) -> None:
        BookingFactory(booked_at=NOW - timedelta(minutes=10))
        BookingFactory(booked_at=NOW - timedelta(minutes=9))
        BookingFactory(booked_at=NOW - timedelta(days=1), confirmation_sent_at=NOW)

        with django_capture_on_commit_callbacks(execute=True):
            assert services.resend_overdue_confirmations(at=NOW) == 1

        assert len(mail.outbox) == 1

    def test_finds_what_was_refused_and_then_lost(self, monkeypatch: pytest.MonkeyPatch) -> None:
        booking = BookingFactory(booked_at=NOW - timedelta(hours=1))
        refused_by_mail_server(booking, monkeypatch, error=TimeoutError())

        assert services.resend_overdue_confirmations(at=NOW + timedelta(minutes=9)) == 0
        assert services.resend_overdue_confirmations(at=NOW + timedelta(minutes=10)) == 1

    def test_leaves_what_was_given_up_to_people(self) -> None:
        given_up, _lost = BookingFactory.create_batch(2, booked_at=NOW - timedelta(hours=1))
        recording.record(
            task=tasks.send_confirmation,
            task_id="1",
            args=(),
            kwargs={"booking_id": given_up.pk},
            error=TimeoutError(),
            at=NOW,
        )

        assert services.resend_overdue_confirmations(at=NOW) == 1
