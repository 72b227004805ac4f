"""Every file that is generated, as one list: nothing appears or goes without being looked at."""

import difflib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import generated_tree
from tests.template.generating import files_of

HOW = "If this is meant:  uv run python -m tests.test_tree"


class TestTheTree:
    @pytest.mark.parametrize("starter", ["example", "empty"])
    def test_is_the_one_listed(self, starter: str, generated: Callable[[str], Path]) -> None:
        listed = generated_tree.TREE[starter]
        found = list(files_of(generated(starter)))

        difference = "\n".join(difflib.unified_diff(listed, found, "listed", "generated", n=0))

        assert not difference, f"{difference}\n\n{HOW}"


def rewrite() -> None:
    """Write tests/generated_tree.py anew from what is generated now."""
    import tempfile

    from tests.template.generating import generate, template_copy

    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        template = template_copy(to=scratch / "django-trellis")
        # The record of the template's version is written from its history.
        (template / ".git").mkdir()
        (template / ".git" / "HEAD").write_text("0" * 40 + "\n")
        lines = ['"""The files of a generated project, for each starter."""', "", "TREE = {"]
        for starter in ("example", "empty"):
            (scratch / starter).mkdir()
            made = generate(
                template=template, scratch=scratch / starter, answers={"starter": starter}
            )
            if made.code:
                sys.exit("\n".join(made.said))
            lines += [f'    "{starter}": [', *(f'        "{p}",' for p in files_of(made.project))]
            lines.append("    ],")
    text = "\n".join([*lines, "}", ""])
    Path(generated_tree.__file__).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    rewrite()
