"""What the settings make of an environment, and what other processes make of the settings."""

import json
import os
import runpy
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from traceback import format_exception
from typing import Any
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parent.parent
PRODUCTION = {
    "DJANGO_ENV": "production",
    "SECRET_KEY": "a-long-and-random-looking-value-0123456789-for-this-test",
    "ALLOWED_HOSTS": "example.com",
    "DATABASE_URL": "postgres://u:p@localhost/name",
    "CACHE_URL": "redis://localhost:6379/0",
    "CELERY_BROKER_URL": "redis://localhost:6379/1",
    "EMAIL_URL": "smtp+tls://u:p@localhost:587",
    "DEFAULT_FROM_EMAIL": "hello@example.com",
    "DEBUG": "",
    "SENTRY_DSN": "",
}


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "IGNORE_ENV_FILE": "1"} | environment,
        capture_output=True,
        text=True,
    )


def settings(root: str = str(ROOT), **environment: str) -> dict[str, Any]:
    """Return the settings of an environment. Raises `ImproperlyConfigured` as they do."""
    with (
        mock.patch.dict(os.environ, {"IGNORE_ENV_FILE": "1"} | environment, clear=True),
        mock.patch("config.logging.configure"),  # what these tests themselves log to stays
    ):
        return runpy.run_path(f"{root}/config/settings.py")


class TestProduction:
    def test_names_everything_that_is_missing_at_once(self) -> None:
        answer = manage("check", DJANGO_ENV="production", SECRET_KEY="change-me")

        assert answer.returncode != 0
        for name in PRODUCTION.keys() - {"DJANGO_ENV", "DEBUG", "SENTRY_DSN"}:
            assert f"  {name}: " in answer.stderr

    def test_has_no_deployment_warnings(self) -> None:
        answer = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)

        assert answer.returncode == 0, answer.stderr

    def test_refuses_debug(self) -> None:
        with pytest.raises(ImproperlyConfigured, match="Unset DEBUG"):
            settings(**PRODUCTION | {"DEBUG": "1"})

    def test_has_one_proxy_in_front_unless_told_and_development_none(self) -> None:
        assert settings(**PRODUCTION)["PROXY_COUNT"] == 1
        assert settings(**PRODUCTION | {"PROXY_COUNT": "2"})["PROXY_COUNT"] == 2
        assert settings()["PROXY_COUNT"] == 0

    def test_refuses_a_short_secret(self) -> None:
        with pytest.raises(ImproperlyConfigured, match="SECRET_KEY has 5 characters"):
            settings(**PRODUCTION | {"SECRET_KEY": "short"})


class TestBroker:
    """What Celery and kombu make of our settings, for each broker."""

    BROKERS = ("local://", "redis://", "amqp://")

    @pytest.mark.parametrize("url", BROKERS)
    def test_has_no_setting_that_celery_or_its_transport_does_not_know(self, url: str) -> None:
        assert celery(url)["unknown"] == []

    @pytest.mark.parametrize("url", BROKERS)
    def test_gets_back_what_a_killed_worker_held_but_not_without_end(self, url: str) -> None:
        assert celery(url)["task"] == {
            "acks_late": True,
            "acks_on_timeout": True,  # what takes too long has had its turn
            "ignore_result": True,
            "max_retries": 3,
            "reject_on_worker_lost": True,
            "retry_on_worker_lost": True,
        }
        assert celery(url)["prefetch"] == 1

    @pytest.mark.parametrize("url", BROKERS)
    def test_that_hangs_keeps_a_request_for_less_than_two_seconds(self, url: str) -> None:
        waits = celery(url)["timeouts"]

        assert len(waits) == (1 if url == "local://" else 3)
        assert 3 * max(waits) + celery(url)["pause"] < 2

    def test_in_files_says_where_it_works_and_what_to_do_elsewhere(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "platform", "win32")

        with pytest.raises(ImproperlyConfigured, match="needs Linux or macOS"):
            settings()

    def test_of_redis_hides_a_message_for_longer_than_it_may_wait_and_run(self) -> None:
        said = celery("redis://")

        assert said["visibility_timeout"] > said["longest_wait"] + said["time_limit"]
        assert said["unacked_mutex_expire"] == 10

    def test_of_rabbitmq_gives_every_queue_what_keeps_and_delays_messages(self) -> None:
        assert celery("amqp://")["queues"] == {
            "default": ["quorum", "topic"],
            "mail": ["quorum", "topic"],
        }
        assert celery("amqp://")["confirm_publish"] is True


@cache
def celery(url: str) -> dict[str, Any]:
    """Return what a process with `url` as its broker ends up with."""
    answer = manage("shell", "-v0", "-c", IN_CELERY, CELERY_BROKER_URL=url)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)  # type: ignore[no-any-return]


