"""Each probe on the sample project. Servers that are away: tests/template/test_doctor.py."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from time import monotonic

import pytest
from celery import current_app, shared_task
from django.core.files.storage import default_storage
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from pytest_django import Settings

from trellis import probes
from trellis.tasks import runs

NEED_A_WORKER = {"workers", "schedule"}


def probe(ask: Callable[[], str]) -> probes.Probe:
    return probes.Probe(ask.__name__, ask, fix="Mend it.", needs="")


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


class TestAnswer:
    def test_says_what_the_probe_found(self) -> None:
        def works() -> str:
            return "version 1"

        assert probes.answer(probe(works)) == probes.Answer(True, "version 1")

    def test_puts_any_error_into_one_line(self) -> None:
        def fails() -> str:
            raise ConnectionRefusedError("nobody\n  listens" + " to it" * 100)

        answer = probes.answer(probe(fails))

        assert not answer.ok
        assert answer.text.startswith("ConnectionRefusedError: nobody listens to it")
        assert len(answer.text) == 300

    def test_shows_no_password_of_a_url(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SOME_URL", "amqp://user:hunter%402@host//")

        def fails() -> str:
            raise OSError("hunter%402 or hunter@2 was refused")

        assert probes.answer(probe(fails)).text == "OSError: … or … was refused"

    def test_waits_for_a_bounded_time(self, gate: threading.Event) -> None:
        def hangs() -> str:
            gate.wait(10)
            return ""

        began = monotonic()
        answer = probes.answer(probe(hangs), seconds=0.1)

        assert answer == probes.Answer(False, "no answer in 0.1 s")
        assert monotonic() - began < 2

    def test_lets_at_most_one_thread_wait(self, gate: threading.Event) -> None:
        asked: list[str] = []

        def hangs_for_all() -> str:
            asked.append("")
            gate.wait(10)
            return "works again"

        hanging = probe(hangs_for_all)
        with ThreadPoolExecutor() as pool:
            answers = list(pool.map(lambda _: probes.answer(hanging, seconds=0.2), range(8)))
        gate.set()

        assert not any(answer.ok for answer in answers)
        assert len(asked) == 1
        assert probes.answer(hanging) == probes.Answer(True, "works again")

    def test_tells_an_error_of_its_own_from_silence(self) -> None:
        def times_out() -> str:
            raise TimeoutError("of the socket")

        assert probes.answer(probe(times_out)).text == "TimeoutError: of the socket"


@pytest.mark.django_db(transaction=True)
class TestProbes:
    @pytest.mark.parametrize(
        "name", [one.name for one in probes.ALL if one.name not in NEED_A_WORKER]
    )
    def test_succeeds_where_all_is_well(self, name: str) -> None:
        (found,) = (one for one in probes.ALL if one.name == name)

        answer = probes.answer(found, seconds=10)

        assert answer.ok, answer.text

    def test_needs_only_what_was_asked_before(self) -> None:
        names = [one.name for one in probes.ALL]

        for one in probes.ALL:
            assert one.needs in ["", *names[: names.index(one.name)]]

    def test_leaves_no_table(self) -> None:
        before = connection.introspection.table_names()

        assert probes.answer(probes.rights).ok

        assert connection.introspection.table_names() == before


class TestMigrations:
    @pytest.mark.django_db(transaction=True)
    def test_names_what_is_not_applied(self) -> None:
        recorder = MigrationRecorder(connection)
        recorder.record_unapplied("trellis", "0001_initial")
        try:
            answer = probes.answer(probes.migrations)
        finally:
            recorder.record_applied("trellis", "0001_initial")

        assert answer == probes.Answer(False, "not applied: trellis.0001_initial")


class TestClock:
    @pytest.mark.django_db(transaction=True)
    def test_reports_a_host_whose_time_is_another(self, monkeypatch: pytest.MonkeyPatch) -> None:
        if connection.vendor != "postgresql":
            pytest.skip("SQLite has no clock of its own")
        monkeypatch.setattr(probes, "MAX_SKEW", -1.0)

        answer = probes.answer(probes.clock)

        assert (answer.ok, "s from this host's" in answer.text) == (False, True)


class TestDisk:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, settings: Settings) -> Path:
        settings.BASE_DIR, settings.VAR_DIR = tmp_path, tmp_path / "var"
        settings.VAR_DIR.mkdir(mode=0o700)
        (tmp_path / ".env").touch(mode=0o600)
        return tmp_path

    def test_wants_a_folder_that_it_can_write_to(self, folder: Path) -> None:
        (folder / "var").rmdir()

        assert "No such file" in probes.answer(probes.disk).text

    @pytest.mark.parametrize("name", ["var", ".env"])
    def test_wants_that_nobody_else_reads_it(self, folder: Path, name: str) -> None:
        assert probes.answer(probes.disk).ok
        (folder / name).chmod(0o740)

        assert probes.answer(probes.disk).text == f"others may read it: chmod go= '{folder / name}'"

    def test_wants_free_space(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(probes, "MIN_FREE", 10**18)

        assert "MB free: make room" in probes.answer(probes.disk).text


class TestProxy:
    @pytest.fixture(autouse=True)
    def production(self, settings: Settings) -> None:
        settings.PRODUCTION, settings.SECURE_SSL_REDIRECT, settings.PROXY_COUNT = True, True, 1

    def test_counts_those_in_front(self) -> None:
        assert probes.answer(probes.proxy) == probes.Answer(True, "1 in front")

    def test_sees_pages_that_would_redirect_to_themselves(self, settings: Settings) -> None:
        settings.PROXY_COUNT = 0

        assert "redirects to HTTPS for ever" in probes.answer(probes.proxy).text

    def test_sees_an_origin_without_tls(self, settings: Settings) -> None:
        settings.CSRF_TRUSTED_ORIGINS = ["https://a.example", "http://b.example"]

        assert probes.answer(probes.proxy).text.endswith("needs https:// before http://b.example")


class TestChecks:
    @pytest.mark.django_db(transaction=True)
    def test_adds_those_for_production_there(self, settings: Settings) -> None:
        settings.PRODUCTION = True

        assert "security.W" in probes.answer(probes.checks, seconds=10).text

    @pytest.mark.django_db(transaction=True)
    def test_sees_a_variable_that_is_misspelled(self, settings: Settings, tmp_path: Path) -> None:
        settings.BASE_DIR = tmp_path
        (tmp_path / ".env.example").write_text("# DATABASE_URL=postgres://…\nDEBUG=true\n")
        (tmp_path / ".env").write_text("DATABSE_URL=postgres://…\nDEBUG=true\nPORT=8000\n")

        assert probes.answer(probes.checks, seconds=10) == probes.Answer(
            False, "nothing reads DATABSE_URL in .env. Did you mean DATABASE_URL?"
        )


class TestWorkers:
    def test_needs_one_that_answers(self) -> None:
        assert probes.answer(probes.workers) == probes.Answer(False, "none answers")

    def test_needs_one_for_each_queue(self, monkeypatch: pytest.MonkeyPatch) -> None:
        @shared_task(name="tests.of_a_new_queue", queue="new")
        def of_a_new_queue() -> None: ...

        class Answering:
            def active_queues(self) -> dict[str, list[dict[str, str]]]:
                return {"celery@host": [{"name": "default"}, {"name": "mail"}]}

        monkeypatch.setattr(current_app.control, "inspect", lambda **_: Answering())

        assert probes.answer(probes.workers).text == "none has new among its --queues"


@pytest.mark.django_db(transaction=True)
class TestSchedule:
    def test_needs_a_run_in_the_last_minutes(self) -> None:
        late = "late: trellis.republish_unpublished"
        assert probes.answer(probes.schedule).text.startswith(late)

        for task in ("trellis.republish_unpublished", "apps.other"):
            runs.note_success(name=task, at=timezone.now())

        assert probes.answer(probes.schedule).ok


class TestMail:
    def test_needs_no_server_where_mails_are_kept(self) -> None:
        assert probes.answer(probes.mail).text.startswith("no server: ")


class TestCache:
    def test_wants_back_what_was_stored(self, settings: Settings) -> None:
        dummy = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
        settings.CACHES = {"default": dummy}

        answer = probes.answer(probes.cache)

        assert answer == probes.Answer(False, "does not return what was stored")


class TestStorage:
    def test_wants_a_folder_that_it_can_write_to(self, settings: Settings, tmp_path: Path) -> None:
        (tmp_path / "media").write_text("a file")
        settings.MEDIA_ROOT = tmp_path / "media"

        answer = probes.answer(probes.storage)

        assert not answer.ok
        assert "media" in answer.text

    def test_wants_back_what_was_stored_and_leaves_no_file(
        self, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.MEDIA_ROOT = tmp_path
        assert probes.answer(probes.storage).ok

        monkeypatch.setattr(default_storage, "open", lambda name: BytesIO(b""))
        answer = probes.answer(probes.storage)

        assert answer == probes.Answer(False, "does not return what was stored")
        assert list(tmp_path.iterdir()) == []


class TestBroker:
    def test_wants_back_what_was_published(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("trellis.probes.time.sleep", lambda seconds: None)
        monkeypatch.setattr("trellis.probes.Queue.get", lambda queue: None)

        answer = probes.answer(probes.broker)

        assert answer == probes.Answer(False, "does not return a message")
