"""Every answer either works or is refused in one line that names one that would."""

import ast
import json
import random
import re
import shlex
import tomllib
from collections.abc import Callable
from fnmatch import fnmatch
from functools import cache
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
import yaml
from cookiecutter.utils import create_env_with_context
from jinja2 import Template
from markdown_it import MarkdownIt

from tests.template.generating import (
    COPIED_WITHOUT_RENDERING,
    DEFAULTS,
    FOLDER,
    ROOT,
    Generation,
    generate,
    load_hook,
)

HOOK = load_hook("pre_gen_project")
SENTENCE = "What it is for, in one sentence."

SHAPE = "only lower-case letters, digits and single hyphens work"
PACKAGE = "the project installs a package of that name"
DEVICE = "Windows keeps that name for a device"
BLANK = "it is blank, or begins or ends with a space"
UNPRINTABLE = "it holds a line break or another character that cannot be printed"
CHARACTER = 'it holds one of " \\ ` <'
BRACE = "it holds a brace that begins an expression in a template"
MARKUP = "it is a heading, list or quote in Markdown"
CONTACT = "it is neither an e-mail address nor a #channel"
NO_TEXT = "it is not text"

# Each question, an answer that is refused, why, and the answer that is suggested.
REFUSED: list[tuple[str, object, str, str]] = [
    ("project_slug", "", BLANK, "workshop-desk"),
    ("project_slug", "-rf", SHAPE, "rf"),
    ("project_slug", "desk-", SHAPE, "desk"),
    ("project_slug", ".", SHAPE, "workshop-desk"),
    ("project_slug", "..", SHAPE, "workshop-desk"),
    ("project_slug", "../escaped", SHAPE, "escaped"),
    ("project_slug", "a/b", SHAPE, "a-b"),
    ("project_slug", "C:\\desk", SHAPE, "c-desk"),
    ("project_slug", "Workshop Desk", SHAPE, "workshop-desk"),
    ("project_slug", "desk_two", SHAPE, "desk-two"),
    ("project_slug", "desk--two", SHAPE, "desk-two"),
    ("project_slug", "$(touch x)", SHAPE, "touch-x"),
    ("project_slug", "café", SHAPE, "cafe"),
    ("project_slug", "工作坊", SHAPE, "workshop-desk"),
    ("project_slug", "a\nb", UNPRINTABLE, "a-b"),
    ("project_slug", "a" * 51, "it is longer than 50 characters", "a" * 40),
    ("project_slug", "django", PACKAGE, "my-django"),
    ("project_slug", "trellis-conventions", PACKAGE, "my-trellis-conventions"),
    ("project_slug", "con", DEVICE, "my-con"),
    ("project_slug", "com1", DEVICE, "my-com1"),
    ("project_slug", None, NO_TEXT, "workshop-desk"),
    ("project_name", "", BLANK, "Workshop Desk"),
    ("project_name", " Desk", BLANK, "Workshop Desk"),
    ("project_name", "Desk\nadmin = true", UNPRINTABLE, "Workshop Desk"),
    ("project_name", "Desk\tTwo", UNPRINTABLE, "Workshop Desk"),
    ("project_name", "Desk\x1b[31m", UNPRINTABLE, "Workshop Desk"),
    ("project_name", "Desk \u202exe.exe", UNPRINTABLE, "Workshop Desk"),
    ("project_name", "Desk\udcff", UNPRINTABLE, "Workshop Desk"),
    ("project_name", 'Acme "Best"', CHARACTER, "Workshop Desk"),
    ("project_name", "back\\slash", CHARACTER, "Workshop Desk"),
    ("project_name", "{{ site.name }}", BRACE, "Workshop Desk"),
    ("project_name", "{% if", BRACE, "Workshop Desk"),
    ("project_name", "Desk {# gone #}", BRACE, "Workshop Desk"),
    ("project_name", "# Desk", MARKUP, "Workshop Desk"),
    ("project_name", "C #", MARKUP, "Workshop Desk"),
    ("project_name", "x" * 81, "it is longer than 80 characters", "Workshop Desk"),
    ("project_name", 2026, NO_TEXT, "Workshop Desk"),
    ("description", "<script>alert(1)</script>", CHARACTER, SENTENCE),
    ("description", "`id`", CHARACTER, SENTENCE),
    ("description", "- item", MARKUP, SENTENCE),
    ("description", "1. item", MARKUP, SENTENCE),
    ("description", "[x]: y", MARKUP, SENTENCE),
    (
        "description",
        "x" * 201,
        "it is longer than 200 characters",
        SENTENCE,
    ),
    ("description", False, NO_TEXT, SENTENCE),
    ("team", "The A Team", SHAPE, "the-a-team"),
    ("team", 'x"]\n[y', UNPRINTABLE, "x-y"),
    ("team", "curators", "the example has a team of that name", "my-curators"),
    ("team", False, NO_TEXT, "platform"),
    ("team", ["a"], NO_TEXT, "platform"),
    ("team_contact", "desk", CONTACT, "#platform"),
    ("team_contact", "# desk", CONTACT, "#platform"),
    ("team_contact", "desk@localhost", CONTACT, "#platform"),
    ("team_contact", "a b@example.com", CONTACT, "#platform"),
    ("team_contact", "https://example.com", CONTACT, "#platform"),
    ("starter", "everything", "it is longer than 7 characters", "example"),
    ("starter", "none", "it is neither example nor empty", "example"),
]

