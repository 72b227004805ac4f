"""`manage.py failed_tasks list | show | replay | discard`: the admin's list in a shell."""

from collections.abc import Callable
from typing import Any

from celery import current_app
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet

from trellis import errors, ownership
from trellis.models import FailedTask
from trellis.tasks import failures


class Command(BaseCommand):
    help = "List failed tasks, look at one, run them again, or note that nothing is to be done."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        for verb, what in (
            ("list", "those that are open"),
            ("replay", "run them again"),
            ("discard", "note that nothing is to be done"),
        ):
            some = verbs.add_parser(verb, help=what)
            if verb == "list":
                some.add_argument("--all", action="store_true", help="also what was dealt with")
            else:
                some.add_argument("ids", nargs="*", type=int, help="as `list` shows them")
            some.add_argument("--task", help="the open ones of one task, by its name")
            some.add_argument("--owner", help="the open ones of one team")
        verbs.add_parser("show", help="everything about one").add_argument("id", type=int)

    def handle(self, *args: object, **options: Any) -> None:
        match options["verb"]:
            case "list":
                self.show_list(**options)
            case "show":
                self.show(options["id"])
            case "replay":
                self.deal_with(failures.replay, done="replayed", **options)
            case "discard":
                self.deal_with(failures.discard, done="discarded", **options)

    def show_list(self, **options: Any) -> None:
        rows = _chosen(FailedTask.objects.all(), **options)
        if not options["all"]:
            rows = rows.filter(state=FailedTask.State.OPEN)
        for row in rows[:1000]:
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
        for word, value in (
            ("task", row.name),
            ("owner", row.owner),
            ("runbook", ownership.runbook_of_task(name=row.name)),
            ("state", f"{row.get_state_display()}, {row.get_kind_display()}"),
            ("arguments", f"{row.args or ''}{row.kwargs}"),
            ("attempts", row.attempts),
            ("first", f"{row.first_failed_at:%Y-%m-%d %H:%M:%S}"),
            ("last", f"{row.last_failed_at:%Y-%m-%d %H:%M:%S}"),
            ("request", row.request_id),
            ("task id", row.task_id),
            ("error", row.error),
        ):
            self.stdout.write(f"{word:<10} {value}")
        self.stdout.write(row.traceback)

    def deal_with(self, service: Callable[..., None], *, done: str, **options: Any) -> None:
        ids = options["ids"]
        if not ids and not options["task"] and not options["owner"]:
            raise CommandError("Which? Give ids, as `failed_tasks list` shows them, or --task.")
        if ids and (options["task"] or options["owner"]):
            raise CommandError("Give ids, or --task and --owner: an id says which one it is.")
        name = options["task"]
        if name and not (
            name in current_app.tasks or FailedTask.objects.filter(name=name).exists()
        ):
            raise CommandError(f"There is no task {name}. `make tasks` lists them.")
        if not ids:
            rows = FailedTask.objects.filter(state=FailedTask.State.OPEN)
            ids = list(_chosen(rows, **options).order_by("pk").values_list("pk", flat=True))
        refused = []
        for failure_id in ids:
            try:
                service(failure_id=failure_id, by="manage.py")
            except errors.BusinessError as error:
                refused.append(str(error))
        self.stdout.write(f"{len(ids) - len(refused)} {done}.")
        if refused:
            raise CommandError("\n".join(refused))


def _chosen(rows: QuerySet[FailedTask], **options: Any) -> QuerySet[FailedTask]:
    if options["task"]:
        rows = rows.filter(name=options["task"])
    if options["owner"]:
        rows = rows.filter(owner=options["owner"])
    return rows
