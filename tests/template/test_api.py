"""The API of the example under requests that nobody wrote: no 500, no undocumented answer."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import demo
from tests.template.generating import ROOT
from tests.template.living import python

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
    "use_after_free",
    "ensure_resource_availability",
)
NEW_SESSION = """
from datetime import timedelta
from django.utils import timezone
from apps.catalog.models import Session, Workshop
print(Session.objects.create(
    workshop=Workshop.objects.first(), starts_at=timezone.now() + timedelta(days=3000),
    room="Loft", capacity=500, seats_left=500,
).public_id)
"""
USER = "staff@example.com"


def headers_of(who: str, *, project: Path, address: str) -> list[str]:
    """Return the headers with which `who` signs in."""
    if who == "program":
        command = [".venv/bin/python", "manage.py", "api_token", "create", USER, "fuzzing"]
        return [f"Authorization: Bearer {demo.run(command, cwd=project).split()[-1]}"]
    if who == "person":
        visitor = demo.Visitor(address)
        visitor.sign_in(USER)
        cookies = {cookie.name: cookie.value for cookie in visitor.cookies}
        pairs = "; ".join(f"{name}={value}" for name, value in cookies.items())
        return [f"Cookie: {pairs}", f"X-CSRFToken: {cookies['csrftoken']}"]
    return []


class TestApi:
    @pytest.mark.parametrize("who", ["nobody", "person", "program"])
    def test_has_no_fault_and_no_undocumented_answer(
        self, desk_project: Path, desk: str, tmp_path: Path, who: str
    ) -> None:
        # A session stays valid beside a header Authorization that is no token of ours.
        checks = CHECKS if who == "person" else (*CHECKS, "ignored_auth")
        # Nobody's requests leave nothing that a later one could depend on.
        phases = "examples,coverage,fuzzing" + (",stateful" if who != "nobody" else "")
        headers = headers_of(who, project=desk_project, address=desk)
        hooks = {"SCHEMATHESIS_HOOKS": "tests.template.fuzzing", "PYTHONPATH": str(ROOT)}
        session = python(desk_project, NEW_SESSION).split()[-1]

        done = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                "run",
                f"{desk}/api/openapi.json",
                f"--checks={','.join(checks)}",
                f"--phases={phases}",
                "--max-examples=10",
                "--seed=1",
                "--continue-on-failure",
                *(f"--header={header}" for header in headers),
            ],
            cwd=tmp_path,
            env=os.environ | hooks | {"SESSION": session},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )

        assert done.returncode == 0, done.stdout
        assert re.search(r"(\d{3,}) generated, \1 passed", done.stdout), done.stdout
        log = (desk_project / "var/log/app.jsonl").read_text()
        reached = {"201", "204", "409"} if headers else {"401"}
        for status in reached:
            assert f'"code": {status}' in log, status
        for secret in (header.split()[-1] for header in headers):
            assert secret not in log