IN_CELERY = """
import inspect, json
from celery.app.defaults import NAMESPACES, flatten
from django.conf import settings
from config import celery_app as app
from trellis import tasks

ours = {name[7:].lower() for name in dir(settings) if name.startswith("CELERY_")}
connection = app.connection_for_write()
options, transport = connection.transport_options, connection.transport
takes = {"folder", "polling_interval"}
if transport.driver_type == "redis":
    takes = transport.Channel.from_transport_options
elif transport.driver_type == "amqp":
    takes = inspect.signature(transport.Connection).parameters
@app.task(name="tests.settings")
def task(): pass
attributes = ["acks_late", "acks_on_timeout", "ignore_result", "max_retries"]
attributes += ["reject_on_worker_lost", "retry_on_worker_lost"]
print(json.dumps({
    "unknown": [*ours - {name for name, _ in flatten(NAMESPACES)}, *set(options) - set(takes)],
    "task": {name: getattr(task, name) for name in attributes},
    "prefetch": app.conf.worker_prefetch_multiplier,
    "timeouts": [connection.connect_timeout, *(v for k, v in options.items()
        if k in {"socket_timeout", "socket_connect_timeout", "read_timeout", "write_timeout"})],
    "pause": app.conf.task_publish_retry_policy["interval_max"],
    "time_limit": app.conf.task_time_limit,
    "longest_wait": tasks.LONGEST_COUNTDOWN,
    "queues": {name: [(queue.queue_arguments or {}).get("x-queue-type"), queue.exchange.type]
        for name in ("default", "mail") for queue in [app.amqp.queues[name]]},
} | {name: options.get(name)
    for name in ("confirm_publish", "visibility_timeout", "unacked_mutex_expire")}))
"""


class TestMail:
    def test_can_be_printed_instead_of_sent(self) -> None:
        answer = manage(
            "sendtestemail", "to@example.com", **PRODUCTION | {"EMAIL_URL": "consolemail://"}
        )

        assert "To: to@example.com" in answer.stdout, answer.stderr

    @pytest.mark.parametrize(
        ("url", "port"),
        [("smtp+tls://u:p@host", 587), ("smtp+ssl://u:p@host", 465), ("smtp+ssl://u:p@host:1", 1)],
    )
    def test_goes_to_the_port_of_its_kind_of_encryption(self, url: str, port: int) -> None:
        mailer = settings(**PRODUCTION | {"EMAIL_URL": url})["MAILERS"]["default"]

        assert mailer["OPTIONS"]["port"] == port

    def test_keeps_what_the_database_url_says(self) -> None:
        url = "postgres://u:p@localhost/name?sslmode=require"

        said = settings(**PRODUCTION | {"DATABASE_URL": url})["DATABASES"]["default"]["OPTIONS"]

        assert said["sslmode"] == "require"


class TestAddress:
    @pytest.mark.parametrize(
        ("name", "example"),
        [
            ("DATABASE_URL", "postgres://user:password@host:5432/name"),
            ("CACHE_URL", "redis://host:6379/0"),
            ("CELERY_BROKER_URL", "redis://host:6379/1 or amqp://user:password@host:5672//"),
            ("EMAIL_URL", "smtp+tls://user:password@host:587"),
            ("SENTRY_DSN", "https://key@host/project"),
        ],
    )
    @pytest.mark.parametrize("address", ["nonsense", "nonsense://u:hidden@host", "nonsense:hidden"])
    def test_of_no_known_kind_is_named_beside_a_good_one(
        self, name: str, example: str, address: str
    ) -> None:
        with pytest.raises(ImproperlyConfigured) as error:
            settings(**{name: address})

        assert str(error.value).endswith(f"{name} is 'nonsense'. Write {example}.")
        assert "hidden" not in "".join(format_exception(error.value))

    def test_of_a_unix_socket_will_do(self) -> None:
        socket = "redis+socket:///run/redis.sock"

        assert settings(CELERY_BROKER_URL=socket)["CELERY_BROKER_URL"] == socket


class TestNumber:
    @pytest.mark.parametrize("name", ["PROXY_COUNT", "SECURE_HSTS_SECONDS"])
    def test_that_is_none_is_named(self, name: str) -> None:
        with pytest.raises(ImproperlyConfigured, match=f"{name} is 'two'. Write a whole number."):
            settings(**{name: "two"})


class TestEnvFile:
    @pytest.mark.parametrize("line", ["this is not a line", "PROXY_COUNT = 2", "- x=1"])
    def test_with_a_line_that_would_be_ignored_is_refused(self, line: str, tmp_path: Path) -> None:
        with pytest.raises(
            ImproperlyConfigured, match=r"^\.env:3 is no setting\. Write NAME=value"
        ):
            settings_beside(f"# A comment\nexport LOG_LEVEL=DEBUG\n{line}\n", folder=tmp_path)

    def test_is_read(self, tmp_path: Path) -> None:
        said = settings_beside("# A comment\n\nPROXY_COUNT=3\n", folder=tmp_path)

        assert said["PROXY_COUNT"] == 3


def settings_beside(env_file: str, *, folder: Path) -> dict[str, Any]:
    """Return the settings of a project in `folder` that has this `.env`."""
    (folder / "config").mkdir()
    for path in ("config/settings.py", "pyproject.toml"):
        shutil.copy(ROOT / path, folder / path)
    (folder / ".env").write_text(env_file)
    return settings(IGNORE_ENV_FILE="", root=str(folder))


class TestDevelopment:
    def test_works_with_an_empty_environment(self) -> None:
        assert manage("check").returncode == 0

    def test_refuses_an_environment_it_does_not_know(self) -> None:
        with pytest.raises(ImproperlyConfigured, match="Set it to 'development' or 'production'"):
            settings(DJANGO_ENV="staging")


class TestCelery:
    def test_plans_its_schedule_in_a_process_that_did_not_set_django_up(self) -> None:
        ask = "from config import celery_app as app; app.tasks; print(*app.conf.beat_schedule)"
        answer = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", ask],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "IGNORE_ENV_FILE": "1"},
            capture_output=True,
            text=True,
        )

        assert "trellis.republish_unpublished" in answer.stdout
        assert (answer.returncode, answer.stderr) == (0, "")
