"""Finish what was rendered: apply `starter`, derive, check, record, and say what comes next.

Runs at every template update as well: offline, quick, no secret, nothing written outside the
folder, the same result when run twice. What fails here fails the generation.
"""

import contextlib
import gc
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# The one place where cookiecutter's answers enter: JSON in ASCII, so nothing in it can end the
# string or be taken for code.
ANSWERS = r"""{{ cookiecutter | jsonify }}"""

QUESTIONS = ("project_name", "project_slug", "description", "team", "team_contact", "starter")
ABBREVIATIONS = {
    "gh:": "https://github.com/",
    "gl:": "https://gitlab.com/",
    "bb:": "https://bitbucket.org/",
}


def main() -> None:
    answers = json.loads(ANSWERS)
    by_cruft = "_commit" in answers  # it keeps a record of its own
    drop_caches()
    name_the_teams(answers)
    finish(starter=answers["starter"])
    if not by_cruft:
        record(answers)
    if not (by_cruft and os.path.basename(os.path.dirname(os.getcwd())).startswith("tmp")):
        print(what_comes_next(answers))


def drop_caches() -> None:
    """A template folder that someone worked in holds caches; cookiecutter copies them along."""
    for folder, inside, _ in os.walk("."):
        for name in inside:
            if name == "__pycache__" or (name.startswith(".") and name.endswith("_cache")):
                import shutil  # seldom needed, and slow to load

                shutil.rmtree(os.path.join(folder, name))


def name_the_teams(answers: dict[str, Any]) -> None:
    """Put the team that was answered where the template, a project as it stands, names its own.

    Cookiecutter copies `apps/` without rendering: to render any file in it, it would compile the
    path of every other one as a template, which takes longer than all the rest of its work.
    """
    named = {"platform": answers["team"], "curators": answers["__example_team"]}
    for path in (Path("apps", app, "OWNERS.toml") for app in os.listdir("apps")):
        if path.is_file():
            first, _, rest = path.read_text(encoding="utf-8").partition("\n")
            team = first.removeprefix('team = "').removesuffix('"')
            text = f'team = "{named[team]}"\n{rest}'
            path.write_text(text, encoding="utf-8", newline="\n")


def finish(*, starter: str) -> None:
    """Run the project's own code on it, in this process: another one would double the wait."""
    root = Path.cwd()
    if starter == "empty":
        from conventions.remove_example import remove_example

        remove_example(root=root)
    from conventions.__main__ import main as conventions

    demand("owners", by=conventions, root=root)
    demand("layout", "check", by=conventions, root=root)


