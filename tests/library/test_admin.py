from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from trellis.models import FailedTask
from trellis.tasks import recording

LIST = "admin:trellis_failedtask_changelist"
pytestmark = pytest.mark.django_db


@pytest.fixture
def row(task: Any) -> FailedTask:
    recording.record(
        task=task,
        task_id="1",
        args=(),
        kwargs={"what": ""},
        error=ValueError("broken"),
        at=datetime(2020, 1, 2, tzinfo=UTC),
    )
    return FailedTask.objects.get()


def act(client: Client, action: str, *rows: FailedTask) -> str:
    chosen = {"action": action, ACTION_CHECKBOX_NAME: [row.pk for row in rows]}
    return client.post(reverse(LIST), chosen, follow=True).content.decode()


class TestFailedTasks:
    def test_are_replayed_and_then_no_more(
        self, row: FailedTask, admin_client: Client, eager_tasks: None
    ) -> None:
        assert "Put back on its queue: tests.fragile." in act(admin_client, "replay", row)
        assert f"Failed task {row.pk} was replayed already." in act(admin_client, "replay", row)

        row.refresh_from_db()
        assert row.state == "replayed"

    def test_are_discarded(self, row: FailedTask, admin_client: Client) -> None:
        assert "Discarded: tests.fragile." in act(admin_client, "discard", row)

        row.refresh_from_db()
        assert row.state == "discarded"

    def test_are_not_for_staff_without_permission(self, row: FailedTask, client: Client) -> None:
        staff = get_user_model().objects.create(email="staff@example.org", is_staff=True)
        client.force_login(staff)

        act(client, "discard", row)

        row.refresh_from_db()
        assert row.state == "open"
        runbook = reverse("admin:trellis_failedtask_runbook", args=[row.pk])
        assert client.get(runbook).status_code == 404

    def test_are_found_by_owner_and_task(self, row: FailedTask, admin_client: Client) -> None:
        for found in ({"owner": row.owner}, {"name": row.name}, {"q": "ValueError"}):
            assert "broken" in admin_client.get(reverse(LIST), found).content.decode()
        assert "broken" not in admin_client.get(reverse(LIST), {"owner": "x"}).content.decode()

    def test_are_listed_under_their_name(self, row: FailedTask, admin_client: Client) -> None:
        page = admin_client.get(reverse(LIST)).content.decode()

        assert "<h1>Failed tasks</h1>" in page
        assert page.index("column-attempts") < page.index("column-runbook")

    def test_lead_to_the_runbook_of_their_owner(
        self, row: FailedTask, admin_client: Client
    ) -> None:
        runbook = reverse("admin:trellis_failedtask_runbook", args=[row.pk])

        assert runbook in admin_client.get(reverse(LIST)).content.decode()
        assert admin_client.get(runbook).content.startswith(b"# Runbook: tasks")

    def test_are_shown_and_not_edited(self, row: FailedTask, admin_client: Client) -> None:
        page = admin_client.get(reverse("admin:trellis_failedtask_change", args=[row.pk]))

        assert page.status_code == 200
        assert b"_save" not in page.content
