from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from tests.library.conftest import fail
from trellis.models import FailedTask

LIST = "admin:trellis_failedtask_changelist"
pytestmark = pytest.mark.django_db


@pytest.fixture
def row(task: Any) -> FailedTask:
    return fail(task, kwargs={"what": ""})


def run_action(client: Client, action: str, *rows: FailedTask) -> str:
    """Run an action on rows and return the page that follows."""
    chosen = {"action": action, ACTION_CHECKBOX_NAME: [row.pk for row in rows]}
    return client.post(reverse(LIST), chosen, follow=True).content.decode()


class TestActions:
    def test_replay_a_row_once(
        self, row: FailedTask, admin_client: Client, eager_tasks: None
    ) -> None:
        page = run_action(admin_client, "replay", row)
        assert "Put back on its queue: tests.fragile." in page
        page = run_action(admin_client, "replay", row)
        assert f"Failed task {row.pk} was replayed already." in page

        row.refresh_from_db()
        assert row.state == "replayed"

    def test_discard_a_row(self, row: FailedTask, admin_client: Client) -> None:
        assert "Discarded: tests.fragile." in run_action(admin_client, "discard", row)

        row.refresh_from_db()
        assert row.state == "discarded"

    def test_are_refused_to_staff_without_permission(self, row: FailedTask, client: Client) -> None:
        staff = get_user_model().objects.create(email="staff@example.org", is_staff=True)
        client.force_login(staff)

        run_action(client, "discard", row)

        row.refresh_from_db()
        assert row.state == "open"
        runbook = reverse("admin:trellis_failedtask_runbook", args=[row.pk])
        assert client.get(runbook).status_code == 404


class TestList:
    def test_filters_by_owner_and_task_and_searches_errors(
        self, row: FailedTask, admin_client: Client
    ) -> None:
        for query in ({"owner": row.owner}, {"name": row.name}, {"q": "ValueError"}):
            assert "broken" in admin_client.get(reverse(LIST), query).content.decode()
        assert "broken" not in admin_client.get(reverse(LIST), {"owner": "x"}).content.decode()

    def test_has_a_title_and_the_runbook_before_the_error(
        self, row: FailedTask, admin_client: Client
    ) -> None:
        page = admin_client.get(reverse(LIST)).content.decode()

        assert "<h1>Failed tasks</h1>" in page
        assert page.index("column-runbook") < page.index("column-error")

    def test_links_to_the_runbook_of_the_owner(self, row: FailedTask, admin_client: Client) -> None:
        runbook = reverse("admin:trellis_failedtask_runbook", args=[row.pk])

        assert runbook in admin_client.get(reverse(LIST)).content.decode()
        assert admin_client.get(runbook).content.startswith(b"# Runbook: tasks")


class TestDetail:
    def test_shows_a_row_and_cannot_change_or_delete_it(
        self, row: FailedTask, admin_client: Client
    ) -> None:
        page = admin_client.get(reverse("admin:trellis_failedtask_change", args=[row.pk]))

        assert page.status_code == 200
        assert b"_save" not in page.content
        assert b"deletelink" not in page.content

    def test_cannot_be_added_by_hand(self, admin_client: Client) -> None:
        assert admin_client.get(reverse("admin:trellis_failedtask_add")).status_code == 403
