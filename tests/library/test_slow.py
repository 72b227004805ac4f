import json
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from pytest_django import Settings

from trellis import web
from trellis.management.commands import slow


def line(view: str, duration_ms: float, queries: int) -> str:
    said = {"event": "request_finished", "view": view}
    return json.dumps(said | {"duration_ms": duration_ms, "queries": queries})


class TestRequestFinished:
    @pytest.mark.django_db
    def test_says_what_the_request_cost(
        self, client: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        client.get("/accounts/login/")

        (said,) = [r.msg for r in caplog.records if "request_finished" in str(r.msg)]
        assert isinstance(said, dict)
        assert said["view"] == "GET /accounts/login/"
        assert said["duration_ms"] > 0
        assert said["queries"] == 0

    @pytest.mark.django_db
    def test_counts_each_query(
        self, admin_client: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        admin_client.get("/admin/auth/group/")

        (said,) = [r.msg for r in caplog.records if "request_finished" in str(r.msg)]
        assert isinstance(said, dict)
        assert said["queries"] > 3

    @pytest.mark.django_db
    def test_leaves_out_what_a_cache_in_the_database_asks(
        self, rf: RequestFactory, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.db.DatabaseCache",
                "LOCATION": "kept_answers",
            }
        }
        call_command("createcachetable", verbosity=0)

        def page(request: HttpRequest) -> HttpResponse:
            cache.set("answer", cache.get("absent"))
            get_user_model().objects.exists()
            return HttpResponse()

        web.RequestMiddleware(page)(rf.get("/"))

        (said,) = [r.msg for r in caplog.records if "request_finished" in str(r.msg)]
        assert isinstance(said, dict)
        assert said["queries"] == 1


class TestSlow:
    def test_lists_the_dearest_view_first(self, tmp_path: Path) -> None:
        log = tmp_path / "web.log"
        cheap = [line("GET reports", 1, 0)] * 10
        dear = [line("POST reports", 10 * number, number) for number in range(1, 21)]
        log.write_text("\n".join([*cheap, "Traceback ...", "12:00 web.1 | " + dear[0], *dear[1:]]))
        out = StringIO()

        call_command("slow", str(log), stdout=out)

        header, *rows = [row.split() for row in out.getvalue().splitlines()]
        assert header[0] == "VIEW"
        assert rows == [
            ["POST", "reports", "20", "2.1", "105.0", "190", "10", "20"],
            ["GET", "reports", "10", "0.0", "1.0", "1", "0", "0"],
        ]

    def test_passes_over_what_is_no_finished_request(self) -> None:
        others = ["", "{", "[1]", '{"event": "request_started"}', '{"event": "request_finished"}']

        assert list(slow.finished(others)) == []

    @pytest.mark.parametrize("content", [None, "Ready.\n"])
    def test_says_what_is_missing(self, tmp_path: Path, content: str | None) -> None:
        log = tmp_path / "web.log"
        if content:
            log.write_text(content)

        with pytest.raises(CommandError, match="LOG_JSON=1" if content else "No such file"):
            call_command("slow", str(log))

    def test_reads_what_development_logs_or_the_standard_input(
        self, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.LOG_FILE = tmp_path / "app.jsonl"
        settings.LOG_FILE.write_text(line("GET logged", 1, 0))
        monkeypatch.setattr("sys.stdin", StringIO(line("GET piped", 1, 0)))
        logged, piped = StringIO(), StringIO()

        call_command("slow", stdout=logged)
        call_command("slow", "-", stdout=piped)

        assert "GET logged" in logged.getvalue()
        assert "GET piped" in piped.getvalue()
