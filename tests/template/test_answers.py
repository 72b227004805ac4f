"""Every answer either works or is refused in one line that says what would."""

import ast
import importlib.util
import json
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from tests.template.generating import FOLDER, Generation, files_of, generate

SHAPE = (
    "it may hold lower-case letters, digits and hyphens, and starts and ends with a letter or digit"
)
PACKAGE = "the project installs a package of that name"
INSIDE = "the project has a folder of that name inside"
DEVICE = "Windows keeps that name for a device"
BREAK = "it holds a line break"
CONTACT = "it is neither an e-mail address nor a #channel"


@dataclass(frozen=True)
class Refused:
    """These answers fail with exactly this first line."""

    answers: dict[str, str]
    first_line: str


@dataclass(frozen=True)
class Works:
    """These answers work. `reads` is what is read back where it is not simply what was typed."""

    answers: dict[str, str]
    reads: dict[str, str] = field(default_factory=dict)


def refused(question: str, value: str, why: str, better: str) -> Refused:
    quoted, better = (json.dumps(text, ensure_ascii=False) for text in (value, better))
    return Refused({question: value}, f"{question} cannot be {quoted}: {why}. Try {better}.")


REFUSED = [
    # A slug that is no name
    refused("project_slug", "", "it is blank", "my-project"),
    refused("project_slug", "   ", "it is blank", "my-project"),
    refused("project_slug", "-rf", SHAPE, "rf"),
    refused("project_slug", "--help", SHAPE, "help"),
    refused("project_slug", "desk-", SHAPE, "desk"),
    refused("project_slug", ".git", SHAPE, "git"),
    refused("project_slug", ".", SHAPE, "my-project"),
    refused("project_slug", "..", SHAPE, "my-project"),
    refused("project_slug", "../x", SHAPE, "x"),
    refused("project_slug", "../../../x", SHAPE, "x"),
    refused("project_slug", "a/b", SHAPE, "a-b"),
    refused("project_slug", "/tmp/somewhere-else", SHAPE, "tmp-somewhere-else"),
    refused("project_slug", "..\\x", SHAPE, "x"),
    refused("project_slug", "C:\\desk", SHAPE, "c-desk"),
    refused("project_slug", "~", SHAPE, "my-project"),
    refused("project_slug", "Workshop Desk", SHAPE, "workshop-desk"),
    refused("project_slug", "WorkshopDesk", SHAPE, "workshopdesk"),
    refused("project_slug", "desk;rm -rf x", SHAPE, "desk-rm-rf-x"),
    refused("project_slug", "$(touch x)", SHAPE, "touch-x"),
    refused("project_slug", "${HOME}", SHAPE, "home"),
    refused("project_slug", "`id`", SHAPE, "id"),
    refused("project_slug", 'a"b', SHAPE, "a-b"),
    refused("project_slug", "工作坊", SHAPE, "my-project"),
    refused("project_slug", "🌱", SHAPE, "my-project"),
    refused("project_slug", "café", SHAPE, "cafe"),
    refused("project_slug", "a\nb", BREAK, "a-b"),
    refused("project_slug", "a\tb", "it holds a tab", "a-b"),
    refused("project_slug", "a" * 51, "it is longer than 50 characters", "a" * 40),
    Refused(
        {"project_slug": "a" * 200},
        f'project_slug cannot be "{"a" * 59}…": it is longer than 50 characters. Try "{"a" * 40}".',
    ),
    # A slug that is taken
    refused("project_slug", "django", PACKAGE, "django-project"),
    refused("project_slug", "celery", PACKAGE, "celery-project"),
    refused("project_slug", "kombu", PACKAGE, "kombu-project"),
    refused("project_slug", "django_ninja", PACKAGE, "django-ninja-project"),
    refused("project_slug", "django.axes", PACKAGE, "django-axes-project"),
    refused("project_slug", "django--environ", PACKAGE, "django-environ-project"),
    refused("project_slug", "apps", INSIDE, "apps-project"),
    refused("project_slug", "config", INSIDE, "config-project"),
    refused("project_slug", "conventions", INSIDE, "conventions-project"),
    refused("project_slug", "tests", INSIDE, "tests-project"),
    refused("project_slug", "static", INSIDE, "static-project"),
    refused("project_slug", "CON", SHAPE, "con-project"),
    refused("project_slug", "con", DEVICE, "con-project"),
    refused("project_slug", "nul.txt", DEVICE, "nul-txt"),
    refused("project_slug", "com1", DEVICE, "com1-project"),
    # A name or a description that is no line of text
    refused("project_name", "", "it is blank", "Workshop Desk"),
    refused("project_name", " \u3000 ", "it is blank", "Workshop Desk"),
    refused("project_name", "\u200d", "it is blank", "Workshop Desk"),
    Refused(
        {"project_name": "Desk\nadmin = true"},
        'project_name cannot be "Desk\\nadmin = true": it holds a line break. '
        'Try "Desk admin = true".',
    ),
    Refused(
        {"project_name": "Desk\u2028Two"},
        'project_name cannot be "Desk\\u2028Two": it holds a line break. Try "Desk Two".',
    ),
    Refused(
        {"project_name": "Desk\x1b[31m"},
        'project_name cannot be "Desk\\u001b[31m": it holds a control character. Try "Desk [31m".',
    ),
    Refused(
        {"project_name": "Desk\x7f"},
        'project_name cannot be "Desk\\u007f": it holds a control character. Try "Desk".',
    ),
    Refused(
        {"project_name": "Desk \u202exe.exe"},
        'project_name cannot be "Desk \\u202exe.exe": '
        'it holds a character that turns the direction of text. Try "Desk xe.exe".',
    ),
    Refused(
        {"project_name": "Desk\ufeff"},
        'project_name cannot be "Desk\\ufeff": it holds an invisible character. Try "Desk".',
    ),
    refused("project_name", "a\tb", "it holds a tab", "a b"),
    refused(
        "project_name",
        "Team # example",
        "it ends in '# example', by which lines go when the example does",
        "Team",
    ),
    Refused(
        {"project_name": "x" * 200},
        f'project_name cannot be "{"x" * 59}…": it is longer than 80 characters. '
        f'Try "{"x" * 59}…".',
    ),
    refused("description", "", "it is blank", "What it is for, in one sentence"),
    refused("description", "a\nb", BREAK, "a b"),
    Refused(
        {"description": "a\rb"},  # cookiecutter makes a line feed of it
        f'description cannot be "a\\nb": {BREAK}. Try "a b".',
    ),
    Refused(
        {"description": "x" * 201},
        f'description cannot be "{"x" * 59}…": it is longer than 200 characters. '
        f'Try "{"x" * 59}…".',
    ),
    # A team that is no slug, a contact that reaches nobody
    refused("team", "", "it is blank", "platform"),
    refused("team", "The A Team", SHAPE, "the-a-team"),
    refused("team", "a.b", SHAPE, "a-b"),
    refused("team", 'x"]\n[y', BREAK, "x-y"),
    refused("team", "../x", SHAPE, "x"),
    refused("team_contact", "", "it is blank", "#platform"),
    refused("team_contact", "desk", CONTACT, "#desk"),
    refused("team_contact", "#", CONTACT, "#platform"),
    refused("team_contact", "# desk", CONTACT, "#desk"),
    refused("team_contact", "desk@", CONTACT, "#platform"),
    refused("team_contact", "desk@localhost", CONTACT, "#platform"),
    refused("team_contact", "a b@example.com", CONTACT, "#platform"),
    refused("team_contact", '"x"@example.com', CONTACT, "#platform"),
    refused("team_contact", "https://example.com", CONTACT, "#https-example-com"),
    refused("team_contact", "desk@example.com\n* @intruder", BREAK, "#platform"),
]

