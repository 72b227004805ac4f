from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from trellis import testing

from apps.accounts.tests.factories import UserFactory
from apps.catalog import selectors, services, types
from apps.catalog.models import Session, Workshop
from apps.catalog.tests.factories import SessionFactory, TagFactory, WorkshopFactory
from apps.catalog.tests.pictures import picture

NOW = datetime(2130, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=30)


def schedule(*, starts_at: datetime, workshop: Workshop | None = None) -> int:
    return services.schedule_session(
        workshop_id=(workshop or WorkshopFactory()).pk,
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
        services.announce_workshop(title="Bread", summary="Flour.", at=NOW)

        with pytest.raises(services.TitleTaken):
            services.announce_workshop(title="Bread", summary="Water.", at=NOW)


@pytest.mark.django_db
class TestReviseWorkshop:
    def test_changes_the_tags(self) -> None:
        workshop, tag = WorkshopFactory(), TagFactory()

        services.revise_workshop(
            workshop_id=workshop.pk, title="New", summary="Words", tags=[tag.name]
        )

        assert [*workshop.tags.all()] == [tag]


def propose(*, by: int = 0, title: str = "Bread", tags: Sequence[str] = ()) -> int:
    return services.propose_workshop(
        title=title, summary="Flour.", tags=tags, picture=picture(), by=by or UserFactory().pk
    )


def stored() -> list[str]:
    return default_storage.listdir("workshops")[1] if default_storage.exists("workshops") else []


@pytest.mark.django_db(transaction=True)
class TestProposeWorkshop:
    @pytest.fixture(autouse=True)
    def _empty_storage(self, eager_tasks: None) -> None:
        for name in stored():
            default_storage.delete(f"workshops/{name}")

    def test_keeps_the_picture_and_shows_it_once_it_is_published(self) -> None:
        workshop = Workshop.objects.get(pk=propose())
        services.publish_proposal(workshop_id=workshop.pk, at=NOW)

        session = SessionFactory(workshop=workshop)

        assert read(session.public_id).picture == workshop.picture.name
        assert len(stored()) == 1

    @pytest.mark.parametrize(
        ("refused", "error"),
        [({"title": "Taken"}, services.TitleTaken), ({"tags": ["none"]}, services.UnknownTag)],
    )
    def test_keeps_no_picture_of_what_is_refused(
        self, refused: dict[str, Any], error: type[Exception]
    ) -> None:
        WorkshopFactory(title="Taken")

        with pytest.raises(error):
            propose(**refused)

        assert stored() == []

    def test_refuses_a_sixth_proposal_that_waits(self) -> None:
        by = UserFactory().pk
        for number in range(services.MAX_WAITING_PROPOSALS):
            propose(by=by, title=f"Bread {number}")

        with pytest.raises(services.TooManyProposals):
            propose(by=by)

        assert len(stored()) == services.MAX_WAITING_PROPOSALS

    def test_lets_one_of_two_at_the_same_time_have_the_title(self) -> None:
        people = UserFactory.create_batch(2)

        results = testing.run_concurrently(*(partial(propose, by=person.pk) for person in people))

        assert sum(isinstance(result, services.TitleTaken) for result in results) == 1
        assert len(stored()) == 1

    def test_deletes_what_is_rejected_with_its_picture(self) -> None:
        workshop_id = propose()

        services.reject_proposal(workshop_id=workshop_id)

        assert not Workshop.objects.exists()
        assert stored() == []

    def test_keeps_the_picture_if_the_rejection_is_rolled_back(self) -> None:
        workshop_id = propose()

        with transaction.atomic():
            services.reject_proposal(workshop_id=workshop_id)
            transaction.set_rollback(True)

        assert Workshop.objects.exists()
        assert len(stored()) == 1

    def test_neither_publishes_nor_rejects_what_is_published(self) -> None:
        workshop = WorkshopFactory()

        with pytest.raises(services.NotAProposal):
            services.publish_proposal(workshop_id=workshop.pk, at=NOW)
        with pytest.raises(services.NotAProposal):
            services.reject_proposal(workshop_id=workshop.pk)


@pytest.mark.django_db
class TestScheduleSession:
    def test_refuses_a_proposal(self) -> None:
        with pytest.raises(ValidationError, match="not a valid choice"):
            schedule(starts_at=LATER, workshop=WorkshopFactory(published_at=None))

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


def read(public_id: UUID) -> types.SessionDetail:
    return selectors.session(public_id=public_id)
