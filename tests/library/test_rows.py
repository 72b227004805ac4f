from datetime import date, datetime

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.exceptions import FieldFetchBlocked
from pytest_django import DjangoAssertNumQueries

from trellis import reads
from trellis.reads.rows import Manager

pytestmark = pytest.mark.django_db


class TestManager:
    def test_fetches_a_relation_of_all_rows_in_one_query(
        self, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        manager: Manager[Permission] = Manager()
        manager.model = Permission

        with django_assert_num_queries(2):
            assert all(permission.content_type.model for permission in manager.all())


class TestPromised:
    def test_raises_for_a_relation_that_was_not_loaded(self) -> None:
        permission = reads.promised(Permission.objects.all())[0]

        with pytest.raises(FieldFetchBlocked, match=r"Permission\.content_type"):
            permission.content_type  # noqa: B018

    def test_gives_a_relation_that_was_loaded(self) -> None:
        rows = reads.promised(Permission.objects.select_related("content_type"))

        assert rows[0].content_type.model


class TestWithinDays:
    def test_includes_the_whole_of_the_first_and_the_last_day(self) -> None:
        for joined in ("01-31T23:59", "02-01T00:00", "02-02T23:59", "02-03T00:00"):
            at = datetime.fromisoformat(f"2030-{joined}+00:00")
            get_user_model().objects.create(email=f"{joined}@example.com", date_joined=at)
        days = reads.within_days("date_joined", first=date(2030, 2, 1), last=date(2030, 2, 2))

        found = get_user_model().objects.filter(days).order_by("date_joined")

        assert [person.date_joined.day for person in found] == [1, 2]