TEXTS = [
    "Ada's desk, & more",
    "'''",
    "100% %s %(x)s ${HOME} $HOME $(touch x)",
    "a = 1 # [table]",
    "key: {yaml: [1, 2]} & *anchor !tag",
    "Some *bold* _it_ ~~no~~ [link](x) ![i](y) | cell",
    "工作坊 예약 ワークショップ",
    "🌱 “quotes” … Ünïcödé",
    "class",
    "no",
    "2026",
    "@here !important (beta) =equal= |pipe| ]]> --> */ ;--",
    "}} { }",
    "x" * 80,
]


def refusal(question: str, value: object, reason: str, better: str) -> str:
    shown = json.dumps(value, ensure_ascii=not str(value).isprintable())
    shown = shown if len(shown) <= 70 else shown[:70] + "…"
    return f'{question} cannot be {shown}: {reason}. Try "{better}".'


def problem(**answers: object) -> str:
    """What the hook has to say about these answers."""
    return str(HOOK.answer_problem({**DEFAULTS, **answers}))


class TestARefusedAnswer:
    @pytest.mark.parametrize(("question", "value", "reason", "better"), REFUSED, ids=ascii)
    def test_is_named_with_the_reason_and_one_that_works(
        self, question: str, value: object, reason: str, better: str
    ) -> None:
        assert problem(**{question: value}) == refusal(question, value, reason, better)
        assert "\n" not in problem(**{question: value})
        assert problem(**{question: better}) == ""

    @pytest.mark.parametrize("slug", ["../escaped", "Bad Slug", "django"])
    def test_leaves_nothing(self, slug: str, template: Path, tmp_path: Path) -> None:
        made = generate(template=template, scratch=tmp_path, answers={"project_slug": slug})

        assert_refused(made, "project_slug")
        assert list(tmp_path.glob("*/*escaped*")) == list(made.place.iterdir()) == []

    def test_is_refused_when_typed_as_well(self, template: Path, tmp_path: Path) -> None:
        made = generate(template=template, scratch=tmp_path, typed={"description": "{{ 7 * 7 }}"})

        assert made.code == 1
        assert refusal("description", "{{ 7 * 7 }}", BRACE, SENTENCE) in ("\n".join(made.output))
        assert list(made.place.iterdir()) == []


class TestAReplayFile:
    def replay(self, template: Path, scratch: Path, answers: dict[str, object]) -> Generation:
        file = scratch / "replay.json"
        file.write_text(json.dumps({"cookiecutter": answers}), encoding="utf-8")
        return generate(template=template, scratch=scratch, arguments=("--replay-file", str(file)))

    def test_needs_no_more_than_the_six_answers(self, template: Path, tmp_path: Path) -> None:
        answers = {**DEFAULTS, "project_name": "Nachtcafé", "starter": "empty"}

        made = self.replay(template, tmp_path, dict(answers))

        assert_answers_are_read_back(made.project, answers)
        assert not (made.project / "apps/bookings").exists()

    @pytest.mark.parametrize(
        ("question", "value"),
        [
            ("project_slug", "../escaped"),
            ("project_slug", "Bad Slug"),
            ("project_slug", "django"),
            ("project_slug", None),
            ("project_name", 42),
            ("starter", ["example", "empty"]),
        ],
    )
    def test_is_checked_like_any_other_answer(
        self, question: str, value: object, template: Path, tmp_path: Path
    ) -> None:
        made = self.replay(template, tmp_path, {**DEFAULTS, question: value})

        assert_refused(made, question)
        assert list(tmp_path.glob("escaped")) == list(made.place.iterdir()) == []


