"""Limits, schedules and times stand in the runbooks as they are in the code."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.template.living import python
from tests.template.runbooks import Runbook

FIGURES = """
import json, math
from apps.bookings import services as bookings, tasks
from apps.insights import services as insights, tasks as figures
from config import celery_app, gunicorn
from trellis import probes
from trellis.caching import figures as cache_figures, outage
from trellis.web import limits

def minutes(time):
    return time.total_seconds() / 60

mail = tasks.send_confirmation
print(json.dumps({
    "sign_in": limits.ALLOWED[limits.SIGN_IN],
    "sign_up": limits.ALLOWED[limits.SIGN_UP],
    "reset": limits.ALLOWED[limits.PASSWORD_RESET],
    "trust_days": limits.TRUST_LASTS.days,
    "tries": mail.max_retries + 1,
    # Each wait is at most twice as long as the one before.
    "retries_minutes": mail.retry_backoff * (2**mail.max_retries - 1) / 60,
    "overdue_minutes": minutes(bookings.OVERDUE_AFTER),
    "resend_minutes": minutes(tasks.resend_overdue_confirmations.schedule),
    "days_back": insights.DAYS_BACK.days,
    "days_ahead": insights.DAYS_AHEAD.days,
    "refresh_minutes": minutes(figures.refresh_daily_occupancy.schedule),
    "refresh_seconds": figures.refresh_daily_occupancy.soft_time_limit,
    "bypass_seconds": outage.BYPASS_SECONDS,
    "log_seconds": outage.LOG_SECONDS,
    "write_seconds": cache_figures.WRITE_SECONDS,
    "stop_web": gunicorn.graceful_timeout,
    "stop_worker": celery_app.conf.worker_soft_shutdown_timeout,
    "threads": gunicorn.threads,
    "ready_seconds": math.ceil(probes.SECONDS),
}))
"""


@pytest.fixture(scope="module")
def figures(desk_project: Path) -> Any:
    return json.loads(python(desk_project, FIGURES))


class TestFigures:
    @pytest.mark.parametrize(
        ("runbook", "claim"),
        [
            (
                "accounts",
                "| {sign_in[name and address][0]} | email address and IP address"
                " | {sign_in[name and address][1]} minutes after the first |",
            ),
            (
                "accounts",
                "| {sign_in[address][0]} | IP address (of IPv6 the first 64 bits)"
                " | {sign_in[address][1]} minutes after the first |",
            ),
            (
                "accounts",
                "| {sign_in[name][0]} | email address"
                " | {sign_in[name][1]} minutes after the first |",
            ),
            (
                "accounts",
                "mailed {sign_up[name][0]} times in {sign_up[name][1]} minutes to one person,"
                " and {sign_up[address][0]} times from one IP address",
            ),
            (
                "accounts",
                "mailed {reset[name][0]} times in {reset[name][1]} minutes to one person,"
                " and {reset[address][0]} times from one IP address",
            ),
            ("accounts", "signed in during the last {trust_days} days, only the first row holds"),
            ("bookings", "It is tried {tries} times within some minutes"),
            (
                "bookings",
                "looks every {resend_minutes:.0f} minutes for confirmed bookings that are older"
                " than {overdue_minutes:.0f} minutes",
            ),
            ("caches", "Processes write these figures every {write_seconds:.0f} seconds"),
            ("caches", '"The cache cannot be reached" in the log, every {log_seconds:.0f} seconds'),
            ("caches", "a process bypasses the cache for {bypass_seconds:.0f} seconds"),
            ("tasks", "finishes what it can in {stop_worker:.0f} seconds"),
            (
                "../deploy",
                "requests end (at most {stop_web} s) and tasks end ({stop_worker:.0f} s;",
            ),
            ("../deploy", "503 without the database, within {ready_seconds} s"),
            ("../deploy", "takes {threads} connections to PostgreSQL"),
            ("insights", "for the last {days_back} and the next {days_ahead} days"),
            ("insights", "computes it every {refresh_minutes:.0f} minutes"),
            ("insights", "`SoftTimeLimitExceeded`, its {refresh_seconds} seconds"),
        ],
    )
    def test_are_those_of_the_code(
        self, runbook: str, claim: str, desk_project: Path, figures: Any
    ) -> None:
        assert claim.format(**figures) in Runbook(desk_project, runbook).prose

    def test_leave_a_confirmation_time_for_all_its_tries(self, figures: Any) -> None:
        assert figures["retries_minutes"] < figures["overdue_minutes"]