NAMES = [
    'Acme "Best" Co\'s',
    '"""',
    "'''",
    "back\\slash \\n \\u0041 \\",
    "# not a heading",
    "100% %s %(x)s",
    "${HOME} $HOME $(touch x) `touch x`",
    "<script>alert(1)</script> & <b>",
    "*bold* _it_ ~~no~~ [link](x) ![i](y) | cell",
    "- item",
    "1. item",
    "a = 1 # [table]",
    "key: {yaml: [1, 2]} & *anchor !tag",
    "工作坊 예약 ワークショップ",
    "🌱 👩‍💻 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "Ünïcödé, “quotes” …",
    "class",
    "None",
    "x" * 80,
    "]]> --> */ ;--",
]
JINJA = ["{{ 7 * 7 }}", "{{ site.name }}", "{% if", "{# gone #} stays", "{{{{", "}} {"]

WORKS = [
    Works({}),
    *(Works({"project_name": name, "description": name}) for name in NAMES),
    *(
        Works({"project_slug": slug})
        for slug in ("class", "test", "123abc", "desk_two", "desk.two", "a", "a" * 50, "manage")
    ),
    Works({"project_name": "Django"}, reads={"project_slug": "django-project"}),
    Works({"project_name": "工作坊"}, reads={"project_slug": "gong-zuo-fang"}),
    Works({"project_name": "🌱"}, reads={"project_slug": "my-project"}),
    Works({"project_name": "Café des Élèves"}, reads={"project_slug": "cafe-des-eleves"}),
    Works({"project_name": "a " * 40}, reads={"project_slug": "-".join("a" * 25)}),
    Works({"description": "d" * 200}),
    Works({"description": "  spaced  "}),
    Works({"team": "curators"}),
    # What the template folder says of itself, where the answers are put
    Works({"project_name": "Workshop Desk 2", "description": "team=platform `platform`"}),
    Works({"description": '"Workshop Desk" of [platform]'}),
    Works({"team": "42"}, reads={"team_contact": "#42"}),
    Works({"team": "desk", "team_contact": "desk+alerts@mail.example.com"}),
    Works({"team_contact": "#工作坊-help"}),
    # On the command line cookiecutter itself renders what it is given: Jinja is worked out before
    # any file of ours sees it. At the prompts it is not: see TestTypedAtThePrompts.
    Works({"description": "{{ 7 * 7 }}"}, reads={"description": "49"}),
    Works({"description": "a{# gone #}b"}, reads={"description": "ab"}),
]


