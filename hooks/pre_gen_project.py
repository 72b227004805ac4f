"""Refuse what cannot work, in one line, before any file is made.

This file has to parse on old Pythons, so that they can report that they are too old.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import unicodedata
from pathlib import Path

ANSWERS = r"""{{ cookiecutter | jsonify }}"""  # JSON in ASCII: nothing in it can end the string

# uv cannot install a project that is named like a dependency of it or of its library.
DEPENDENCIES = (
    "argon2-cffi|celery|django|django-debug-toolbar|django-environ|django-ninja|django-storages|"
    "django-structlog|django-stubs|django-stubs-ext|django-zeal|factory-boy|gunicorn|honcho|mypy|"
    "orjson|pillow|psycopg|pytest|pytest-django|pytest-xdist|ruff|sentry-sdk|structlog|"
    "trellis-conventions|watchfiles|whitenoise"
)
ADDRESS = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"
# What is refused: a pattern and the reason. (Text is safe in TOML, YAML and Markdown then.)
TEXT = (
    (r'["\\`<]', 'it holds one of " \\ ` <'),
    (r"[{][#%{]", "it holds a brace that begins an expression in a template"),
    (r"^[#>*+_~\[-]|^\d+[.)]( |$)| #+$", "it is a heading, list or quote in Markdown"),
)
NAME = (r"^(?![a-z0-9]+(-[a-z0-9]+)*$)", "only lower-case letters, digits and single hyphens work")
PACKAGE = (rf"^({DEPENDENCIES})$", "the project installs a package of that name")
DEVICE = (r"^(con|prn|aux|nul|com\d|lpt\d)$", "Windows keeps that name for a device")
TEAM = (r"^curators$", "the example has a team of that name")
CONTACT = (rf"^(?!(#[\w-]+|{ADDRESS})$)", "it is neither an e-mail address nor a #channel")
STARTER = (r"^(?!(example|empty)$)", "it is neither example nor empty")
# Each question: the longest answer, one that works, what is refused.
QUESTIONS = {
    "project_name": (80, "Workshop Desk", TEXT),
    "project_slug": (50, "workshop-desk", (NAME, PACKAGE, DEVICE)),
    "description": (200, "What it is for, in one sentence.", TEXT),
    "team": (50, "platform", (NAME, TEAM)),
    "team_contact": (100, "#platform", (CONTACT,)),
    "starter": (7, "example", (STARTER,)),
}


def main() -> None:
    problem = machine_problem() or answer_problem(json.loads(ANSWERS)) or folder_problem()
    if problem:
        print(problem, file=sys.stderr)
        sys.exit(1)


def machine_problem() -> str:
    if sys.version_info < (3, 11):
        return (
            f"Trellis needs Python 3.11 or newer; cookiecutter runs on {sys.version.split()[0]} "
            'here. Try "uvx --python 3.13 cookiecutter" with the same answers.'
        )
    return "" if shutil.which("git") else "Trellis needs git. Install it and try again."


def answer_problem(answers: dict[str, object]) -> str:
    for question in QUESTIONS:
        value = answers.get(question)
        reason = why_refused(question, value)
        if reason:
            shown = json.dumps(value, ensure_ascii=not str(value).isprintable())
            shown = shown if len(shown) <= 70 else shown[:70] + "…"
            return f'{question} cannot be {shown}: {reason}. Try "{suggestion(question, value)}".'
    return ""


def why_refused(question: str, value: object) -> str:
    longest, _, refused = QUESTIONS[question]
    if not isinstance(value, str):
        return "it is not text"
    if not value or value != value.strip():
        return "it is blank, or begins or ends with a space"
    if not value.isprintable():
        return "it holds a line break or another character that cannot be printed"
    if len(value) > longest:
        return f"it is longer than {longest} characters"
    return next((reason for pattern, reason in refused if re.search(pattern, value)), "")


def suggestion(question: str, value: object) -> str:
    """Return an answer that works; for a name, one that is close to what was given."""
    if question in ("project_slug", "team") and isinstance(value, str):
        plain = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode().lower()
        name = "-".join(re.findall("[a-z0-9]+", plain))[:40].strip("-")
        for candidate in (name, "my-" + name):
            if not why_refused(question, candidate):
                return candidate
    return QUESTIONS[question][1]


def folder_problem() -> str:
    found = (
        f"{Path.cwd().name} holds files, and generating again would replace them. To update the "
        'project, run "make template-update" in it; for another one, choose another project_slug.'
    )
    return found if any(Path.cwd().iterdir()) else ""


if __name__ == "__main__":
    main()
