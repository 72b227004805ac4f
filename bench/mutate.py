"""How many faults, seeded into the template one at a time, do its own tests catch?

    uv run python bench/mutate.py [number ...]

Each fault is one replacement in one file of the template, of the kind a tired person makes. The
faulty template is generated from, and what is generated goes through the steps that `make test`
puts every project through: the hook's layout check, then `make check` step by step, until one of
them fails. What none of them catches is printed, and the exit status is the number of those.
"""

import os
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
    """One replacement. `path` is in the rendered folder unless it begins with a slash."""

    path: str
    old: str
    new: str


FAULTS = (
    # Who may see what
    Fault("config/settings.py", '"django.middleware.csp.ContentSecurityPolicyMiddleware",\n', "\n"),
    Fault("config/settings.py", "SESSION_COOKIE_SECURE = True", "SESSION_COOKIE_SECURE = False"),
    Fault("config/settings.py", '    "EMAIL_URL": "smtp+tls://user:password@host:587",\n', ""),
    Fault("config/settings.py", 'AXES_USERNAME_FORM_FIELD = "username"', "_unused = 1"),
    Fault("apps/bookings/services.py", "public_id=public_id, attendee_id=by", "public_id=public_id"),
    Fault("apps/insights/views.py", "user.is_active and user.is_staff", "user.is_active"),
    # What always holds
    Fault("apps/catalog/services.py", ", seats_left__gt=0)", ")"),
    Fault("apps/catalog/services.py", "public_id=public_id, starts_at__gt=at, ", "public_id=public_id, "),
    Fault("apps/catalog/models.py", 'condition=Q(seats_left__gte=0) & Q(seats_left__lte=F("capacity"))', "condition=Q(seats_left__gte=0)"),
    Fault("apps/bookings/models.py", 'condition=Q(status__in=["held", "confirmed"])', 'condition=Q(status__in=["held"])'),
    Fault("apps/bookings/services.py", "@transaction.atomic\ndef book_seat", "def book_seat"),
    Fault("apps/bookings/services.py", "    if Booking.objects.filter(\n        session_id", "    if False and Booking.objects.filter(\n        session_id"),
    Fault("apps/accounts/models.py", '    USERNAME_FIELD = "email"', '    USERNAME_FIELD = "name"'),
    # Tasks
    Fault("apps/bookings/tasks.py", 'name="bookings.send_confirmation"', 'name="send_confirmation"'),
    Fault("apps/bookings/services.py", "tasks.send_confirmation.delay_on_commit(booking_id=booking.pk)", "tasks.send_confirmation.delay(booking_id=booking.pk)"),
    Fault("apps/bookings/services.py", "        if unsent.exists():\n            raise exceptions.ConfirmationInProgress\n", ""),
    Fault("apps/bookings/tasks.py", "    expires=60,\n", ""),
    Fault("conventions/queueing.py", "            cls.queue_name = cls.__dict__[\"queue\"]\n", ""),
    Fault("conventions/queueing.py", "        except MemoryError as error:", "        except ZeroDivisionError as error:"),
    Fault("conventions/queueing.py", '@signals.task_failure.connect(weak=False, dispatch_uid="conventions.record_failures")\n', ""),
    Fault("conventions/local_broker.py", "                    if not _free(lock):\n                        continue\n", ""),
    Fault("conventions/local_broker.py", "            holder.take_back(self.queue_folder)\n", "            pass\n"),
    # Caches and queries
    Fault("apps/catalog/services.py", "    caches.session.invalidate(public_id=session.public_id)\n", "    pass\n"),
    Fault("apps/catalog/services.py", "    caches.session.invalidate(public_id=session.public_id)\n", ""),
    Fault("conventions/caching.py", "        if transaction.get_connection().in_atomic_block:", "        if False:"),
    Fault("conventions/caching.py", "        if parameters != named:", "        if False:"),
    Fault("apps/bookings/selectors.py", "@selector(queries=1)\ndef bookings_of", "@selector(queries=0)\ndef bookings_of"),
    Fault("apps/bookings/selectors.py", 'Booking.objects.select_related("session__workshop").filter(attendee_id', "Booking.objects.filter(attendee_id"),
    Fault("conventions/querying.py", "        raise QueryOutsideSelector(message)", "        return execute(sql, *args)"),
    # The checks themselves
    Fault("pyproject.toml", 'containers = ["apps.*"]', 'containers = ["conventions"]'),
    Fault("pyproject.toml", "strict = true\nplugins", "strict = false\nplugins"),
    Fault("conventions/ci.py", "passed = done.returncode == 0", "passed = True"),
    Fault("conventions/ci.py", '    Step("layout", (sys.executable, "-m", "conventions")),\n', ""),
    Fault("conventions/layout/flow.py", '@rule\ndef doors_do_not_query', "def doors_do_not_query"),
    Fault("conventions/layout/engine.py", "if not _fault(standing[key], today=today):", "if True:"),
    Fault("/hooks/post_gen_project.py", "sys.exit(1)", "pass"),
    Fault("docs/where-does-it-go.md", "docs/architecture.md", "docs/architektur.md"),
    Fault("apps/catalog/OWNERS.toml", 'runbook = "docs/runbooks/catalog.md"', 'runbook = "docs/none.md"'),
)  # fmt: skip