def of(case: Refused | Works) -> str:
    return " ".join(f"{key}={value[:24]!a}" for key, value in case.answers.items()) or "defaults"


class TestRefusedAnswers:
    @pytest.mark.parametrize("case", REFUSED, ids=of)
    def test_are_named_in_the_first_line_and_leave_nothing(
        self, case: Refused, template: Path, tmp_path: Path
    ) -> None:
        scratch = tmp_path / "a" / "b" / "c"  # so that ../../.. is still ours to look at
        scratch.mkdir(parents=True)

        made = generate(template=template, scratch=scratch, answers=case.answers)

        assert made.said[0] == case.first_line
        assert made.code == 1
        assert left_behind(tmp_path) == []

    @pytest.mark.parametrize("case", REFUSED, ids=of)
    def test_come_with_a_value_that_would_work(self, case: Refused) -> None:
        hook = pre_gen_hook()
        answers = {**defaults(), **case.answers}
        answers["__typed_slug"] = answers["project_slug"]
        (question,) = case.answers
        better = hook.what_would_work(question, answers=answers)

        answers |= {question: better, "__typed_slug": answers["project_slug"]}
        if question == "project_slug":
            answers["__typed_slug"] = better

        assert hook.why_an_answer_cannot(answers) == ""

    def test_leave_a_folder_alone_that_was_there_before(
        self, template: Path, tmp_path: Path
    ) -> None:
        neighbour = tmp_path / "place" / "apps" / "mine.txt"
        neighbour.parent.mkdir(parents=True)
        neighbour.write_text("mine")

        made = generate(
            template=template,
            scratch=tmp_path,
            answers={"project_slug": "apps"},
            arguments=("--overwrite-if-exists",),
        )

        assert made.said[0].startswith("project_slug cannot be")
        assert left_behind(tmp_path) == ["place/apps/mine.txt"]

    def test_are_refused_when_typed_as_well(self, template: Path, tmp_path: Path) -> None:
        made = generate(template=template, scratch=tmp_path, typed={"project_slug": "../x"})

        assert any(
            line.endswith(f'project_slug cannot be "../x": {SHAPE}. Try "x".') for line in made.said
        )
        assert left_behind(tmp_path) == []


