"""What is generated stays small: a limit grows only when somebody decides so here."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.template.generating import FOLDER, ROOT, files_of

LIBRARY_LINES = 10_000


def lines_of(text: bytes) -> int:
    return len(text.splitlines())


class TestAProject:
    @pytest.mark.parametrize(
        ("starter", "most_files", "most_lines"),
        [("example", 210, 8_700), ("empty", 115, 3_900)],
    )
    def test_is_read_in_half_an_hour(
        self, starter: str, most_files: int, most_lines: int, generated: Callable[[str], Path]
    ) -> None:
        files = files_of(generated(starter))
        weights = {p: lines_of(text) for p, text in files.items() if not p.startswith("vendor/")}
        heaviest = sorted(weights, key=lambda path: -weights[path])[:10]

        assert len(weights) <= most_files
        assert sum(weights.values()) <= most_lines, [(weights[path], path) for path in heaviest]


class TestTheLibrary:
    def test_is_as_small_as_its_promises_allow(self) -> None:
        source = ROOT / FOLDER / "vendor/trellis/src/trellis"
        modules = {path: lines_of(path.read_bytes()) for path in source.rglob("*.py")}

        assert sum(modules.values()) <= LIBRARY_LINES


class TestGeneration:
    def test_has_hooks_that_are_read_at_a_glance(self) -> None:
        hooks = [path.read_bytes() for path in (ROOT / "hooks").glob("*.py")]

        assert sum(map(lines_of, hooks)) <= 220

    def test_asks_its_questions_on_one_screen(self) -> None:
        lines = (ROOT / "cookiecutter.json").read_text(encoding="utf-8").splitlines()

        assert len(lines) <= 45
        assert max(map(len, lines)) <= 160
