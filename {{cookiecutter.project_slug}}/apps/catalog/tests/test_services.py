from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from apps.catalog import caches, exceptions, selectors, services
from apps.catalog.models import Session, Workshop
from apps.catalog.tests.factories import SessionFactory, WorkshopFactory

NOW = datetime(2130, 1, 1, tzinfo=UTC)


@pytest.mark.django_db
class TestScheduleSession:
    def test_announces_it_with_every_seat_free(self) -> None:
        session = services.schedule_session(
            workshop_id=WorkshopFactory().pk,
            starts_at=NOW + timedelta(days=1),
            minutes=90,
            room="Yard",
            capacity=5,
            price_cents=0,
            at=NOW,
        )

        assert session.seats_left == 5

    def test_refuses_a_time_that_has_passed(self) -> None:
        with pytest.raises(services.InThePast):
            services.schedule_session(
                workshop_id=WorkshopFactory().pk,
                starts_at=NOW,
                minutes=90,
                room="Yard",
                capacity=5,
                price_cents=0,
                at=NOW,
            )


@pytest.mark.django_db
class TestTakeSeat:
    def test_takes_exactly_one(self) -> None:
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
        with pytest.raises(exceptions.SessionNotFound):
            services.take_seat(public_id=uuid4(), at=NOW)


@pytest.mark.django_db
class TestGiveBackSeat:
    def test_frees_one(self) -> None:
        session = SessionFactory(capacity=3, seats_left=1)

        services.give_back_seat(session_id=session.pk)

        session.refresh_from_db()
        assert session.seats_left == 2

    def test_cannot_free_more_than_the_room_holds(self) -> None:
        session = SessionFactory(capacity=3)

        with pytest.raises(IntegrityError), transaction.atomic():
            services.give_back_seat(session_id=session.pk)


@pytest.mark.django_db
class TestSeatsLeft:
    @pytest.mark.parametrize("seats_left", [-1, 4])
    def test_is_held_within_the_capacity_by_the_database(self, seats_left: int) -> None:
        session = SessionFactory(capacity=3)

        with pytest.raises(IntegrityError), transaction.atomic():
            Session.objects.filter(pk=session.pk).update(seats_left=seats_left)


@pytest.mark.django_db
class TestAnnounceProgramme:
    def test_changes_nothing_the_second_time(self) -> None:
        for _ in range(2):
            services.announce_programme(programme=[("Bread", "Flour.", 0)], at=NOW)

        assert Session.objects.count() == 2

    def test_leaves_a_workshop_alone_whose_summary_was_revised(self) -> None:
        services.announce_programme(programme=[("Bread", "Flour.", 0)], at=NOW)
        Workshop.objects.update(summary="Flour and patience.")

        services.announce_programme(programme=[("Bread", "Flour.", 0)], at=NOW)

        assert Workshop.objects.get().summary == "Flour and patience."


# The cache is passed by inside a transaction, so these tests commit for real.
@pytest.mark.django_db(transaction=True)
class TestForgetting:
    def test_a_moved_session_shows_its_new_time_at_once(self) -> None:
        session = SessionFactory()
        assert selectors.session(public_id=session.public_id).starts_at == session.starts_at
        later = session.starts_at + timedelta(days=1)

        services.reschedule_session(public_id=session.public_id, starts_at=later, at=NOW)

        assert selectors.session(public_id=session.public_id).starts_at == later

    def test_a_taken_seat_is_gone_at_once(self) -> None:
        session = SessionFactory(capacity=2)
        selectors.session(public_id=session.public_id)

        services.take_seat(public_id=session.public_id, at=NOW)

        assert selectors.session(public_id=session.public_id).seats_left == 1

    def test_a_rolled_back_change_is_never_shown(self) -> None:
        session = SessionFactory(capacity=2)

        with transaction.atomic():
            services.take_seat(public_id=session.public_id, at=NOW)
            selectors.session(public_id=session.public_id)
            transaction.set_rollback(True)

        assert selectors.session(public_id=session.public_id).seats_left == 2

    def test_revised_words_are_shown_at_once(self) -> None:
        session = SessionFactory()
        selectors.session(public_id=session.public_id)
        session.workshop.title = "New title"

        services.revise_workshop(workshop=session.workshop)

        assert selectors.session(public_id=session.public_id).title == "New title"

    def test_what_is_declared_to_forget_exists(self) -> None:
        for dotted in caches.session.invalidated_by:
            assert hasattr(services, dotted.rpartition(".")[2])
