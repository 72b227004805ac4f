from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from apps.catalog import selectors, services, types
from apps.catalog.models import Session, Workshop
from apps.catalog.tests.factories import SessionFactory, WorkshopFactory

NOW = datetime(2130, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=30)


def schedule(*, starts_at: datetime) -> int:
    return services.schedule_session(
        workshop_id=WorkshopFactory().pk,
        starts_at=starts_at,
        minutes=90,
        room="Yard",
        capacity=5,
        price_cents=0,
        at=NOW,
    )


@pytest.mark.django_db
class TestAnnounceWorkshop:
    def test_refuses_a_title_that_exists(self) -> None:
        services.announce_workshop(title="Bread", summary="Flour.")

        with pytest.raises(ValidationError):
            services.announce_workshop(title="Bread", summary="Water.")


@pytest.mark.django_db
class TestScheduleSession:
    def test_begins_with_every_seat_free(self) -> None:
        session_id = schedule(starts_at=LATER)

        assert Session.objects.get(pk=session_id).seats_left == 5

    def test_refuses_a_time_that_has_passed(self) -> None:
        with pytest.raises(services.InThePast):
            schedule(starts_at=NOW)


@pytest.mark.django_db
class TestRescheduleSession:
    def test_refuses_a_time_that_has_passed(self) -> None:
        with pytest.raises(services.InThePast):
            services.reschedule_session(session_id=SessionFactory().pk, starts_at=NOW, at=NOW)


@pytest.mark.django_db
class TestAnnounceProgramme:
    def test_changes_nothing_the_second_time(self) -> None:
        bread = types.PlannedWorkshop(
            title="Bread", summary="Flour.", room="Yard", capacity=8, price_cents=0
        )
        services.announce_programme(workshops=[bread], at=NOW)
        Workshop.objects.update(summary="Flour and patience.")

        services.announce_programme(workshops=[bread], at=NOW)

        assert Session.objects.count() == 2
        assert Workshop.objects.get().summary == "Flour and patience."


@pytest.mark.django_db
class TestTakeSeat:
    def test_takes_one(self) -> None:
        session = SessionFactory(capacity=3)

        assert services.take_seat(public_id=session.public_id, at=NOW).seats_left == 2

    def test_refuses_a_full_session(self) -> None:
        session = SessionFactory(seats_left=0)

        with pytest.raises(services.SessionFull):
            services.take_seat(public_id=session.public_id, at=NOW)

    def test_refuses_a_session_that_has_started(self) -> None:
        session = SessionFactory()

        with pytest.raises(services.SessionStarted):
            services.take_seat(public_id=session.public_id, at=session.starts_at)

    def test_refuses_a_session_that_does_not_exist(self) -> None:
        with pytest.raises(selectors.SessionNotFound):
            services.take_seat(public_id=uuid4(), at=NOW)


@pytest.mark.django_db
class TestGiveBackSeat:
    def test_frees_one(self) -> None:
        session = SessionFactory(capacity=3, seats_left=1)

        services.give_back_seat(session_id=session.pk)

        session.refresh_from_db()
        assert session.seats_left == 2

    def test_refuses_to_free_more_than_the_capacity(self) -> None:
        session = SessionFactory(capacity=3)

        with pytest.raises(IntegrityError), transaction.atomic():
            services.give_back_seat(session_id=session.pk)


# A transaction does not use the cache, so these tests commit.
@pytest.mark.django_db(transaction=True)
class TestCachedSession:
    def test_shows_a_new_time_at_once(self) -> None:
        session = cached_session()

        services.reschedule_session(session_id=session.pk, starts_at=LATER, at=NOW)

        assert read(session.public_id).starts_at == LATER

    def test_shows_a_taken_seat_at_once(self) -> None:
        session = cached_session()

        services.take_seat(public_id=session.public_id, at=NOW)

        assert read(session.public_id).seats_left == 7

    def test_shows_a_seat_given_back_at_once(self) -> None:
        session = cached_session(seats_left=1)

        services.give_back_seat(session_id=session.pk)

        assert read(session.public_id).seats_left == 2

    def test_shows_a_new_title_at_once(self) -> None:
        session = cached_session()

        services.revise_workshop(workshop_id=session.workshop_id, title="New", summary="Words")

        assert read(session.public_id).title == "New"

    def test_never_shows_what_was_rolled_back(self) -> None:
        session = cached_session()

        with transaction.atomic():
            services.take_seat(public_id=session.public_id, at=NOW)
            read(session.public_id)
            transaction.set_rollback(True)

        assert read(session.public_id).seats_left == 8


def cached_session(*, seats_left: int = 8) -> Session:
    session: Session = SessionFactory(seats_left=seats_left)
    read(session.public_id)
    return session


def read(public_id: UUID) -> types.Session:
    return selectors.session(public_id=public_id)
