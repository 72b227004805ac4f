"""Read the settings of a project that is set up, in one process for many environments."""

import json
import subprocess
from pathlib import Path
from typing import Any

LOOP = """
import json, os, runpy, sys
from unittest import mock
from django.core.exceptions import ImproperlyConfigured

def settings(environment):
    for name in [name for name in sys.modules if name.partition(".")[0] == "config"]:
        del sys.modules[name]
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch("trellis.logs.configure"),
        mock.patch("sentry_sdk.init"),
    ):
        try:
            found = runpy.run_path("config/settings.py")
            runpy.run_path("config/gunicorn.py")
            read = sorted(found["env"].variables)
            return {name: value for name, value in found.items() if name.isupper()} | {"read": read}
        except ImproperlyConfigured as error:
            return {"refused": str(error)}

for line in sys.stdin:
    print(json.dumps(settings(json.loads(line)), default=str), flush=True)
"""


class SettingsReader:
    """A process in a project's folder that reads its settings, and gunicorn's, again and again."""

    def __init__(self, project: Path) -> None:
        self._process = subprocess.Popen(
            [project / ".venv/bin/python", "-W", "ignore", "-c", LOOP],
            cwd=project,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read(self, **environment: str) -> dict[str, Any]:
        """Return the settings in an environment, or {"refused": why}; "read" has the variables."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"IGNORE_ENV_FILE": "1"} | environment) + "\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=30)
