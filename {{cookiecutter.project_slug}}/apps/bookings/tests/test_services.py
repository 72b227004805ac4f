from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace

import pytest
from django.core import mail
from django.db import transaction
from pytest_django import DjangoCaptureOnCommitCallbacks
from trellis import testing

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.bookings import clients, services, tasks
from apps.bookings.models import Booking
from apps.bookings.tests.factories import BookingFactory
from apps.catalog import services as catalog
from apps.catalog.models import Session
from apps.catalog.tests.factories import SessionFactory

NOW = datetime(2130, 1, 1, tzinfo=UTC)


def book(session: Session, user: User) -> Booking:
    booked = services.book_seat(session_public_id=session.public_id, by=user.pk, at=NOW)
    return Booking.objects.get(public_id=booked.public_id)


def hold(session: Session) -> Booking:
    """Book a seat that has to be paid for."""
    Session.objects.filter(pk=session.pk).update(price_cents=2500)
    return book(session, UserFactory())


def move(session: Session, *, to: datetime) -> datetime:
    catalog.reschedule_session(session_id=session.pk, starts_at=to, at=NOW)
    return to


@pytest.mark.django_db
class TestBookSeat:
    def test_confirms_a_free_seat(self) -> None:
        session = SessionFactory(capacity=2)

        booking = book(session, UserFactory())

        session.refresh_from_db()
        assert (booking.status, session.seats_left) == ("confirmed", 1)

    def test_holds_a_paid_seat_for_48_hours(self) -> None:
        booking = hold(SessionFactory())

        assert (booking.status, booking.hold_expires_at) == ("held", NOW + timedelta(hours=48))

    def test_holds_a_paid_seat_no_longer_than_until_the_session_starts(self) -> None:
        session = SessionFactory(starts_at=NOW + timedelta(hours=3))

        assert hold(session).hold_expires_at == session.starts_at

    def test_refuses_a_second_seat(self) -> None:
        session, user = SessionFactory(capacity=3), UserFactory()
        book(session, user)

        with pytest.raises(services.AlreadyBooked):
            book(session, user)

        session.refresh_from_db()
        assert session.seats_left == 2

    def test_allows_a_new_seat_after_a_cancellation(self) -> None:
        session, user = SessionFactory(), UserFactory()
        services.cancel_booking(public_id=book(session, user).public_id, by=user.pk, at=NOW)

        assert book(session, user).status == "confirmed"

    def test_mails_the_confirmation_after_the_commit(
        self, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks, eager_tasks: None
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            booking = book(SessionFactory(), UserFactory())
            assert mail.outbox == []

        (sent,) = mail.outbox
        assert sent.to == [booking.attendee.email]

    def test_mails_nothing_after_a_rollback(
        self, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks, eager_tasks: None
    ) -> None:
        session, user = SessionFactory(), UserFactory()

        with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
            book(session, user)
            transaction.set_rollback(True)

        assert mail.outbox == []
        assert not Booking.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestBookSeatConcurrently:
    def test_never_sells_more_seats_than_there_are(self) -> None:
        session = SessionFactory(capacity=3)
        people = UserFactory.create_batch(20)

        refused = testing.run_concurrently(*(partial(book, session, person) for person in people))

        session.refresh_from_db()
        assert [type(error) for error in refused] == [catalog.SessionFull] * 17
        assert Booking.objects.filter(session=session).count() == 3
        assert session.seats_left == 0

    def test_gives_one_person_one_seat(self) -> None:
        session, person = SessionFactory(capacity=8), UserFactory()

        refused = testing.run_concurrently(*[partial(book, session, person)] * 4)

        session.refresh_from_db()
        assert [type(error) for error in refused] == [services.AlreadyBooked] * 3
        assert session.seats_left == 7


@pytest.mark.django_db
class TestRecordPayment:
    def test_confirms_a_held_seat_and_mails_the_confirmation(
        self, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks, eager_tasks: None
    ) -> None:
        booking = hold(SessionFactory())

        with django_capture_on_commit_callbacks(execute=True):
            services.record_payment(booking_id=booking.pk, at=NOW)

        booking.refresh_from_db()
        assert booking.status == "confirmed"
        assert len(mail.outbox) == 1

    def test_refuses_a_hold_that_is_over(self) -> None:
        booking = hold(SessionFactory())

        with pytest.raises(services.HoldExpired):
            services.record_payment(booking_id=booking.pk, at=NOW + timedelta(hours=48))

    def test_refuses_a_session_that_was_moved_and_has_started(self) -> None:
        booking = hold(SessionFactory())
        start = move(booking.session, to=NOW + timedelta(hours=1))

        with pytest.raises(services.HoldExpired):
            services.record_payment(booking_id=booking.pk, at=start)


@pytest.mark.django_db
class TestCancelBooking:
    def test_frees_the_seat_once(self) -> None:
        session, user = SessionFactory(capacity=2), UserFactory()
        booking = book(session, user)
        services.cancel_booking(public_id=booking.public_id, by=user.pk, at=NOW)

        with pytest.raises(services.BookingNotFound):
            services.cancel_booking(public_id=booking.public_id, by=user.pk, at=NOW)

        session.refresh_from_db()
        assert session.seats_left == 2

    def test_refuses_a_session_that_has_started(self) -> None:
        booking = book(SessionFactory(), UserFactory())

        with pytest.raises(services.BookingNotFound):
            services.cancel_booking(
                public_id=booking.public_id,
                by=booking.attendee_id,
                at=booking.session.starts_at,
            )

    def test_refuses_the_booking_of_another_person(self) -> None:
        booking = book(SessionFactory(), UserFactory())

        with pytest.raises(services.BookingNotFound):
            services.cancel_booking(public_id=booking.public_id, by=UserFactory().pk, at=NOW)


@pytest.mark.django_db
class TestExpireUnpaidHolds:
    def test_frees_the_seats_that_were_not_paid(self) -> None:
        session = SessionFactory(capacity=3)
        unpaid, paid = hold(session), hold(session)
        services.record_payment(booking_id=paid.pk, at=NOW)

        assert services.expire_unpaid_holds(at=NOW + timedelta(hours=48)) == 1

        unpaid.refresh_from_db()
        session.refresh_from_db()
        assert (unpaid.status, session.seats_left) == ("expired", 2)

    def test_ends_a_hold_when_its_session_was_moved_and_starts(self) -> None:
        booking = hold(SessionFactory())
        start = move(booking.session, to=NOW + timedelta(hours=1))

        assert services.expire_unpaid_holds(at=start - timedelta(seconds=1)) == 0
        assert services.expire_unpaid_holds(at=start) == 1

    def test_goes_on_after_a_session_whose_count_of_seats_is_wrong(self) -> None:
        wrong, right = hold(SessionFactory()), hold(SessionFactory())
        Session.objects.filter(pk=wrong.session_id).update(seats_left=8)

        assert services.expire_unpaid_holds(at=NOW + timedelta(hours=48)) == 1

        wrong.refresh_from_db()
        right.refresh_from_db()
        assert (wrong.status, right.status) == ("held", "expired")


@pytest.mark.django_db
class TestSendConfirmation:
    def test_sends_one_mail_however_often_it_is_called(self) -> None:
        booking = BookingFactory()

        for _ in range(3):
            services.send_confirmation(booking_id=booking.pk, at=NOW)

        booking.refresh_from_db()
        assert len(mail.outbox) == 1
        assert booking.session.workshop.title in mail.outbox[0].body
        assert booking.confirmation_sent_at == NOW

    def test_sends_nothing_for_a_cancelled_booking(self) -> None:
        booking = BookingFactory(status=Booking.Status.CANCELLED)

        services.send_confirmation(booking_id=booking.pk, at=NOW)

        assert mail.outbox == []

    def test_can_be_repeated_after_the_mail_server_failed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        booking = BookingFactory()
        with monkeypatch.context() as patch:
            patch.setattr(clients, "mail_confirmation", refuse)
            with pytest.raises(ConnectionRefusedError):
                services.send_confirmation(booking_id=booking.pk, at=NOW)

        services.send_confirmation(booking_id=booking.pk, at=NOW)

        assert len(mail.outbox) == 1

    def test_sends_no_second_mail_if_the_first_could_not_be_noted(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        booking = BookingFactory()
        with monkeypatch.context() as patch:
            # As if the table could not be written to.
            patch.setattr(services, "Booking", SimpleNamespace(Status=Booking.Status))
            with pytest.raises(AttributeError):
                services.send_confirmation(booking_id=booking.pk, at=NOW)

        services.send_confirmation(booking_id=booking.pk, at=NOW)

        booking.refresh_from_db()
        assert (len(mail.outbox), booking.confirmation_sent_at) == (1, NOW)


@pytest.mark.django_db
class TestResendOverdueConfirmations:
    def test_finds_what_should_have_been_sent_ten_minutes_ago(
        self, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks, eager_tasks: None
    ) -> None:
        overdue = BookingFactory(booked_at=NOW - timedelta(minutes=10))
        BookingFactory(booked_at=NOW - timedelta(minutes=9))
        BookingFactory(booked_at=NOW - timedelta(days=1), confirmation_sent_at=NOW)
        BookingFactory(booked_at=NOW - timedelta(days=1), session__starts_at=NOW)

        with django_capture_on_commit_callbacks(execute=True):
            assert services.resend_overdue_confirmations(at=NOW) == 1

        (sent,) = mail.outbox
        assert sent.to == [overdue.attendee.email]

    def test_leaves_what_failed_for_good_to_people(self, monkeypatch: pytest.MonkeyPatch) -> None:
        failed, _lost = BookingFactory.create_batch(2, booked_at=NOW - timedelta(hours=1))
        monkeypatch.setattr(clients, "mail_confirmation", refuse)
        tasks.send_confirmation.apply(kwargs={"booking_id": failed.pk}, throw=False)

        assert services.resend_overdue_confirmations(at=NOW) == 1


def refuse(**_: object) -> None:
    """Fail as `mail_confirmation` does when no mail server answers."""
    raise ConnectionRefusedError("no mail server")
