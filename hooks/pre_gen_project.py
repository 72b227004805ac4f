"""Refuse what cannot work, before a single file is made.

The first line printed says which answer it is, why it cannot work, and a value that would. The
machine is looked at first: this file has to parse on old Pythons, so that they can say so.

Why there is no `pre_prompt.py`, and how a slug like `../x` is kept from making a folder outside:
docs/adr/0004-hooks-are-offline-and-leave-nothing.md.
"""

import os
import sys

# The one place where cookiecutter's answers enter: JSON in ASCII, so nothing in it can end the
# string or be taken for code.
ANSWERS = r"""{{ cookiecutter | jsonify }}"""

LETTERS_AND_DIGITS = "abcdefghijklmnopqrstuvwxyz0123456789"
# Joiners and the like: needed between other characters (in emoji, say), nothing by themselves.
INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\u2800\u3164\ufe0e\ufe0f\ufeff"
EXAMPLE_MARK = "# example"
OF_ONE_PROJECT = (".env", ".venv", ".tools", "uv.lock", "var")
IN_AN_EMAIL = LETTERS_AND_DIGITS + LETTERS_AND_DIGITS.upper() + "._%+'-"


def main() -> None:
    answers = strings_of(ANSWERS)
    for problem in (
        why_this_machine_cannot(),
        why_the_template_cannot(answers),
        why_an_answer_cannot(answers),
    ):
        if problem:
            print(problem, file=sys.stderr, flush=True)
            sys.exit(1)


def strings_of(json: str) -> "dict[str, str]":
    """The strings of an indented JSON object: loading `json` takes longer than all of this file."""
    strings = {}
    for line in json.splitlines():
        name, colon, value = line.strip().rstrip(",").partition('": "')
        if colon:
            text = value[:-1].encode("ascii").decode("unicode_escape")
            # An emoji is two halves in JSON.
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
            strings[name[1:]] = text
    return strings


def why_this_machine_cannot() -> str:
    """One line, or nothing when this machine can generate."""
    if sys.version_info < (3, 11):
        return (
            f"Trellis needs Python 3.11 or newer; cookiecutter runs on {sys.version.split()[0]} "
            'here. Try "uvx --python 3.13 cookiecutter" with the same answers.'
        )
    version = installed_version("cookiecutter")
    if version and version < (2, 6):
        return (
            f"Trellis needs cookiecutter 2.6 or newer; this is {version[0]}.{version[1]}. "
            'Try "uvx cookiecutter" with the same answers.'
        )
    if not on_the_path("git"):
        return (
            "Trellis needs git, by which a project later follows its template; there is none on "
            "the PATH. Install it and give the same answers."
        )
    return ""


def why_the_template_cannot(answers: "dict[str, str]") -> str:
    """One line, or nothing when its folder holds only what every project may have."""
    repository = os.path.expanduser(answers.get("_repo_dir", ""))
    name = "{" * 2 + "cookiecutter.project_slug" + "}" * 2
    folder = os.path.join(os.environ.get("PWD", ""), repository, name)
    left = [own for own in OF_ONE_PROJECT if os.path.lexists(os.path.join(folder, own))]
    if left:
        return (
            f"Somebody worked in the template's own folder, and {', '.join(left)} would be copied "
            'from it. Run "git clean -fdX" in it, or generate from a fresh clone.'
        )
    return ""


def why_an_answer_cannot(answers: "dict[str, str]") -> str:
    """One line about the first answer that cannot work, or nothing."""
    team = answers["team"]
    # `project_slug` is a harmless stand-in by now if what was typed could not be a folder here.
    slug = answers["__typed_slug"]
    checks = (
        ("project_name", answers["project_name"], why_no_line(answers["project_name"], most=80)),
        ("project_slug", slug, why_no_name(slug, most=50) or why_taken(slug, answers=answers)),
        ("description", answers["description"], why_no_line(answers["description"], most=200)),
        ("team", team, why_no_name(team, most=50, also="-")),
        ("team_contact", answers["team_contact"], why_no_contact(answers["team_contact"])),
    )
    for question, value, why in checks:
        if why:
            better = what_would_work(question, answers=answers)
            return f"{question} cannot be {shown(value)}: {why}. Try {shown(better)}."
    return ""


def why_no_line(value: str, *, most: int) -> str:
    if not value.strip() or not value.strip(INVISIBLE + " ").strip():
        return "it is blank"
    for character in value:
        if unseen(character):
            return "it holds " + unseen(character)
    if len(value) > most:
        return f"it is longer than {most} characters"
    if "{" * 2 in value and "cookiecutter." in value:
        return "it reads like a piece of the template"
    if value.rstrip().endswith(EXAMPLE_MARK):
        return f"it ends in {EXAMPLE_MARK!r}, by which lines go when the example does"
    return ""