class TestAConfigFile:
    def configured(self, template: Path, scratch: Path, context: str) -> Generation:
        config = scratch / "config.yaml"
        config.write_text(f"default_context:\n  {context}\n", encoding="utf-8")
        return generate(
            template=template, scratch=scratch, arguments=("--config-file", str(config))
        )

    @pytest.mark.parametrize(
        ("context", "question"),
        [
            ("team: no", "team"),
            ("team_contact: null", "team_contact"),
            ("project_name: ~", "project_name"),
            ("description: {a: 1}", "description"),
        ],
    )
    def test_is_refused_where_yaml_makes_no_text_of_an_answer(
        self, context: str, question: str, template: Path, tmp_path: Path
    ) -> None:
        made = self.configured(template, tmp_path, context)

        assert_refused(made, question)
        assert NO_TEXT in made.output[0]

    def test_may_hold_a_number(self, template: Path, tmp_path: Path) -> None:
        made = self.configured(template, tmp_path, "team: 42")

        answers = {**DEFAULTS, "team": "42", "team_contact": "#42"}
        assert_answers_are_read_back(made.project, answers)


class TestAnAnswerThatWorks:
    def test_is_read_back_whether_typed_or_given(self, template: Path, tmp_path: Path) -> None:
        answers = {
            **DEFAULTS,
            "project_name": "工作坊 & Ada's “desk”",
            "project_slug": "gong-zuo-fang-ada-s-desk",
            "description": "100% of $HOME: *seats*, 'and' {who} sits | in them # 1",
            "team": "night-shift",
            "team_contact": "desk+alerts@mail.example.com",
        }
        given = {name: answers[name] for name in answers if name not in ("project_slug", "starter")}
        for folder in ("typed", "given"):
            (tmp_path / folder).mkdir()

        typed = generate(template=template, scratch=tmp_path / "typed", typed=given)
        as_arguments = generate(template=template, scratch=tmp_path / "given", answers=given)

        assert_answers_are_read_back(typed.project, answers)
        assert_answers_are_read_back(as_arguments.project, answers)

    @pytest.mark.parametrize(
        ("name", "slug"),
        [
            ("工作坊", "gong-zuo-fang"),
            ("🌱", "my-project"),
            ("Café des Élèves", "cafe-des-eleves"),
            ("a " * 39 + "a", "-".join("a" * 25)),
        ],
    )
    def test_gives_a_slug_that_works(self, name: str, slug: str) -> None:
        text = json.loads((ROOT / "cookiecutter.json").read_text("utf-8"))["project_slug"]

        assert rendered(text, {"project_name": name}) == slug
        assert problem(project_slug=slug) == ""

    @pytest.mark.parametrize("slug", ["a", "123abc", "test", "apps", "trellis", "a" * 50])
    def test_may_be_a_slug_that_only_looks_odd(self, slug: str) -> None:
        assert problem(project_slug=slug) == ""
        assert shlex.split(slug) == [slug]

    @pytest.mark.parametrize("contact", ["#工作坊-help", "#a_b", "desk@example.com"])
    def test_may_be_a_channel_or_an_address(self, contact: str) -> None:
        assert problem(team_contact=contact) == ""
        assert tomllib.loads(f'contact = "{contact}"') == {"contact": contact}

    @pytest.mark.parametrize("text", TEXTS, ids=ascii)
    def test_is_the_same_text_in_toml_yaml_and_the_readme(self, text: str) -> None:
        assert problem(project_name=text, description=text) == ""
        assert_is_safe(text)

    def test_is_safe_whatever_it_is_made_of(self) -> None:
        """All short texts, and some longer ones, of pieces that mean something to Markdown."""
        pieces = [*"#*_~[]()!|&;:=-+.1a>{}%$@^/?' ", "~~~", "---", "1. ", "](", "&lt;", "# "]
        draw = random.Random(10)
        texts = ["".join(pair) for pair in product(["", *pieces], pieces)]
        texts += ["".join(draw.choices(pieces, k=draw.randint(3, 8))) for _ in range(300)]

        accepted = [text for text in texts if not problem(project_name=text, description=text)]

        assert len(accepted) > 500
        for text in accepted:
            assert_is_safe(text)