def seeded(fault: Fault, *, into: Path) -> Path:
    """Copy the template with one fault in it. Raises `ValueError` where the text is gone."""
    template = into / "template"
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=TEMPLATE, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    for name in filter(None, listed):
        (template / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(TEMPLATE / name, template / name)
    path = template / (fault.path[1:] if fault.path.startswith("/") else f"{FOLDER}/{fault.path}")
    text = path.read_text()
    if fault.old not in text:
        raise ValueError(f"{fault.path} has changed: {fault.old!r} is not in it")
    path.write_text(text.replace(fault.old, fault.new, 1))
    return template


STEPS = (
    ("lint", ["ruff", "check", "."]),
    ("layout", ["python", "-m", "conventions"]),
    ("imports", ["lint-imports", "--no-cache"]),
    ("migrations", ["python", "manage.py", "makemigrations", "--check", "--dry-run"]),
    ("types", ["mypy", "."]),
    ("tests", ["python", "-m", "pytest", "-q", "-x", "-n", "auto"]),
)


def caught_by(fault: Fault, *, scratch: Path, environment: dict[str, str]) -> str:
    """Return the name of the first step that fails; "" if none does."""
    template = seeded(fault, into=scratch)
    generate = [sys.executable, "-m", "cookiecutter", str(template), "--no-input"]
    if _fails([*generate, "--output-dir", str(scratch)], cwd=scratch, environment=environment):
        return "generation"
    project = scratch / demo.NAME
    for name, command in STEPS:
        if _fails(command, cwd=project, environment=environment):
            return name
    # What no generated project can notice about itself, the template's own tests do.
    tests = ["tests/test_layout.py", "tests/test_hooks.py", "tests/test_readme.py"]
    pytest = [sys.executable, "-m", "pytest", "-x", "-q", *tests, "-k", "not TestCommands"]
    return "template" if _fails(pytest, cwd=template, environment=dict(os.environ)) else ""


def _fails(command: list[str], *, cwd: Path, environment: dict[str, str]) -> bool:
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, check=False)
    return done.returncode != 0


def main(numbers: list[int]) -> int:
    chosen = [(n, fault) for n, fault in enumerate(FAULTS, 1) if not numbers or n in numbers]
    escaped = []
    with tempfile.TemporaryDirectory() as folder:
        demo.generate(into=Path(folder))
        sound = Path(folder) / demo.NAME
        demo.run(["make", "setup"], cwd=sound)
        # Every faulty project borrows the sound one's packages.
        bins = f"{sound / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment = demo.clean_environment() | {"PATH": bins, "VIRTUAL_ENV": str(sound / ".venv")}
        for number, fault in chosen:
            started = time.monotonic()
            with tempfile.TemporaryDirectory() as scratch:
                step = caught_by(fault, scratch=Path(scratch), environment=environment)
            line = f"{number:3}  {fault.path}: {fault.old.strip().splitlines()[0][:60]}"
            print(f"{step or 'ESCAPED':<11}{time.monotonic() - started:6.1f} s  {line}", flush=True)
            if not step:
                escaped.append(line)
    print(f"\n{len(chosen) - len(escaped)} of {len(chosen)} caught.")
    print("".join(f"Escaped: {line}\n" for line in escaped), end="")
    return len(escaped)


if __name__ == "__main__":
    sys.exit(main([int(number) for number in sys.argv[1:]]))
