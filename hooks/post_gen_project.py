"""Finish what was copied: starter, CODEOWNERS, layout check, record of the template.

This runs at every template update, too: offline, without secrets, with the same result each time.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ANSWERS = r"""{{ cookiecutter | jsonify }}"""  # JSON in ASCII: nothing in it can end the string
NEXT = """
The project is ready to set up:

  cd {folder}
  make setup    packages, .env, database, demo data
  make dev      web, worker and beat in one terminal
  git init      then commit it all: git merges the template's updates

Updates: {updates}"""
LINKED = "`make template-update` brings in what changes in {template}"
NOT_LINKED = "not linked to its template: docs/following-the-template.md tells how to link it"


def main() -> None:
    answers = json.loads(ANSWERS)
    project = Path.cwd()  # cookiecutter runs a hook in the new project's folder
    clean(project)
    finish(project, starter=answers["starter"])
    if "_commit" not in answers:  # cruft writes a record of its own
        template = link(project, answers)
        updates = LINKED.format(template=template) if template else NOT_LINKED
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        print(NEXT.format(folder=shlex.quote(str(project)), updates=updates))


def clean(project: Path) -> None:
    """Drop the caches of somebody who worked in the template; make read-only files writable."""
    for path in list(project.rglob("*")):
        if path.name == "__pycache__" or re.fullmatch(r"\..*_cache", path.name):
            shutil.rmtree(path, ignore_errors=True)
        elif path.is_file():
            path.chmod(path.stat().st_mode | 0o200)


def finish(project: Path, *, starter: str) -> None:
    """Run the project's own commands on it. They need nothing but the standard library."""
    sys.dont_write_bytecode = True
    sys.path[0] = str(project / "vendor" / "trellis" / "src")
    from trellis import ownership
    from trellis.checks import layout
    from trellis.commands import remove_example

    if starter == "empty":
        remove_example.remove_example(root=project)
    ownership.write(root=project)
    if sys.version_info < (3, 12):  # older than the syntax of the project
        print("Python 3.11 cannot check the layout. `make check` will.")
    elif found := layout.check(root=project, today=datetime.now(UTC).date()):
        sys.exit("\n".join(["The layout check of the template fails:", *map(str, found)]))


def link(project: Path, answers: dict[str, str]) -> str:
    """Write `.cruft.json`, by which the project follows its template; return the address in it.

    Without a git repository of the template nothing is written, and the address is empty.
    """
    # The template may be given by a relative path, and cookiecutter does not tell from where.
    starts = (os.environ.get("PWD", ""), answers["_output_dir"])
    folders = [Path(start, answers.get("_repo_dir", "")).resolve() for start in starts]
    folder = next(filter(is_this_template, folders), Path(os.devnull))
    commit = git(folder, "rev-parse", "--verify", "HEAD")
    is_a_clone = answers["_template"] != answers.get("_repo_dir")
    origin = without_secrets(git(folder, "config", "remote.origin.url"))
    address = origin if is_a_clone else str(folder)
    if not (commit and address):
        return ""
    six = {question: answer for question, answer in answers.items() if not question.startswith("_")}
    record = {"template": address, "commit": commit, "context": {"cookiecutter": six}}
    text = json.dumps(record, ensure_ascii=False, indent=2) + "\n"
    (project / ".cruft.json").write_text(text, encoding="utf-8", newline="\n")
    return address


def is_this_template(folder: Path) -> bool:
    """Whether the folder has this very hook, but for the answers in it."""
    source = folder / "hooks" / "post_gen_project.py"
    code = Path(__file__).read_text(encoding="utf-8").partition("\ndef ")[2]
    return source.is_file() and source.read_text(encoding="utf-8").endswith(code)


def git(repository: Path, *arguments: str) -> str:
    """Return what git prints about the repository with this root, or an empty text."""
    # With `-C`, git would also take a repository around the folder, or the one of GIT_DIR.
    command = ["git", "--git-dir", str(repository / ".git"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def without_secrets(address: str) -> str:
    """Return a URL without the password or token that may stand in it."""
    address = re.sub(r"^(https?://)[^/]*@", r"\1", address)
    return re.sub(r"^(\w+://[^/:]*):[^/]*(@)|(://.*)\?.*", r"\1\2\3", address)


if __name__ == "__main__":
    main()
