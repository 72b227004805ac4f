"""Settings in a process of their own, for they are read once."""

import os
import subprocess
import sys
from pathlib import Path

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


def settings_of(expression: str, **environment: str) -> str:
    """Return what an expression over the settings prints."""
    return manage(
        "shell",
        "--no-imports",
        "--command",
        f"from django.conf import settings; print(settings.{expression})",
        **environment,
    ).stdout.strip()


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
        answer = manage("check", **PRODUCTION | {"DEBUG": "1"})

        assert "Unset DEBUG" in answer.stderr

    def test_refuses_a_short_secret(self) -> None:
        answer = manage("check", **PRODUCTION | {"SECRET_KEY": "short"})

        assert "SECRET_KEY has 5 characters" in answer.stderr


class TestBroker:
    def test_on_rabbitmq_gives_every_queue_what_keeps_and_delays_messages(self) -> None:
        answer = manage(
            "shell",
            "-v0",
            "-c",
            "from config import celery_app as app\n"
            "for name in ['default', 'mail']:\n"
            "    queue = app.amqp.queues[name]\n"
            "    print(queue.queue_arguments['x-queue-type'], queue.exchange.type)",
            CELERY_BROKER_URL="amqp://guest:guest@localhost:5672//",
        )

        assert answer.stdout.split() == ["quorum", "topic"] * 2, answer.stderr


class TestMail:
    def test_can_be_printed_instead_of_sent(self) -> None:
        answer = manage(
            "sendtestemail", "to@example.com", **PRODUCTION | {"EMAIL_URL": "consolemail://"}
        )

        assert "To: to@example.com" in answer.stdout, answer.stderr

    def test_keeps_what_the_database_url_says(self) -> None:
        said = settings_of(
            "DATABASES['default']['OPTIONS']['sslmode']",
            **PRODUCTION | {"DATABASE_URL": "postgres://u:p@localhost/name?sslmode=require"},
        )

        assert said == "require"


class TestDevelopment:
    def test_works_with_an_empty_environment(self) -> None:
        assert manage("check").returncode == 0

    def test_refuses_an_environment_it_does_not_know(self) -> None:
        assert (
            "Set it to 'development' or 'production'"
            in manage("check", DJANGO_ENV="staging").stderr
        )
