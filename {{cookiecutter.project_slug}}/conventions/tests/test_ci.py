import sys

import pytest

from conventions import ci

GOOD = ci.Step("good", (sys.executable, "-c", ""))
BAD = ci.Step("bad", (sys.executable, "-c", "print('what went wrong'); raise SystemExit(3)"))


class TestRun:
    def test_goes_on_after_a_failure_and_names_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert ci.run(steps=(BAD, GOOD)) == ["bad"]

        printed = capsys.readouterr().out
        assert "what went wrong" in printed
        assert "ok    good" in printed