class TestWorkingAnswers:
    @pytest.mark.parametrize("case", WORKS, ids=of)
    def test_are_read_back_as_they_were_typed(
        self, case: Works, template: Path, tmp_path: Path
    ) -> None:
        made = generate(template=template, scratch=tmp_path, answers=case.answers)

        assert_reads(made, {**case.answers, **case.reads})


class TestTheTemplatesOwnNames:
    def test_are_gone_where_others_were_answered(self, template: Path, tmp_path: Path) -> None:
        answers = {
            "project_name": "Seat Office",
            "description": "Seats, and who sits in them.",
            "team": "ushers",
            "team_contact": "ushers@example.com",
        }
        project = generate(template=template, scratch=tmp_path, answers=answers).project
        words = ("Workshop Desk", "workshop-desk", "everything has a home", "platform")
        files = ("*.md", "*.toml", "*.yaml", "Makefile", "apps/*/OWNERS.toml", "docs/**/*.md")
        paths = [path for pattern in files for path in project.glob(pattern)]

        texts = {str(path): path.read_text(encoding="utf-8") for path in paths}

        assert len(texts) > len(files)
        assert [(name, word) for name in texts for word in words if word in texts[name]] == []

    def test_are_found_where_lines_end_as_windows_has_it(
        self, template: Path, tmp_path: Path
    ) -> None:
        altered = shutil.copytree(template, tmp_path / "altered", symlinks=True)
        for path in files_of(altered / FOLDER):
            content = (altered / FOLDER / path).read_bytes()
            (altered / FOLDER / path).write_bytes(content.replace(b"\n", b"\r\n"))
        answers = {"project_name": "Seat Office", "description": "Seats.", "team": "ushers"}

        made = generate(template=altered, scratch=tmp_path, answers=answers)

        assert_reads(made, answers)


class TestTypedAtThePrompts:
    """Cookiecutter strips what is typed at both ends, and renders nothing of it."""

    @pytest.mark.parametrize("text", [*NAMES, *JINJA], ids=ascii)
    def test_any_text_is_kept(self, text: str, template: Path, tmp_path: Path) -> None:
        typed = {"project_name": text, "project_slug": "desk", "description": text}

        made = generate(template=template, scratch=tmp_path, typed=typed)

        assert_reads(made, typed)

    def test_a_piece_of_the_template_is_refused(self, template: Path, tmp_path: Path) -> None:
        typed = {"description": "{{ cookiecutter.team }}"}

        made = generate(template=template, scratch=tmp_path, typed=typed)

        refusal = 'it reads like a piece of the template. Try "cookiecutter.team".'
        assert any(line.endswith(refusal) for line in made.said)
        assert left_behind(tmp_path) == []

    def test_nothing_but_enter_works(self, template: Path, tmp_path: Path) -> None:
        assert_reads(generate(template=template, scratch=tmp_path, typed={}), {})


class TestWhatCookiecutterRefusesItself:
    """Before any hook of ours runs: the words are cookiecutter's, but nothing may be left."""

    @pytest.mark.parametrize(
        ("answers", "words"),
        [
            ({"project_name": "{{ cookiecutter.nothing }}"}, "Unable to render variable"),
            ({"project_name": "{% if"}, "TemplateSyntaxError"),
            ({"starter": "everything"}, "provided for choice variable starter"),
        ],
        ids=["undefined", "syntax", "choice"],
    )
    def test_leaves_nothing(
        self, answers: dict[str, str], words: str, template: Path, tmp_path: Path
    ) -> None:
        made = generate(template=template, scratch=tmp_path, answers=answers)

        assert made.code == 1
        assert words in "\n".join(made.said)
        assert left_behind(tmp_path) == []


