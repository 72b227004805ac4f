"""How many faults, seeded into the template one at a time, do its own tests catch?

    make mutate [faults="3 7"]
    make mutate faults=--list

Each fault is one replacement in one file, of the kind a tired person makes. From the faulty
template a project is generated, and goes through what `make test` puts projects through: the
hook's own check, then the steps of `make check`, the tests near the fault first. What no step
notices goes through all of the template's own tests. What escapes them, too, is printed with what
it would have done to people; the exit status is the number of those.
"""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[1]
FOLDER = "{" + "{cookiecutter.project_slug}" + "}"
sys.path.insert(0, str(TEMPLATE))

import demo  # noqa: E402  # it stands beside us, not in an installed package


@dataclass(frozen=True)
class Fault:
    """One replacement, and what it would do to people.

    `path` is in the template folder unless it begins with a slash, and may be a pattern. `old` is
    short, so that it outlives changes around it; in all that `path` names it is exactly once.
    `along` is what a person would change with it: the migration of a model.
    """

    what: str
    path: str
    old: str
    new: str
    along: "Fault | None" = None

    def file(self, template: Path) -> Path:
        """The one file it goes into. Raises `ValueError` where there is none, or more."""
        inside = template if self.path.startswith("/") else template / FOLDER
        files = list(inside.glob(self.path.removeprefix("/")))
        holding = [file for file in files for _ in range(file.read_text().count(self.old))]
        if len(holding) != 1:
            raise ValueError(f"{self.path} has {self.old!r} {len(holding)} times")
        return holding[0]


