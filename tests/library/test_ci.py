import subprocess
import sys

import pytest

from trellis.commands import ci

GOOD = ci.Step("good", (sys.executable, "-c", ""))
BAD = ci.Step("bad", (sys.executable, "-c", "print('what went wrong'); raise SystemExit(3)"))


class TestMain:
    def test_goes_on_after_a_failure(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert ci.main(steps=(BAD, GOOD)) == 1

        printed = capsys.readouterr().out.splitlines()
        assert printed[0].startswith("bad ")
        assert printed[0].endswith(" s  FAILED")
        assert printed[1] == "what went wrong"
        assert printed[-1].startswith("good ")
        assert printed[-1].endswith(" s  ok")

    def test_ends_with_what_failed_and_how_to_repeat_it(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        ci.main(steps=(BAD, GOOD))

        first, *others = capsys.readouterr().err.splitlines()
        assert first == "Failed: bad. To repeat one:"
        assert [line.split()[:4] for line in others] == [["bad", "uv", "run", "python"]]

    def test_succeeds_when_every_step_does(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert ci.main(steps=(GOOD,)) == 0
        assert capsys.readouterr().out.endswith("Everything passed.\n")

    def test_prints_the_name_of_a_step_before_it_runs(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        printed = []

        def run(*_: object, **__: object) -> "subprocess.CompletedProcess[str]":
            printed.append(capsys.readouterr().out.strip())
            return subprocess.CompletedProcess((), 0)

        monkeypatch.setattr(subprocess, "run", run)
        ci.main(steps=(GOOD,))

        assert printed == ["good"]