class TestTakenNames:
    def test_are_all_that_the_project_declares(self, generated: Callable[[str], Path]) -> None:
        project = generated("example")
        pyproject = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
        declared = [*pyproject["project"]["dependencies"], *pyproject["dependency-groups"]["dev"]]
        packages = {line.partition("[")[0].partition(">")[0].strip().lower() for line in declared}
        folders = {
            path.name
            for path in project.iterdir()
            if path.is_dir() and not path.name.startswith(".")
        }

        taken = [set(kind.split()) for kind in defaults()["_taken_names"].split("/")]
        assert packages <= taken[0]
        assert folders <= taken[1]


def defaults() -> dict[str, Any]:
    root = Path(__file__).resolve().parents[1]
    questions: dict[str, Any] = json.loads((root / "cookiecutter.json").read_text(encoding="utf-8"))
    return {**questions, "project_slug": "workshop-desk", "team_contact": "#platform"}


def pre_gen_hook() -> ModuleType:
    path = Path(__file__).resolve().parents[1] / "hooks" / "pre_gen_project.py"
    spec = importlib.util.spec_from_file_location("pre_gen_project", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def left_behind(scratch: Path) -> list[str]:
    """Everything but cookiecutter's own home: also what it keeps in the temporary folder."""
    return [
        path.relative_to(scratch).as_posix()
        for path in sorted(scratch.rglob("*"))
        if path.is_file() and "home" not in path.relative_to(scratch).parts
    ] + [path.as_posix() for path in scratch.rglob("place/*") if not any(path.iterdir())]


def assert_reads(made: Generation, expected: dict[str, str]) -> None:
    """Every file parses, and each answer is read back from each file that holds it."""
    assert made.code == 0, "\n".join(made.said)
    assert list((made.place.parent / "temporary").iterdir()) == []
    parsed = parse_all(made.project)
    pyproject = parsed["pyproject.toml"]
    team = expected.get("team", "platform")
    name = expected.get("project_name", "Workshop Desk")
    heading, paragraph = first_words(made.project / "README.md")

    assert made.project.name == pyproject["project"]["name"]
    assert made.project.name == expected.get("project_slug", made.project.name)
    assert pyproject["tool"]["trellis"]["project_name"] == name
    assert heading == name.strip()
    if "description" in expected:
        assert pyproject["project"]["description"] == expected["description"]
        assert paragraph == expected["description"].strip()
    assert parsed["teams.toml"][team]["contact"] == expected.get("team_contact", f"#{team}")
    assert parsed["apps/accounts/OWNERS.toml"]["team"] == team
    if not any("{" in value for value in expected.values()):
        record = parsed[".cruft.json"]["context"]["cookiecutter"]
        assert record.items() >= expected.items()


def parse_all(project: Path) -> dict[str, Any]:
    parsers: dict[str, Callable[[str], Any]] = {
        ".toml": tomllib.loads,
        ".json": json.loads,
        ".yml": lambda text: list(yaml.safe_load_all(text)),
        ".yaml": lambda text: list(yaml.safe_load_all(text)),
        ".py": ast.parse,
    }
    return {
        path.relative_to(project).as_posix(): parsers[path.suffix](path.read_text(encoding="utf-8"))
        for path in project.rglob("*")
        if path.is_file() and path.suffix in parsers
    }


def first_words(readme: Path) -> tuple[str, str]:
    """Read a Markdown file's first heading and first paragraph, as text without any markup."""
    tokens = (
        MarkdownIt("commonmark")
        .enable(["table", "strikethrough"])
        .parse(readme.read_text(encoding="utf-8"))
    )
    found = {}
    for opening, inline in pairwise(tokens):
        children = inline.children or []
        if opening.type in ("heading_open", "paragraph_open") and opening.type not in found:
            found[opening.type] = "".join(child.content for child in children)
            kinds = {child.type for child in children} - {"text", "text_special"}
            assert not kinds, f"{readme.name}: markup came out of an answer: {kinds}"
    return found["heading_open"], found["paragraph_open"]