SETTINGS, SERVICES = "config/settings.py", "apps/bookings/services.py"
FAULTS = (
    # Who may see what
    Fault("no page has a content security policy", SETTINGS, '"django.middleware.csp.ContentSecurityPolicyMiddleware",', ""),
    Fault("session cookies travel in the clear", SETTINGS, "SESSION_COOKIE_SECURE = True", "SESSION_COOKIE_SECURE = False"),
    Fault("production starts without a mail server", SETTINGS, '    "EMAIL_URL": "smtp+tls://user:password@host:587",\n', ""),
    Fault("production starts with a guessable secret", SETTINGS, "len(SECRET_KEY) < 50", "len(SECRET_KEY) < 5"),
    Fault("nobody is locked out for guessing passwords", SETTINGS, 'AXES_USERNAME_FORM_FIELD = "username"', 'AXES_ENABLED = False'),
    Fault("a dotless i is a way round the lock on guessing", "conventions/http.py", ".strip().upper().lower()", ".strip().lower()"),
    Fault("what people post is sent to Sentry", SETTINGS, 'max_request_body_size="never"', 'max_request_body_size="medium"'),
    Fault("anybody cancels anybody's booking", SERVICES, "public_id=public_id, attendee_id=by", "public_id=public_id"),
    Fault("anybody sees how full the house is", "apps/insights/views.py", "not request.user.is_staff", "False"),
    # What always holds
    Fault("seats are oversold", "apps/catalog/services.py", ", seats_left__gt=0)", ")"),
    Fault("a session of yesterday is booked", "apps/catalog/services.py", "public_id=public_id, starts_at__gt=at, ", "public_id=public_id, "),
    Fault("the database lets more seats be left than there are", "apps/catalog/models.py", '& Q(seats_left__lte=F("capacity"))', "",
        Fault("", "apps/catalog/migrations/0001_initial.py", ', ("seats_left__lte", models.F("capacity"))', "")),
    Fault("the database lets somebody hold two seats", "apps/bookings/models.py", "Q(status__in=ACTIVE)", 'Q(status="held")',
        Fault("", "apps/bookings/migrations/0001_initial.py", '("status__in", ["held", "confirmed"])', '("status", "held")')),
    Fault("the database lets a seat be held for ever", "apps/bookings/models.py", "hold_expires_at__isnull=False", "pk__isnull=False",
        Fault("", "apps/bookings/migrations/0001_initial.py", '("hold_expires_at__isnull", False)', '("pk__isnull", False)')),
    Fault("a seat is taken though its booking fails", SERVICES, "@transaction.atomic\ndef book_seat", "def book_seat"),
    Fault("people sign in by a name that is nobody's own", "apps/accounts/models.py", 'USERNAME_FIELD = "email"', 'USERNAME_FIELD = "name"'),
    # Tasks
    Fault("messages on their way find no task", "apps/bookings/tasks.py", 'name="bookings.send_confirmation"', 'name="send_confirmation"'),
    Fault("a booking that was rolled back is confirmed by mail", SERVICES, "        tasks.send_confirmation.delay_on_commit(booking_id=booking.pk)", "        tasks.send_confirmation.delay(booking_id=booking.pk)"),
    Fault("a mail that somebody else is sending counts as sent", SERVICES, "            raise exceptions.ConfirmationInProgress\n", "            return\n"),
    Fault("what is scheduled piles up behind a busy worker", "apps/bookings/tasks.py", "    expires=60,\n", ""),
    Fault("tasks run in a queue other than they state", "conventions/queueing/base.py", 'cls.queue_name = cls.__dict__["queue"]', "pass"),
    Fault("a scheduled task that kills its worker never gives up", "conventions/queueing/base.py", ", retries=tried)", ")"),
    Fault("a task out of memory ends the worker", "conventions/queueing/base.py", "except MemoryError", "except ZeroDivisionError"),
    Fault("tasks fail and leave no trace", "conventions/queueing/*.py", "@signals.task_failure.connect(", "@signals.task_prerun.connect("),
    Fault("what nobody can read leaves no trace", "conventions/queueing/worker.py", 'recording.record_unreadable(message=message, why="it names no task")', "pass"),
    Fault("a broker that is away makes an error of what is saved", "conventions/queueing/*.py", 'logger.warning("task_unpublished", task=self.name, error=str(error))', "raise"),
    Fault("one message is worked on by two workers", "conventions/local_broker.py", "if not _free(", "if False and not _free("),
    Fault("a killed worker's messages are lost", "conventions/local_broker.py", "holder.take_back(", "str("),
    # Caches and queries
    Fault("a session's page shows it as it was", "apps/catalog/services.py", "caches.session.invalidate(public_id=session.public_id)", "pass"),
    Fault("what is rolled back is remembered", "conventions/caching/reads.py", "transaction.get_connection().in_atomic_block", "False"),
    Fault("a selector's budget is a lie", "apps/bookings/selectors.py", "@selector(queries=1)\ndef bookings_of", "@selector(queries=0)\ndef bookings_of"),
    Fault("rows load more behind a selector's back", "apps/insights/selectors.py", "list(promised(DailyOccupancy.objects.filter(day__gte=since)))", "list(DailyOccupancy.objects.filter(day__gte=since))"),
    Fault("a budget is raised where nobody looks", "apps/catalog/selectors.py", "@selector(queries=1)\ndef session(", "@selector(queries=100)\ndef session("),
    Fault("a list in two directions leaves rows out", "conventions/paging.py", "for term in order}) > 1", "for term in order}) > 2"),
    Fault("a page asks the database row by row", "conventions/querying.py", "raise QueryOutsideSelector", "str"),
    # What is said, and of whom
    Fault("log lines name no owner", "config/logging.py", "        add_owner,\n", ""),
    Fault("a log that is a file is full of colours", "config/logging.py", "sys.stderr.isatty()", "True"),
    Fault("errors reach nobody in particular", SETTINGS, "before_send=logging.tag_owner", "before_send=None"),
    Fault("a process without its database is ready", "conventions/health.py", "status=503", "status=200"),
    # The checks themselves
    Fault("a contract watches an empty room", "pyproject.toml", 'containers = ["apps.*"]', 'containers = ["conventions"]'),
    Fault("types are checked by half", "pyproject.toml", "strict = true\nplugins", "strict = false\nplugins"),
    Fault("warnings are no errors", "pyproject.toml", 'filterwarnings = ["error", ', "filterwarnings = ["),
    Fault("`make check` is content with anything", "conventions/ci.py", "done.returncode == 0", "True"),
    Fault("`make check` looks at no layout", "conventions/ci.py", 'Step("layout", ', 'Step("layout", ("true",)) if True else Step("", '),
    Fault("`make check` runs no test", "conventions/ci.py", '"pytest", "-q"', '"pytest", "--version"'),
    Fault("`make check` fails and make does not", "Makefile", "@$(RUN) python -m trellis.commands.ci", "-@$(RUN) python -m trellis.commands.ci"),
    Fault("a rule is not asked", "conventions/layout/flow.py", "@rule\ndef doors_do_not_query", "def doors_do_not_query"),
    Fault("doors grow as they like", "conventions/layout/flow.py", "THICKEST_DOOR = 12 ", "THICKEST_DOOR = 1200 "),
    Fault("the hook is content with anything", "/hooks/post_gen_project.py", "sys.exit(1)", "pass"),
    Fault("an answer in one format breaks a file of another", "/hooks/post_gen_project.py", "as_toml(name)", "f'\"{name}\"'"),
    Fault("the hook refuses no answer", "/hooks/pre_gen_project.py", "sys.exit(1)", "pass"),
    Fault("a document names a file that is gone", "docs/architecture.md", "`conventions/caching/`", "`conventions/cacheing/`"),
    Fault("the runbook is not there at night", "apps/catalog/OWNERS.toml", "docs/runbooks/catalog.md", "docs/runbooks/none.md"),
    # What writes and draws
    Fault("a new app is in no settings", "conventions/management/commands/startapp.py", '"config/settings.py": SETTINGS, "config/urls.py"', '"config/urls.py"'),
    Fault("a new app's task has another's name", "trellis/app_template/tasks.py-tpl", 'name="$app.', 'name="app.'),
    Fault("an app that failed halfway is left", "conventions/management/commands/startapp.py", "shutil.rmtree(", "str("),
    Fault("the drift of an app is another's", "conventions/drift.py", "committed <= month", "committed >= month"),
    Fault("removing the example writes through a link", "conventions/remove_example.py", "if path.is_symlink() or not path.is_file():", "if False:"),
    Fault("the example leaves a part of it", "conventions/remove_example.py", '    "apps/insights",\n', ""),
    Fault("an update brings a removed example back", "conventions/remove_example.py", "record.is_file()", "False"),
    Fault("an update ends well and leaves conflicts", "Makefile", '[ -z "$$left" ]', "true"),
)  # fmt: skip


