"""`manage.py failed_tasks list | show | replay | discard`: what the admin does, in a shell."""

from collections.abc import Callable
from typing import Any

from celery import current_app
from django.core.management.base import BaseCommand, CommandError, CommandParser

from trellis import errors, ownership
from trellis.models import FailedTask
from trellis.tasks import failures

LISTED = 1000  # rows at most


class Command(BaseCommand):
    help = "List failed tasks, show one, run them again, or note that nothing is to be done."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("show", help="everything about one").add_argument("id", type=int)
        listing = verbs.add_parser("list", help="those that are open")
        listing.add_argument("--all", action="store_true", help="also the others")
        replay = verbs.add_parser("replay", help="run them again")
        discard = verbs.add_parser("discard", help="note that nothing is to be done")
        for some in (replay, discard):
            some.add_argument("ids", nargs="*", type=int, help="as `list` shows them")
        for some in (listing, replay, discard):
            some.add_argument("--task", help="the open ones of one task, by its name")

    def handle(self, *args: object, **options: Any) -> None:
        match options["verb"]:
            case "list":
                self.show_list(**options)
            case "show":
                self.show(options["id"])
            case "replay":
                self.close(failures.replay, done="replayed", **options)
            case "discard":
                self.close(failures.discard, done="discarded", **options)

    def show_list(self, **options: Any) -> None:
        rows = FailedTask.objects.all()
        if options["task"]:
            rows = rows.filter(name=options["task"])
        if not options["all"]:
            rows = rows.filter(state=FailedTask.State.OPEN)
        for row in rows[:LISTED]:
            self.stdout.write(
                f"{row.pk:>6}  {row.last_failed_at:%Y-%m-%d %H:%M}  {row.get_state_display():<9}"
                f"  {row.owner:<12}  {row.name}  {' '.join(row.error.split())[:80]}"
            )
        if not rows:
            self.stdout.write("No failed tasks.")

    def show(self, failure_id: int) -> None:
        row = FailedTask.objects.filter(pk=failure_id).first()
        if row is None:
            raise CommandError(f"There is no failed task {failure_id}.")
        details = {
            "task": row.name,
            "owner": row.owner,
            "runbook": ownership.runbook_of_task(name=row.name),
            "state": f"{row.get_state_display()}, {row.get_kind_display()}",
            "arguments": f"{row.args or ''}{row.kwargs}",
            "attempts": row.attempts,
            "first": f"{row.first_failed_at:%Y-%m-%d %H:%M:%S}",
            "last": f"{row.last_failed_at:%Y-%m-%d %H:%M:%S}",
            "request": row.request_id,
            "task id": row.task_id,
            "error": row.error,
        }
        for name, value in details.items():
            self.stdout.write(f"{name:<10} {value}")
        self.stdout.write(row.traceback)

    def close(self, service: Callable[..., None], *, done: str, **options: Any) -> None:
        """Replay or discard the chosen rows. Raises `CommandError` with what was refused."""
        if bool(options["ids"]) == bool(options["task"]):
            raise CommandError("Which? Give ids, as `failed_tasks list` shows them, or --task.")
        refused = []
        failure_ids = options["ids"] or _open_ids(options["task"])
        for failure_id in failure_ids:
            try:
                service(failure_id=failure_id, by="manage.py")
            except errors.BusinessError as error:
                refused.append(str(error))
        self.stdout.write(f"{len(failure_ids) - len(refused)} {done}.")
        if refused:
            raise CommandError("\n".join(refused))


def _open_ids(name: str) -> list[int]:
    rows = FailedTask.objects.filter(name=name)
    if name not in current_app.tasks and not rows.exists():
        raise CommandError(f"There is no task {name}. `make tasks` lists them.")
    opened = rows.filter(state=FailedTask.State.OPEN).order_by("pk")
    return list(opened.values_list("pk", flat=True))
