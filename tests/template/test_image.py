"""The image that the Dockerfile describes, and the services of compose.yaml, at work."""

import http.client
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

import demo
from tests.template import image as images
from tests.template.living import copy_of, server_url
from tests.template.test_settings import PRODUCTION

SQLITE = PRODUCTION | {
    "DATABASE_URL": "sqlite:////app/var/db.sqlite3",
    "CACHE_URL": "dbcache://django_cache",
    "CELERY_BROKER_URL": "local://",
    "SECURE_SSL_REDIRECT": "false",
}
DATABASE = f"trellis_image_{os.getpid()}"  # test processes share the server
pytestmark = pytest.mark.xdist_group("image")  # built by one test process only


@pytest.fixture(scope="module")
def project(desk_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that is set up, as a clone under umask 077 holds it."""
    project = copy_of(desk_project, tmp_path_factory.mktemp("private") / "desk")
    subprocess.run(["chmod", "-R", "go=", str(project)], check=True)
    return project


@pytest.fixture(scope="module")
def image(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[images.Image]:
    if reason := images.why_not_here():
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with images.built(project, scratch=tmp_path_factory.mktemp("image")) as image:
        yield image


@pytest.fixture(scope="module")
def services(project: Path) -> dict[str, Any]:
    """The services of compose.yaml."""
    text = (project / "compose.yaml").read_text()
    text = re.sub(r"\$\{SECRET_KEY:\?[^}]*\}", PRODUCTION["SECRET_KEY"], text)
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)  # as with an empty .env
    services = yaml.safe_load(text)["services"]
    assert isinstance(services, dict)
    return services


@pytest.fixture(scope="module")
def environment_of(services: dict[str, Any]) -> Iterator[Callable[[str], dict[str, str]]]:
    """The environment of a service, with the servers of the tests instead of its own."""
    postgres, redis = (server_url(f"TRELLIS_{one}_URL") for one in ("POSTGRES", "REDIS"))
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {DATABASE}")

    def environment_of(service: str) -> dict[str, str]:
        environment = services[service]["environment"]
        given = {name: "" if value is None else str(value) for name, value in environment.items()}
        assert given["DATABASE_URL"].startswith("postgres://")
        assert given["CACHE_URL"].startswith("redis://redis:6379/")
        assert given["CELERY_BROKER_URL"].startswith("redis://redis:6379/")
        assert given["CACHE_URL"] != given["CELERY_BROKER_URL"]
        ours = {
            "DATABASE_URL": f"{postgres.rpartition('/')[0]}/{DATABASE}",
            "CACHE_URL": f"{redis}/11",
            "CELERY_BROKER_URL": f"{redis}/12",
        }
        return given | ours

    yield environment_of
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


class TestImage:
    def test_runs_as_a_user_who_can_write_to_var_only(self, image: images.Image) -> None:
        user = image.run("id", "-u")[1].strip()
        look = "for path in . apps .venv manage.py /etc var; do [ -w $path ] && echo $path; done"
        places = image.run("sh", "-c", look)

        assert user not in ("", "0")
        assert places[1].split() == ["var"]

    def test_can_be_read_by_that_user_though_the_clone_was_private(
        self, image: images.Image
    ) -> None:
        assert image.run("sh", "-c", "find . ! -readable; find . -type d ! -executable")[1] == ""

    def test_holds_no_secret_and_no_history(self, image: images.Image, project: Path) -> None:
        assert (project / ".env").exists()
        for name in (".env", ".git", "var/db.sqlite3", "var/log"):
            assert image.run("test", "-e", name)[0] == 1, name

    def test_holds_the_library_as_an_ordinary_package(self, image: images.Image) -> None:
        where = image.run("python", "-c", "import trellis; print(trellis.__file__)")[1]

        assert re.match(r"/app/\.venv/lib/python3\.\d+/site-packages/trellis/", where)

    @pytest.mark.parametrize("package", ["pytest", "mypy", "zeal", "debug_toolbar"])
    def test_holds_no_development_package(self, image: images.Image, package: str) -> None:
        assert image.run("python", "-c", f"import {package}")[0] == 1

    def test_has_static_files_under_names_with_hashes(self, image: images.Image) -> None:
        ask = "from django.templatetags.static import static; print(static('site.css'))"
        shell = ("python", "manage.py", "shell", "-v0", "-c", ask)

        code, printed = image.run(*shell, **SQLITE)

        assert code == 0, printed
        name = printed.split("/")[-1].strip()
        assert re.fullmatch(r"site\.[0-9a-f]{12}\.css", name)
        assert image.run("test", "-r", f"var/static/{name}")[0] == 0

    def test_refuses_to_start_without_its_settings(self, image: images.Image) -> None:
        code, printed = image.run("python", "manage.py", "check")

        assert code == 1
        assert "SECRET_KEY is not set" in printed

    def test_serves_stays_healthy_and_stops_when_it_is_told(
        self, image: images.Image, tmp_path: Path
    ) -> None:
        for command in ("migrate", "createcachetable"):
            assert image.run("python", "manage.py", command, "-v0", **SQLITE) == (0, "")
        ports = {"PORT": free_port(), "HEALTH_PORT": free_port()}
        probe = {"HEALTH_PORT": ports["HEALTH_PORT"]}

        log = tmp_path / "log"
        server = image.start(image.stage.command, log=log, read_only=True, **ports, **SQLITE)
        try:
            demo.wait_until(
                lambda: image.run(*image.stage.healthcheck, **probe)[0] == 0,
                seconds=60,
                what="the health check",
            )
            visitor = http.client.HTTPConnection("127.0.0.1", int(ports["PORT"]), timeout=10)
            visitor.request("GET", "/", headers={"Host": "example.com"})
            assert visitor.getresponse().status == 200
            visitor.close()
            server.send_signal(getattr(signal, image.stage.stop_signal))
            assert server.wait(timeout=10) == 0
        finally:
            end(server)
        assert image.run(*image.stage.healthcheck, **probe)[0] == 1


class TestCompose:
    """Each service with its own command and environment; the servers are those of the tests."""

    def test_migrates_first(
        self,
        image: images.Image,
        services: dict[str, Any],
        environment_of: Callable[[str], dict[str, str]],
    ) -> None:
        command = [word.replace("$$", "$") for word in services["migrate"]["command"]]

        code, printed = image.run(*command, **environment_of("migrate"))

        assert code == 0, printed
        assert "security.W008" in printed  # `check --deploy` spoke: there is no TLS on localhost
        for name in ("web", "worker", "beat"):
            needs = services[name]["depends_on"]
            assert needs["migrate"]["condition"] == "service_completed_successfully"

    def test_starts_nothing_while_a_warning_counts_as_an_error(
        self,
        image: images.Image,
        services: dict[str, Any],
        environment_of: Callable[[str], dict[str, str]],
    ) -> None:
        command = [word.replace("$$", "$") for word in services["migrate"]["command"]]

        code, printed = image.run(
            *command, **environment_of("migrate") | {"CHECK_LEVEL": "WARNING"}
        )

        assert code == 1
        assert "security.W008" in printed
        assert "Running migrations" not in printed

    def test_lets_the_doctor_look_at_a_root_that_is_read_only(
        self,
        image: images.Image,
        environment_of: Callable[[str], dict[str, str]],
        tmp_path: Path,
    ) -> None:
        log = tmp_path / "log"
        doctor = ["python", "manage.py", "doctor"]
        image.start(doctor, log=log, read_only=True, **environment_of("web")).wait(timeout=60)

        assert re.search(r"^ok +disk +read-only", log.read_text(), re.M), log.read_text()

    @pytest.mark.parametrize(("name", "sign"), [("worker", "ready."), ("beat", "beat: Starting")])
    def test_starts_the_worker_and_beat_which_stop_in_time(
        self,
        name: str,
        sign: str,
        image: images.Image,
        services: dict[str, Any],
        environment_of: Callable[[str], dict[str, str]],
        tmp_path: Path,
    ) -> None:
        log = tmp_path / "log"
        command = services[name]["command"]
        assert services[name]["tmpfs"] == ["/tmp"]
        read_only = services[name]["read_only"]
        process = image.start([*command], log=log, read_only=read_only, **environment_of(name))
        try:
            demo.wait_until(lambda: sign in log.read_text(), seconds=60, what=f"the {name}")
            if name == "beat":  # which says that it starts before it opens its file
                folder = Path(f"/proc/{process.pid}/root/tmp")
                demo.wait_until(
                    lambda: process.poll() is not None or any(folder.glob("celerybeat-schedule*")),
                    seconds=60,
                    what="the file of beat",
                )
            assert process.poll() is None, log.read_text()
            if "test" in services[name]["healthcheck"]:
                kind, probe = services[name]["healthcheck"]["test"]
                assert kind == "CMD-SHELL"
                probe = probe.replace("$$", "$")
                code, printed = image.run("sh", "-c", probe, **environment_of(name))
                assert code == 0, printed
            started = time.monotonic()
            process.terminate()
            process.wait(timeout=40)
            assert time.monotonic() - started < 10  # it has nothing to finish
        finally:
            end(process)

    def test_works_through_every_queue_that_a_task_states(
        self, services: dict[str, Any], desk_project: Path
    ) -> None:
        listed = demo.run([".venv/bin/python", "manage.py", "tasks"], cwd=desk_project).splitlines()
        queues = {re.split(r"\s{2,}", line)[2] for line in listed[1:]}

        assert queues
        command = services["worker"]["command"]
        assert queues <= set(command[command.index("--queues") + 1].split(","))
        procfile = (desk_project / "Procfile").read_text()
        assert queues <= set(re.findall(r"--queues (\S+)", procfile)[0].split(","))

    def test_lets_visitors_reach_the_proxy_only(self, services: dict[str, Any]) -> None:
        ports = {name: service["ports"] for name, service in services.items() if "ports" in service}

        assert ports == {"proxy": ["127.0.0.1:8000:80", "127.0.0.1:8443:443"]}

    def test_keeps_data_and_queued_tasks(self, services: dict[str, Any]) -> None:
        assert services["postgres"]["volumes"] == ["postgres:/var/lib/postgresql/data"]
        assert services["redis"]["volumes"] == ["redis:/data"]
        command = services["redis"]["command"]
        assert command[command.index("--appendonly") + 1] == "yes"
        assert command[command.index("--maxmemory-policy") + 1] == "noeviction"

    def test_gives_each_process_the_time_it_takes_to_stop(
        self, services: dict[str, Any], desk_project: Path
    ) -> None:
        ask = "from config import celery_app as a; print(a.conf.worker_soft_shutdown_timeout)"
        worker = float(demo.run([".venv/bin/python", "-c", ask], cwd=desk_project))
        ask = "from config import gunicorn; print(gunicorn.graceful_timeout)"
        web = float(demo.run([".venv/bin/python", "-c", ask], cwd=desk_project))

        assert seconds(services["worker"]["stop_grace_period"]) > worker
        assert seconds(services["web"]["stop_grace_period"]) > web

    def test_lets_nothing_start_two_beats(self, services: dict[str, Any]) -> None:
        assert "deploy" not in services["beat"]
        assert not any("--beat" in str(one.get("command", "")) for one in services.values())


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def free_port() -> str:
    return str(demo.free_port())


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process that is still there."""
    if process.poll() is None:
        process.kill()
        process.wait()