def copied(*, into: Path) -> Path:
    """Copy the template, as a repository of its own."""
    template = into / "template"
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=TEMPLATE, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    for name in filter(None, listed):
        (template / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(TEMPLATE / name, template / name, follow_symlinks=False)
    for command in (["init", "-q"], ["add", "-f", "."]):
        subprocess.run(["git", *command], cwd=template, check=True)
    return template


def seed(fault: Fault, *, template: Path) -> None:
    for one in filter(None, (fault, fault.along)):
        path = one.file(template)
        path.write_text(path.read_text().replace(one.old, one.new))


def caught_by(fault: Fault, *, scratch: Path, environment: dict[str, str], sound: Path) -> str:
    """Return what noticed the fault; "" if nothing did. `sound` is where all is well."""
    template = copied(into=scratch)
    seed(fault, template=template)
    generate = [sys.executable, "-m", "cookiecutter", str(template), "--no-input"]
    if failure([*generate, "--output-dir", str(scratch)], cwd=scratch, environment=environment):
        return "generation"
    project = scratch / demo.NAME
    # What no project can notice about itself, the template's own tests do: those near the fault
    # before the steps, and all of them after.
    near = [tests.split() for start, tests in NEAR.items() if fault.path.startswith(start)]
    if near and (said := noticed(near[0], template=template, sound=sound)):
        return said
    # What mypy knows of the sound project spares it most of its work.
    shutil.copytree(sound / demo.NAME / ".mypy_cache", project / ".mypy_cache")
    looked_at = steps(project, near=fault.path, environment=environment)
    for name, command in () if fault.path in RUNS_THE_STEPS else looked_at:
        if said := failure(command, cwd=project, environment=environment):
            return f"{name}{said}"
    return noticed([], template=template, sound=sound)


def noticed(chosen: list[str], *, template: Path, sound: Path) -> str:
    """Return which of the template's tests noticed, if it does not fail where all is well, too."""
    said = failed_test(*chosen, template=template)
    again = [said.strip()] if said.strip() else chosen
    if said and failed_when_sound(*again, template=sound / "template"):
        sys.exit(f"Without any fault, the template's{said} fails. Mend that first.")
    return said and f"template{said}"


def failed_test(*chosen: str, template: Path) -> str:
    """Run some of the template's tests, or all; return as `failure` does.

    (Not the test that looks for the text of each fault: it would notice them all.)
    """
    pytest = [sys.executable, "-m", "pytest", "-x", "--ignore=tests/test_mutate.py", *chosen]
    return failure(pytest, cwd=template, environment=dict(os.environ))


failed_when_sound = functools.cache(failed_test)


# A fault in what runs the steps is for those who run that: the template's tests.
RUNS_THE_STEPS = ("conventions/ci.py", "Makefile")
# By the beginning of a path, which of the template's tests are the likeliest to notice.
NEAR = {
    "/hooks/pre": "tests/test_answers.py -k Refused",
    "/hooks/post": "tests/test_hooks.py",
    "docs/": "tests/test_readme.py -k TestPaths",
    "conventions/queueing/worker.py": "tests/test_queues.py -k Poison",
    "conventions/layout/": "tests/test_layout.py",
    "conventions/remove_example.py": "tests/test_tree.py",
    "trellis/app_template/": "tests/test_project.py -k new_apps",
    "conventions/ci.py": "tests/test_project.py -k fails",
    "Makefile": "tests/test_project.py -k fails",
    "pyproject.toml": "tests/test_project.py -k fails",
}


def steps(project: Path, *, near: str, environment: dict[str, str]) -> list[tuple[str, list[str]]]:
    """The steps of the project's `make check`, after the tests near the fault.

    What looks at the form alone comes last: a person would mend the form and leave the fault.
    """
    listing = "import json; from conventions import ci; print(json.dumps([*map(vars, ci.STEPS)]))"
    listed = subprocess.run(
        ["python", "-c", listing],
        cwd=project,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = {step["name"]: list(step["command"]) for step in json.loads(listed)}
    ordered = [name for name in found if name not in ("tests", "lint", "format")]
    tests = [*found["tests"], "-x"]
    first = [("tests", [*tests, "-n", "0", folder])] if (folder := _tests_near(near)) else []
    last = [(name, found[name]) for name in ("lint", "format")]
    return [*first, *((name, found[name]) for name in ordered), ("tests", tests), *last]


def _tests_near(path: str) -> str:
    parts = path.split("/")
    if parts[0] == "apps":
        return "/".join(parts[:2])
    return {"conventions": "conventions", "config": "tests"}.get(parts[0], "")


def failure(command: list[str], *, cwd: Path, environment: dict[str, str]) -> str:
    """Run a command; return "" if it succeeds, else which test failed or that something did."""
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if not done.returncode:
        return ""
    named = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done.stdout, re.M)
    return f" {named[1]}" if named else " "


def main(arguments: list[str]) -> int:
    if arguments == ["--list"]:
        for number, fault in enumerate(FAULTS, 1):
            print(f"{number:3}  {fault.path}: {fault.what}")
        return 0
    numbers = [int(number) for number in arguments]
    chosen = [(n, fault) for n, fault in enumerate(FAULTS, 1) if not numbers or n in numbers]
    escaped = []
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        demo.generate(into=Path(folder))
        copied(into=Path(folder))
        sound = Path(folder) / demo.NAME
        demo.run(["make", "setup"], cwd=sound)
        # Every faulty project borrows the sound one's packages.
        bins = f"{sound / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment = demo.clean_environment() | {"PATH": bins, "VIRTUAL_ENV": str(sound / ".venv")}
        for name, command in steps(sound, near="", environment=environment):
            if said := failure(command, cwd=sound, environment=environment):
                sys.exit(f"Without any fault, {name}{said} fails. Mend that first.")
        for number, fault in chosen:
            started = time.monotonic()
            with tempfile.TemporaryDirectory() as scratch:
                caught = caught_by(
                    fault,
                    scratch=Path(scratch),
                    environment=environment,
                    sound=Path(folder),
                )
            taken = time.monotonic() - started
            print(f"{number:3} {taken:6.1f} s  {fault.what}: {caught or 'ESCAPED'}", flush=True)
            if not caught:
                escaped.append(f"{fault.what}: nothing looks at {fault.old!r} in {fault.path}")
    print(
        f"\n{len(chosen) - len(escaped)} of {len(chosen)} caught, {time.monotonic() - begun:.0f} s."
    )
    print("".join(f"Escaped: {line}\n" for line in escaped), end="")
    return len(escaped)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