class TestThePackagesThatAreRefusedAsSlugs:
    def test_are_those_that_the_project_and_its_library_declare(
        self, generated: Callable[[str], Path]
    ) -> None:
        files = parsed(generated("example"))
        project, library = files["pyproject.toml"], files["vendor/trellis/pyproject.toml"]
        declared = [
            *project["project"]["dependencies"],
            *project["dependency-groups"]["dev"],
            *library["project"]["dependencies"],
        ]
        names = {re.split(r"[\[<>=! ]", line)[0].lower() for line in declared}

        assert set(HOOK.DEPENDENCIES.split("|")) == names


RENDERED = {
    path.relative_to(ROOT / FOLDER).as_posix(): path.read_text(encoding="utf-8")
    for pattern in ("*.md", "*.toml")
    for path in (ROOT / FOLDER).rglob(pattern)
    if not any(
        fnmatch(path.relative_to(ROOT / FOLDER).as_posix(), copied)
        for copied in COPIED_WITHOUT_RENDERING
    )
}
# Enough to see whether what follows an answer is read differently, in a tenth of the time.
TOP_OF_THE_README = "".join(RENDERED["README.md"].splitlines(keepends=True)[:12])


def rendered(text: str, answers: dict[str, str]) -> str:
    """Render a text as cookiecutter does."""
    return compiled(text).render(cookiecutter=answers)


@cache
def compiled(text: str) -> Template:
    template: Template = create_env_with_context({"cookiecutter": {}}).from_string(text)
    return template


def assert_is_safe(text: str) -> None:
    """A name and description of that text is read back, and changes no other part of a document."""
    answers = {**DEFAULTS, "project_name": text, "description": text}
    pyproject = tomllib.loads(rendered(RENDERED["pyproject.toml"], answers))
    readme = rendered(TOP_OF_THE_README, answers)
    heading, paragraph = first_words(readme)

    assert pyproject["project"]["description"] == text
    assert pyproject["tool"]["trellis"]["project_name"] == text
    assert yaml.safe_load(f'text: "{text}"') == {"text": text}
    assert blocks(readme) == blocks(rendered(TOP_OF_THE_README, DEFAULTS)), text
    if not set(text) & set("*_~[]!&"):  # what is written in Markdown is shown as Markdown
        assert (heading, paragraph) == (text, text)


def blocks(document: str) -> list[str]:
    """What a Markdown document is built of: headings, paragraphs, lists, tables, in order."""
    return [token.type for token in MarkdownIt("commonmark").enable("table").parse(document)]


def first_words(document: str) -> tuple[str, str]:
    """Return a document's first heading and first paragraph, as text without markup."""
    found: dict[str, str] = {}
    for opening, inline in pairwise(MarkdownIt("commonmark").parse(document)):
        if opening.type in ("heading_open", "paragraph_open"):
            words = "".join(child.content for child in inline.children or [])
            found.setdefault(opening.type, words)
    return found["heading_open"], found["paragraph_open"]


def assert_refused(made: Generation, question: str) -> None:
    """The first line printed names the answer; it is no traceback of ours."""
    assert made.code == 1
    assert made.output[0].startswith(f"{question} cannot be "), "\n".join(made.output)
    assert "pre_gen_project.py" not in "\n".join(made.output)


def assert_answers_are_read_back(project: Path, answers: dict[str, str]) -> None:
    """Every file parses, and each answer stands where it belongs."""
    files = parsed(project)
    pyproject = files["pyproject.toml"]
    heading, _ = first_words((project / "README.md").read_text(encoding="utf-8"))

    assert project.name == pyproject["project"]["name"] == answers["project_slug"]
    assert pyproject["project"]["description"] == answers["description"]
    assert pyproject["tool"]["trellis"]["project_name"] == heading == answers["project_name"]
    assert files["teams.toml"][answers["team"]]["contact"] == answers["team_contact"]
    assert files["apps/accounts/OWNERS.toml"]["team"] == answers["team"]
    assert files[".cruft.json"]["context"]["cookiecutter"] == answers


def parsed(project: Path) -> dict[str, Any]:
    """Parse every TOML, JSON, YAML and Python file of a project; by path."""
    parsers: dict[str, Callable[[str], Any]] = {
        ".toml": tomllib.loads,
        ".json": json.loads,
        ".yml": yaml.safe_load,
        ".yaml": yaml.safe_load,
        ".py": ast.parse,
    }
    return {
        path.relative_to(project).as_posix(): parsers[path.suffix](path.read_text(encoding="utf-8"))
        for path in project.rglob("*")
        if path.is_file() and path.suffix in parsers
    }