def demand(*command: str, by: Callable[..., int], root: Path) -> None:
    """Nothing is said when all is well. Otherwise generation fails with what was said."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = by(arguments=list(command), root=root)
    if code != 0:
        print(f"`python -m conventions {' '.join(command)}` fails in what was rendered:")
        print(said.getvalue().rstrip() or f"exit code {code}", flush=True)
        sys.exit(1)


def record(answers: dict[str, Any]) -> None:
    """`.cruft.json`, as cruft itself would write it: by it a project follows its template."""
    commit = commit_of(answers.get("_repo_dir") or "", seen_from=starting_folder(answers))
    if not commit:
        return  # a template without history: nothing to follow
    template = address_of(answers["_template"], seen_from=starting_folder(answers))
    kept = {question: as_jinja(answers[question]) for question in QUESTIONS}
    content = {
        "template": template,
        "commit": commit,
        "checkout": answers.get("_checkout"),
        "context": {"cookiecutter": {**kept, "_template": template, "_commit": commit}},
        "directory": None,
    }
    with open(".cruft.json", "w", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(content, ensure_ascii=False, indent=2) + "\n")


def as_jinja(answer: str) -> str:
    """Cruft renders recorded answers once more at an update: what looks like Jinja is quoted."""
    looks_like_jinja = any(opening in answer for opening in ("{" * 2, "{" + "%", "{" + "#"))
    return answer.replace("{", "{" * 2 + " '{' " + "}" * 2) if looks_like_jinja else answer


def starting_folder(answers: dict[str, Any]) -> str:
    """Where cookiecutter was started. (Hooks run in the project's folder instead.)"""
    return os.environ.get("PWD") or answers["_output_dir"]


def address_of(template: str, *, seen_from: str) -> str:
    """The template's address in full, without any password or token that was typed in it."""
    for short, long in ABBREVIATIONS.items():
        if template.startswith(short):
            return long + template[len(short) :] + ".git"
    scheme, separator, rest = template.partition("://")
    if not separator:
        local = os.path.abspath(os.path.join(seen_from, os.path.expanduser(template)))
        return local if os.path.isdir(local) else template
    host, slash, path = rest.partition("/")
    user, at, host = host.rpartition("@")
    if scheme == "ssh" and user:
        host = user.partition(":")[0] + at + host
    return scheme + separator + host + slash + path.partition("?")[0]


def commit_of(repository: str, *, seen_from: str) -> str:
    """What HEAD points at, read from git's own files: asking git takes longer than all of this."""
    git = os.path.join(seen_from, os.path.expanduser(repository), ".git")
    if os.path.isfile(git):  # a worktree: a note of where its files are
        git = os.path.join(os.path.dirname(git), first_line(git).partition("gitdir: ")[2])
    head = first_line(os.path.join(git, "HEAD"))
    if not head.startswith("ref: "):
        return head
    name = head[len("ref: ") :]
    shared = os.path.join(git, first_line(os.path.join(git, "commondir")) or ".")
    loose = first_line(os.path.join(shared, name))
    return loose or packed_ref(os.path.join(shared, "packed-refs"), name=name)


def packed_ref(path: str, *, name: str) -> str:
    if not os.path.isfile(path):
        return ""
    with open(path, encoding="utf-8") as file:
        found = [line.split(" ")[0] for line in file if line.rstrip("\n").endswith(" " + name)]
    return found[0] if found else ""


def first_line(path: str) -> str:
    if not os.path.isfile(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.readline().strip()


def what_comes_next(answers: dict[str, Any]) -> str:
    folder = os.getcwd()
    start = starting_folder(answers)
    if folder.startswith(os.path.join(start, "")):
        folder = os.path.relpath(folder, start)
    lines = [
        "",
        answers["project_name"] + " is ready to set up:",
        "",
        "  cd " + for_the_shell(folder),
        "  make setup    packages, .env, database, demo data",
        "  make dev      web, worker and beat in one terminal",
        "",
    ]
    if answers["starter"] == "empty":
        lines += [
            "Then your first app:  make app name=invoices team=" + answers["team"],
            "Where things go:      docs/where-does-it-go.md",
        ]
    else:
        lines += [
            "Look first:  docs/follow-one-booking.md, one booking from the form to the mail",
            "Look next:   apps/bookings/services.py beside apps/bookings/tasks.py",
            "Later:       make remove-example, when you have seen enough of it",
        ]
    return "\n".join(lines)


def for_the_shell(path: str) -> str:
    plain = all(c.isalnum() or c in "-._/" for c in path)
    return path if plain else "'" + path.replace("'", "'\"'\"'") + "'"


def leave_nothing() -> None:
    """Cookiecutter renders a hook, answers and all, into a temporary file and forgets it there."""
    if os.path.basename(__file__).startswith("tmp"):
        os.remove(__file__)


if __name__ == "__main__":
    # A short life: neither collecting garbage nor tidying up at the end is worth its time.
    gc.disable()
    sys.dont_write_bytecode = True
    sys.path[0] = os.getcwd()  # the project, instead of the system's temporary folder
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        main()
    finally:
        leave_nothing()
    sys.stdout.flush()
    os._exit(0)
