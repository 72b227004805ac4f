"""Finish what was copied: put the answers in, derive, check, record, and say what comes next.

Runs at every template update as well: offline, quick, no secret, nothing written outside the
folder, the same result when run twice. What fails here fails the generation.
"""

import gc
import io
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

# The one place where cookiecutter's answers enter: JSON in ASCII, so nothing in it can end the
# string or be taken for code.
ANSWERS = r"""{{ cookiecutter | jsonify }}"""

# What the template folder, a project as it stands, is called.
NAME = "Workshop Desk"
ABOUT = "A Django and Celery project in which everything has a home."

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
    put_the_answers_in(answers)
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


def put_the_answers_in(answers: dict[str, Any]) -> None:
    """Let the answers take the place of what the template folder, a project itself, is called.

    Cookiecutter copies every file as it stands, also over one that is there. All is replaced in one
    pass, so that an answer in which a default appears stays as it was typed.
    """
    name, slug, about = (answers[key] for key in ("project_name", "project_slug", "description"))
    team, contact = answers["team"], answers["team_contact"]
    others = "workshops" if team == "curators" else "curators"
    in_text = {
        f"# {NAME}\n": f"# {as_markdown(name)}\n",
        f"\n{ABOUT}\n": f"\n{as_markdown(about)}\n",
        "team=platform": "team=" + team,
        "`platform`": f"`{team}`",
        "`#platform`": f"`{contact}`",
    }
    in_toml = {
        f'"{NAME}"': as_toml(name),
        f'"{ABOUT}"': as_toml(about),
        '"workshop-desk"': as_toml(slug),
        'team = "platform"': f"team = {as_toml(team)}",
        'team = "curators"': f"team = {as_toml(others)}",
        '[platform]\ncontact = "#platform"': f"[{team}]\ncontact = {as_toml(contact)}",
        "[curators] # example": f"[{others}] # example",
        'contact = "#curators" # example': f'contact = "#{others}" # example',
    }
    for path in ("README.md", "AGENTS.md", "Makefile"):
        replace(in_text, path=path)
    owners = (f"apps/{app}/OWNERS.toml" for app in os.listdir("apps"))
    for path in ("pyproject.toml", "teams.toml", *filter(os.path.isfile, owners)):
        replace(in_toml, path=path)


def replace(meant: dict[str, str], *, path: str) -> None:
    with open(path, encoding="utf-8") as file:  # whose lines may end as Windows has it
        text = file.read()
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(replaced(text, *meant.items()))


def replaced(text: str, *meant: tuple[str, str]) -> str:
    """The text with each pair's first by its second, but for what a pair before it put in."""
    if not meant:
        return text
    (old, new), *rest = meant
    return new.join(replaced(part, *rest) for part in text.split(old))


def as_toml(text: str) -> str:
    """Text as a TOML string. (No answer holds control characters: `pre_gen_project.py`.)"""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def as_markdown(text: str) -> str:
    """Text as Markdown that reads as it was typed, also at the start of a line."""
    text = "".join("\\" + c if c in "\\`*_[]<>#|&~$" else c for c in text.strip())
    rest = text.lstrip("0123456789")
    number = text.removesuffix(rest)
    return f"{number}\\{rest}" if rest.startswith(("-", "+", "=", ".", ")")) else text


def finish(*, starter: str) -> None:
    """Run the project's own code on it, in this process: another one would double the wait."""
    root = os.getcwd()
    if starter == "empty":
        from trellis.commands.remove_example import remove_example

        remove_example(root=root)
    from trellis.checks import layout
    from trellis import ownership

    try:
        ownership.write(root=root)
    except ownership.Malformed as fault:
        stop_if([fault], command="owners")
    stop_if(layout.check(root=root, today=datetime.now(UTC).date()), command="layout check")


def stop_if(found: Sequence[object], *, command: str) -> None:
    """Let generation fail with what a command found. Nothing is said when that is nothing."""
    if found:
        print(f"`trellis {command}` fails in what was copied:", *found, sep="\n")
        sys.stdout.flush()
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
        "  git init      and commit it all: updates are merged by git",
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
    sys.path[0] = os.path.join(os.getcwd(), "vendor", "trellis", "src")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        main()
    finally:
        leave_nothing()
    sys.stdout.flush()
    os._exit(0)
