"""What the settings of a generated project make of an environment."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import demo
from tests.template.living import copy_of, python, server_url
from tests.template.settings_reader import SettingsReader

PRODUCTION = {
    "DJANGO_ENV": "production",
    "SECRET_KEY": "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0iL-oR_uX.bC6dE9fG2hJ5kM",
    "ALLOWED_HOSTS": "example.com",
    "DATABASE_URL": "postgres://u:p@localhost/name",
    "CACHE_URL": "redis://localhost:6379/0",
    "CELERY_BROKER_URL": "redis://localhost:6379/1",
    "EMAIL_URL": "smtp+tls://u:p@localhost:587",
    "DEFAULT_FROM_EMAIL": "hello@example.com",
    "STORAGE_URL": "s3://key:secret@s3.example.com/bucket?region=eu-central-1",
}
# No settings, but switches of the test suite and of kept programs.
NOT_IN_THE_EXAMPLE = {"IGNORE_ENV_FILE"}


@pytest.fixture(scope="module")
def settings(desk_project: Path) -> Iterator[SettingsReader]:
    reader = SettingsReader(desk_project)
    yield reader
    reader.close()


class TestDevelopment:
    def test_needs_no_variable_at_all(self, settings: SettingsReader) -> None:
        found = settings.read()

        assert found["DEBUG"] is True
        assert found["DATABASES"]["default"]["ENGINE"].endswith("sqlite3")

    def test_keeps_its_data_in_the_project(
        self, settings: SettingsReader, desk_project: Path
    ) -> None:
        found = settings.read()["DATABASES"]["default"]

        assert found["NAME"] == str(desk_project / "var/db.sqlite3")


class TestProduction:
    def test_names_everything_that_is_missing_at_once(self, settings: SettingsReader) -> None:
        refused = settings.read(DJANGO_ENV="production", SECRET_KEY="change-me")["refused"]

        for name in PRODUCTION.keys() - {"DJANGO_ENV"}:
            assert re.search(rf"^  {name} .+ Write .+\.$", refused, re.MULTILINE), name
        assert len(refused.splitlines()) == len(PRODUCTION)

    @pytest.mark.parametrize(
        ("name", "value", "why"),
        [
            ("DEBUG", "1", "DEBUG is on in production"),
            ("DEBUG", "flase", "DEBUG cannot be 'flase'"),
            ("SECURE_SSL_REDIRECT", "true # TLS in front", "A comment needs a line of its own"),
            ("ALLOWED_HOSTS", "*", "ALLOWED_HOSTS cannot be '*'"),
            ("CELERY_BROKER_URL", "memory://", "begins with memory://"),
            ("CACHE_URL", "locmemcache://", "begins with locmemcache://"),
            ("DATABASE_URL", "postgres://user:CHANGE-ME@host/name", "still holds a placeholder"),
            ("SECRET_KEY", "a" * 60, "SECRET_KEY is easy to guess"),
            ("CACHE_URL", "redis://localhost/1", "is the database of CELERY_BROKER_URL"),
            ("DEFAULT_FROM_EMAIL", "hello", "DEFAULT_FROM_EMAIL cannot be 'hello'"),
            ("SENTRY_DSN", "https://example.com/1", "SENTRY_DSN lacks a key"),
            ("DATABASE_URL", "sqlite:///db.sqlite3", "needs four slashes"),
            ("HEALTH_PORT", "http", "HEALTH_PORT cannot be 'http'"),
            ("PROXY_COUNT", "two", "PROXY_COUNT cannot be 'two'"),
            ("HEALTH_TOKEN", "sesame", "HEALTH_TOKEN has 6 characters"),
            ("SENTRY_DSN", "nonsense", "SENTRY_DSN is not a URL"),
            ("LOG_LEVEL", "loud", "LOG_LEVEL cannot be 'loud'"),
        ],
    )
    def test_refuses_what_would_fail_open(
        self, name: str, value: str, why: str, settings: SettingsReader
    ) -> None:
        refused = settings.read(**PRODUCTION | {name: value})["refused"]

        assert why in refused
        assert len(refused.splitlines()) == 1

    def test_keeps_every_host_of_a_list_with_spaces(self, settings: SettingsReader) -> None:
        found = settings.read(**PRODUCTION | {"ALLOWED_HOSTS": "a.example, b.example"})

        assert found["ALLOWED_HOSTS"] == ["a.example", "b.example"]

    def test_has_one_proxy_in_front_by_default_and_development_none(
        self, settings: SettingsReader
    ) -> None:
        assert settings.read(**PRODUCTION)["PROXY_COUNT"] == 1
        assert settings.read(**PRODUCTION | {"PROXY_COUNT": "2"})["PROXY_COUNT"] == 2
        assert settings.read()["PROXY_COUNT"] == 0

    def test_trusts_a_header_about_tls_only_behind_a_proxy(self, settings: SettingsReader) -> None:
        assert "SECURE_PROXY_SSL_HEADER" in settings.read(**PRODUCTION)
        assert "SECURE_PROXY_SSL_HEADER" not in settings.read(**PRODUCTION, PROXY_COUNT="0")

    def test_sends_cookies_and_pages_over_tls_only(self, settings: SettingsReader) -> None:
        found = settings.read(**PRODUCTION)

        assert found["SESSION_COOKIE_SECURE"] is True
        assert found["CSRF_COOKIE_SECURE"] is True
        assert found["SECURE_SSL_REDIRECT"] is True
        assert found["SECURE_HSTS_SECONDS"] > 10_000_000

    def test_binds_other_hosts_of_the_domain_to_tls_only_when_told(
        self, settings: SettingsReader
    ) -> None:
        names = ("SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_HSTS_PRELOAD")
        told = dict.fromkeys(names, "true")

        found = [settings.read(**PRODUCTION | more) for more in ({}, told)]

        assert [[one[name] for name in names] for one in found] == [[False] * 2, [True] * 2]

    def test_logs_json(self, desk_project: Path) -> None:
        warn = "import logging; logging.getLogger('shop').warning('closed')"
        logged = manage(desk_project, "shell", "--no-imports", "-v0", "-c", warn, **PRODUCTION)

        assert json.loads(logged.stderr)["event"] == "closed"

    def test_keeps_its_data_from_other_users_of_the_machine(
        self, desk_project: Path, tmp_path: Path
    ) -> None:
        shutil.copytree(desk_project / "config", tmp_path / "config")
        shutil.copy(desk_project / "pyproject.toml", tmp_path)

        python = str(desk_project / ".venv/bin/python")
        demo.run([python, "-c", "import config.environment"], cwd=tmp_path)

        assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700

    def test_serves_static_files_under_names_that_change_with_them(
        self, settings: SettingsReader
    ) -> None:
        backend = settings.read(**PRODUCTION)["STORAGES"]["staticfiles"]["BACKEND"]

        assert "Manifest" in backend

    def test_waits_for_no_server_without_end(self, settings: SettingsReader) -> None:
        found = settings.read(**PRODUCTION)

        assert found["CACHES"]["default"]["OPTIONS"]["socket_timeout"] < 1
        assert found["MAILERS"]["default"]["OPTIONS"]["timeout"] == 10
        options = found["DATABASES"]["default"]["OPTIONS"]["options"]
        for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            assert f"-c {limit}=" in options

    def test_keeps_the_options_of_the_urls(self, settings: SettingsReader) -> None:
        url = "postgres://u:p@localhost/name?sslmode=require"
        cache = "redis://localhost/0?socket_timeout=2"
        found = settings.read(**PRODUCTION | {"DATABASE_URL": url, "CACHE_URL": cache})

        assert found["DATABASES"]["default"]["OPTIONS"]["sslmode"] == "require"
        assert "statement_timeout" in found["DATABASES"]["default"]["OPTIONS"]["options"]
        assert found["CACHES"]["default"]["OPTIONS"]["socket_timeout"] == 2

    def test_keeps_its_time_limits_when_the_url_has_options_of_postgresql(
        self, settings: SettingsReader
    ) -> None:
        url = "postgres://u:p@localhost/name?options=-c%20lock_timeout%3D5"
        found = settings.read(**PRODUCTION | {"DATABASE_URL": url})

        options = found["DATABASES"]["default"]["OPTIONS"]["options"]
        assert "-c statement_timeout=" in options
        assert options.endswith(" -c lock_timeout=5")  # the last one wins

    @pytest.mark.parametrize("place", ["", "var"])
    def test_makes_no_folder_of_its_own_public(
        self, place: str, settings: SettingsReader, desk_project: Path
    ) -> None:
        url = (desk_project / place).as_uri()

        refused = settings.read(**PRODUCTION | {"STORAGE_URL": url})["refused"]

        assert refused.startswith("STORAGE_URL would make other files public.")

    def test_loads_what_the_web_server_runs(self, desk_project: Path) -> None:
        load = [".venv/bin/python", "-W", "ignore", "-c", "import config.wsgi"]

        assert demo.run(load, cwd=desk_project) == ""

    def test_passes_the_deployment_check_of_django(self, desk_project: Path) -> None:
        done = manage(desk_project, "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)

        assert done.returncode == 0, done.stderr


LIMITS = """
from django.db import close_old_connections, connection
def ask(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]
limits = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
print(*(ask(f"SHOW {name}") for name in limits))
first = ask("SELECT pg_backend_pid()")
other = connection.copy()
with other.cursor() as cursor:
    cursor.execute("SELECT pg_terminate_backend(%s)", [first])
