"""What docs/deploy.md says to write and to run, on one host and on two."""

import os
import re
import secrets
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.template import serving
from tests.template.generating import FOLDER, ROOT
from tests.template.settings_reader import SettingsReader

PROJECT = ROOT / FOLDER
# Refuses what certbot refuses, and runs the hook in another folder, as a timer of systemd does.
CERTBOT = f"""#!{sys.executable}
import pathlib, shlex, shutil, subprocess, sys
given = dict(zip(sys.argv, sys.argv[1:]))
if not pathlib.Path(given["-w"]).is_dir():
    sys.exit("the webroot is no folder")
if not shutil.which(shlex.split(given["--deploy-hook"])[0]):
    sys.exit("the hook is no program")
sys.exit(subprocess.run(given["--deploy-hook"], shell=True, cwd="/").returncode)
"""
DOCKER = '#!/bin/sh\necho "$PWD: docker $*"\n'


@pytest.fixture(scope="module")
def document() -> str:
    return (PROJECT / "docs/deploy.md").read_text()


@pytest.fixture
def one_host(document: str) -> dict[str, str]:
    """The variables of the first `.env` of the document."""
    return environments_of(document)[0]


@pytest.fixture
def two_hosts(document: str) -> dict[str, str]:
    """The variables of an `.env` with the lines for two hosts added."""
    first, added = environments_of(document)
    return first | added


@pytest.fixture(scope="module")
def settings(desk_project: Path) -> Iterator[SettingsReader]:
    reader = SettingsReader(desk_project)
    yield reader
    reader.close()


class TestOneHost:
    def test_writes_variables_that_compose_reads(self, one_host: dict[str, str]) -> None:
        assert one_host.keys() <= variables_of("compose.yaml")

    def test_names_variables_that_compose_passes_on(self, document: str) -> None:
        named = set(re.findall(r"`([A-Z]+_[A-Z_]+)\b", document))

        assert "PROXY_COUNT" in named
        assert named <= variables_of("compose.yaml") | variables_of("compose.hosts.yaml")

    @pytest.mark.parametrize("service", ["web", "worker", "beat", "migrate"])
    def test_starts_with_these_variables(
        self, service: str, one_host: dict[str, str], settings: SettingsReader
    ) -> None:
        environment = services_of(one_host)[service]["environment"]

        assert settings.read(**environment).get("refused") is None
        assert environment.get("CHECK_LEVEL", "WARNING") == "WARNING"

    def test_passes_every_check_of_a_deployment(
        self, one_host: dict[str, str], desk_project: Path
    ) -> None:
        environment = services_of(one_host)["migrate"]["environment"]
        check = ("check", "--deploy", "--fail-level", environment["CHECK_LEVEL"])

        assert "no issues" in serving.manage(
            desk_project, {"IGNORE_ENV_FILE": "1"} | environment, *check
        )

    def test_shows_the_proxy_an_edited_configuration(self, one_host: dict[str, str]) -> None:
        """A file that is mounted alone stays as it was when an editor replaces it."""
        volumes = services_of(one_host)["proxy"]["volumes"]
        sources = [Path(PROJECT, volume.split(":")[0]) for volume in volumes]

        assert PROJECT / "deploy" in sources
        assert not any(source.is_file() for source in sources)

    def test_reloads_nginx_when_certbot_has_a_certificate(
        self, document: str, tmp_path: Path
    ) -> None:
        (block,) = re.findall(r"^ *```sh\n([^`]*certbot certonly[^`]*)```", document, re.M)
        programs, site = tmp_path / "bin", tmp_path / "a site"
        programs.mkdir()
        site.mkdir()
        for name, text in (("certbot", CERTBOT), ("docker", DOCKER)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)

        done = subprocess.run(
            ["sh", "-ec", block.replace("/etc/letsencrypt", str(tmp_path / "letsencrypt"))],
            cwd=site,
            env={"PATH": f"{programs}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
        )

        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{site}: docker compose exec -T proxy nginx -s reload\n"


class TestTwoHosts:
    def test_writes_the_variables_that_its_file_needs(self, document: str) -> None:
        _, added = environments_of(document)

        assert added.keys() - {"COMPOSE_FILE"} == variables_of("compose.hosts.yaml")

    @pytest.mark.parametrize("service", ["web", "worker", "beat", "migrate"])
    def test_share_the_servers_and_the_bucket(
        self, service: str, two_hosts: dict[str, str], settings: SettingsReader
    ) -> None:
        environment = services_of(two_hosts)[service]["environment"]

        shared = ("DATABASE_URL", "CACHE_URL", "CELERY_BROKER_URL", "STORAGE_URL")
        assert {name: environment[name] for name in shared} == {
            name: two_hosts[name] for name in shared
        }
        assert settings.read(**environment).get("refused") is None

    def test_start_no_server_and_name_none(self, two_hosts: dict[str, str]) -> None:
        services = services_of(two_hosts)
        absent = {name for name, service in services.items() if service.get("scale") == 0}

        assert absent == {"postgres", "redis"}
        for name in services.keys() - absent:
            values = map(str, services[name].get("environment", {}).values())
            assert absent.isdisjoint(urlsplit(value).hostname for value in values), name

    @pytest.mark.parametrize("first", [0, 1])
    def test_have_one_proxy_and_one_beat(self, first: int, two_hosts: dict[str, str]) -> None:
        services = services_of(two_hosts | {"FIRST_HOST": str(first)})

        scales = {name: int(service.get("scale", 1)) for name, service in services.items()}
        assert (scales["proxy"], scales["beat"]) == (first, first)
        assert (scales["web"], scales["worker"], scales["migrate"]) == (1, 1, 1)

    def test_are_reached_at_their_private_addresses(
        self, document: str, two_hosts: dict[str, str]
    ) -> None:
        second = services_of(two_hosts | {"PRIVATE_ADDRESS": "10.0.0.2"})["web"]["ports"]

        added = re.findall(r"`server (\S+):(\d+);`", document)
        assert [f"{address}:{port}:{port}" for address, port in added] == second
        servers = re.findall(r"server web:(\d+);", (PROJECT / "deploy/nginx.conf").read_text())
        assert servers == [port for _, port in added]


def environments_of(document: str) -> list[dict[str, str]]:
    """Return the variables of each `.env` that the document shows, with secrets filled in."""
    blocks = re.findall(r"^ *```ini\n(.*?)```", document, re.M | re.S)
    return [
        dict(line.replace("…", secrets.token_hex(32)).split("=", 1) for line in shlex.split(block))
        for block in blocks
    ]


def variables_of(name: str) -> set[str]:
    """Return the variables that a file for Compose reads."""
    return set(re.findall(r"(?<!\$)\$\{(\w+)", (PROJECT / name).read_text()))


def services_of(environment: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return the services as Compose merges them with an `.env`."""

    def value(found: re.Match[str]) -> str:
        name, kind, text = found.groups()
        if kind == "?":
            return environment[name]
        return environment.get(name) or text

    services: dict[str, dict[str, Any]] = {}
    for name in environment.get("COMPOSE_FILE", "compose.yaml").split(":"):
        text = re.sub(r"\$\{(\w+):([-?])([^}]*)\}", value, (PROJECT / name).read_text())
        for service, given in yaml.safe_load(text)["services"].items():
            merged = services.setdefault(service, {})
            merged |= given | {
                "environment": merged.get("environment", {}) | given.get("environment", {})
            }
    for service in services.values():
        filled = service["environment"].items()
        service["environment"] = {name: str(value or "") for name, value in filled}
    return services
