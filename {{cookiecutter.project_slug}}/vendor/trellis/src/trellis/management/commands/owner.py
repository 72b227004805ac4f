"""`manage.py owner WHAT`: the owner of an app, a file of the project or a task."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from trellis import ownership


class Command(BaseCommand):
    requires_system_checks = []  # it must work while a check fails
    help = "Show who owns an app, a file of the project or a task, and its runbook."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", help="accounts, apps/accounts/services.py, the name of a task")

    def handle(self, *args: object, **options: str) -> None:
        try:
            owner = ownership.owner_of(app=app_of(options["what"]), root=settings.BASE_DIR)
        except ownership.Malformed as error:
            raise CommandError(str(error)) from None
        details = {
            "app": owner.app or "none: the first team of teams.toml owns what belongs to no app",
            "team": owner.team,
            "contact": owner.contact,
            "escalation": owner.escalation,
            "runbook": owner.runbook,
        }
        for name, value in details.items():
            if value:
                self.stdout.write(f"{name:<12}{value}")


def app_of(what: str) -> str:
    """Return the app of a task, an app's name or a path; "" if it belongs to none.

    Raises `CommandError` if `what` is none of these.
    """
    root = settings.BASE_DIR.resolve()
    name = what.partition(".")[0]  # a task is named after its app: "accounts.greet"
    if name == "trellis":
        return ""
    if name and (root / "apps" / name / "OWNERS.toml").is_file():
        return name
    path = (root / what).resolve()
    if not path.exists() or not path.is_relative_to(root):
        raise CommandError(f"{what!r} is no app, no file of the project and no task of an app.")
    parts = path.relative_to(root).parts
    is_in_app = len(parts) > 1 and parts[0] == "apps" and (root / "apps" / parts[1]).is_dir()
    return parts[1] if is_in_app else ""