other.close()
close_old_connections()  # as before each request
print(ask("SELECT pg_backend_pid()") != first)
"""


class TestPostgres:
    def test_ends_what_takes_too_long_and_replaces_a_connection_that_was_cut(
        self, desk_project: Path
    ) -> None:
        printed = python(desk_project, LIMITS, DATABASE_URL=server_url("TRELLIS_POSTGRES_URL"))

        assert printed.split() == ["30s", "10s", "1min", "True"]


SIGN_IN = """
from django.test import Client
def sign_in(forged, address, password="wrong"):
    return Client().post(
        "/accounts/login/",
        {"username": "demo@example.com", "password": password},
        headers={"X-Forwarded-For": f"{forged}, {address}"},
    ).status_code
wrong = [sign_in(f"1.1.1.{number}", "9.9.9.9") for number in range(11)]
print(wrong[0], wrong[-1], sign_in("9.9.9.9", "9.9.9.8", "demo"))
"""


class TestLogin:
    def test_is_limited_by_the_address_that_our_proxy_saw(
        self, desk_project: Path, tmp_path: Path
    ) -> None:
        project = copy_of(desk_project, tmp_path / "desk")
        environment = {"PROXY_COUNT": "1", "ALLOWED_HOSTS": "testserver"}

        assert python(project, SIGN_IN, **environment).split()[-3:] == ["200", "429", "302"]


class TestManage:
    @pytest.mark.parametrize(
        ("environment", "line"),
        [
            ({"LOG_LEVEL": "loud"}, "LOG_LEVEL cannot be 'loud'."),
            ({"DEBUG": "flase"}, "DEBUG cannot be 'flase'."),
            ({"DJANGO_ENV": "staging"}, "DJANGO_ENV cannot be 'staging'."),
            ({"DJANGO_SETTINGS_MODULE": "shop.settings"}, "DJANGO_SETTINGS_MODULE is 'shop."),
        ],
    )
    def test_reports_a_wrong_variable_in_one_line(
        self, environment: dict[str, str], line: str, desk_project: Path
    ) -> None:
        done = manage(desk_project, "check", **environment)

        assert done.returncode == 1
        assert done.stderr.startswith(line)
        assert len(done.stderr.splitlines()) == 1

    def test_finds_a_relative_folder_of_the_broker_from_any_folder(
        self, desk_project: Path, tmp_path: Path
    ) -> None:
        show = (
            "from config import celery_app as a; print(a.conf.broker_transport_options['folder'])"
        )

        values = ["IGNORE_ENV_FILE=1", "LOCAL_BROKER_FOLDER=var/x"]
        shell = [str(desk_project / "manage.py"), "shell", "--no-imports", "-v0", "-c", show]
        python = str(desk_project / ".venv/bin/python")
        folder = demo.run(["env", *values, python, *shell], cwd=tmp_path)

        assert folder.strip() == str(desk_project / "var/x")

    def test_can_print_mail_instead_of_sending_it(self, desk_project: Path) -> None:
        printed = PRODUCTION | {"EMAIL_URL": "consolemail://"}

        done = manage(desk_project, "sendtestemail", "to@example.com", **printed)

        assert "To: to@example.com" in done.stdout, done.stderr


class TestEnvExample:
    def test_explains_exactly_the_variables_that_are_read(
        self, desk_project: Path, settings: SettingsReader
    ) -> None:
        read = set(settings.read()["read"]) | set(settings.read(**PRODUCTION)["read"])

        assert set(example(desk_project)) == read - NOT_IN_THE_EXAMPLE

    def test_marks_exactly_what_production_needs(
        self, desk_project: Path, settings: SettingsReader
    ) -> None:
        refused = settings.read(DJANGO_ENV="production")["refused"]

        needed = {line.split()[0] for line in refused.splitlines()[1:]}
        assert {name for name, (_, marked) in example(desk_project).items() if marked} == needed

    def test_gives_examples_that_work_in_production_once_filled_in(
        self, desk_project: Path, settings: SettingsReader
    ) -> None:
        values = {name: value for name, (value, _) in example(desk_project).items()}
        filled = {
            name: value.replace("change-me", PRODUCTION["SECRET_KEY"])
            for name, value in values.items()
        }

        refused = settings.read(**values | {"DJANGO_ENV": "production"})["refused"]

        named = {line.split()[0] for line in refused.splitlines()[1:]}
        assert named == {
            "SECRET_KEY",
            "DATABASE_URL",
            "EMAIL_URL",
            "HEALTH_TOKEN",
            "STORAGE_URL",
        }  # those that hold a secret
        assert "refused" not in settings.read(**filled | {"DJANGO_ENV": "production"})

    def test_gives_examples_that_work_in_development(
        self, desk_project: Path, settings: SettingsReader
    ) -> None:
        values = {name: value for name, (value, _) in example(desk_project).items()}

        assert "refused" not in settings.read(**values)


def example(project: Path) -> dict[str, tuple[str, bool]]:
    """Return each variable of `.env.example`: its value, and whether production needs it."""
    found = {}
    for block in (project / ".env.example").read_text().split("\n\n"):
        for name, value in re.findall(r"^(?:# )?([A-Z_]+)=(.*)$", block, re.MULTILINE):
            found[name] = (value, "(production)" in block)
    return found


def manage(
    project: Path, *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command of Django in a project that is set up."""
    python = project / ".venv/bin/python"
    return subprocess.run(
        [python, "-W", "ignore", "manage.py", *arguments],
        cwd=project,
        env={"PATH": os.environ["PATH"], "IGNORE_ENV_FILE": "1"} | environment,
        capture_output=True,
        text=True,
    )