def why_no_name(value: str, *, most: int, also: str = "-._") -> str:
    if not value.strip():
        return "it is blank"
    for character in value:
        if unseen(character):
            return "it holds " + unseen(character)
    if value.strip(LETTERS_AND_DIGITS + also) or not (
        value[0] in LETTERS_AND_DIGITS and value[-1] in LETTERS_AND_DIGITS
    ):
        return (
            "it may hold lower-case letters, digits and hyphens, and starts and ends with a "
            "letter or digit"
        )
    if len(value) > most:
        return f"it is longer than {most} characters"
    return ""


def why_taken(slug: str, *, answers: "dict[str, str]") -> str:
    packages, folders, devices = [kind.split() for kind in answers["_taken_names"].split("/")]
    if slug.split(".")[0] in devices:
        return "Windows keeps that name for a device"
    # PEP 503: these three are one and the same to every Python package tool.
    name = slug.replace("_", "-").replace(".", "-")
    while "--" in name:
        name = name.replace("--", "-")
    if name in packages:
        return "the project installs a package of that name"
    if name in folders:
        return "the project has a folder of that name inside"
    return ""


def why_no_contact(value: str) -> str:
    problem = why_no_line(value, most=120)
    if problem:
        return problem
    channel = value[1:].replace("-", "").replace("_", "")
    if value.startswith("#") and channel.isalnum():
        return ""
    name, _, host = value.rpartition("@")
    labels = host.lower().split(".")
    if (
        name
        and not name.strip(IN_AN_EMAIL)
        and len(labels) > 1
        and all(label and not label.strip(LETTERS_AND_DIGITS + "-") for label in labels)
    ):
        return ""
    return "it is neither an e-mail address nor a #channel"


def what_would_work(question: str, *, answers: "dict[str, str]") -> str:
    """A value near to what was typed that passes every check above."""
    typed = answers["__typed_slug" if question == "project_slug" else question]
    if question in ("project_name", "description"):
        most, fallback = (
            (80, "Workshop Desk")
            if question == "project_name"
            else (200, "What it is for, in one sentence")
        )
        line = " ".join("".join(" " if unseen(c) or c in "{}" else c for c in typed).split())
        while line.endswith(EXAMPLE_MARK):
            line = line.removesuffix(EXAMPLE_MARK).strip()
        return line[:most].strip() if line.strip(INVISIBLE) else fallback
    if question == "project_slug":
        slug = hyphenated(typed) or "my-project"
        return slug + "-project" if why_taken(slug, answers=answers) else slug
    if question == "team":
        return hyphenated(typed) or "platform"
    team = hyphenated(answers["team"]) or "platform"
    return "#" + (hyphenated(typed) if "@" not in typed and hyphenated(typed) else team)


def hyphenated(value: str) -> str:
    import unicodedata  # only needed to refuse

    plain = unicodedata.normalize("NFKD", value.lower())
    letters = [c for c in plain if not unicodedata.combining(c)]
    words = "".join(c if c in LETTERS_AND_DIGITS else " " for c in letters).split()
    return "-".join(words)[:40].strip("-")


def unseen(character: str) -> str:
    """What to call a character that cannot be seen, or that hides others; nothing for the rest."""
    code = ord(character)
    if character in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029":
        return "a line break"
    if character == "\t":
        return "a tab"
    if code < 0x20 or 0x7F <= code < 0xA0:
        return "a control character"
    if code in (0x61C, 0x200E, 0x200F) or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069:
        return "a character that turns the direction of text"
    if code in (0x200B, 0x2060, 0xFEFF) or code & 0xFFFE == 0xFFFE:
        return "an invisible character"
    if 0xD800 <= code <= 0xDFFF:
        return "a byte that is not UTF-8"
    return ""


def shown(value: str) -> str:
    import json  # only needed to refuse

    short = value if len(value) <= 60 else value[:59] + "…"
    return json.dumps(short, ensure_ascii=any(unseen(c) for c in short))


def installed_version(package: str) -> "tuple[int, int] | None":
    """Read off the name of its .dist-info folder: importing the package costs more than we may."""
    for folder in sys.path:
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            if name.startswith(package + "-") and name.endswith((".dist-info", ".egg-info")):
                numbers = name[len(package) + 1 :].split(".")[:2]
                if len(numbers) == 2 and all(n.isdigit() for n in numbers):
                    return int(numbers[0]), int(numbers[1])
    return None


def on_the_path(program: str) -> bool:
    folders = os.environ.get("PATH", "").split(os.pathsep)
    names = (program, program + ".exe", program + ".cmd")
    return any(os.path.isfile(os.path.join(f, n)) for f in folders for n in names)


def leave_nothing() -> None:
    """Cookiecutter renders a hook, answers and all, into a temporary file and forgets it there."""
    if os.path.basename(__file__).startswith("tmp"):
        os.remove(__file__)


if __name__ == "__main__":
    sys.path.pop(0)  # the system's temporary folder: no place to import from
    try:
        main()
    finally:
        leave_nothing()
    os._exit(0)  # with nothing to tidy up
