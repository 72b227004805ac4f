import re
import subprocess
import sys

import pytest

from trellis.commands import ci

GOOD = ci.Step("good", (sys.executable, "-c", ""))
BAD = ci.Step("bad", (sys.executable, "-c", "print('what went wrong'); raise SystemExit(3)"))


class TestRun:
    def test_goes_on_after_a_failure_and_names_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert ci.run(steps=(BAD, GOOD)) == ["bad"]

        printed = capsys.readouterr().out
        assert "what went wrong" in printed
        assert re.search(r"^good .* s  ok$", printed, re.MULTILINE)

    def test_says_what_it_is_at_before_it_is_done(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said = []

        def run(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
            said.append(capsys.readouterr().out.strip())
            return subprocess.CompletedProcess((), 0)

        monkeypatch.setattr(subprocess, "run", run)
        ci.run(steps=(GOOD,))

        assert said == ["good"]
