"""`manage.py api_token`: create, list and revoke the tokens of programs that use the API."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from trellis import errors
from trellis.models import ApiToken
from trellis.web import tokens


class Command(BaseCommand):
    help = "Create, list and revoke the tokens of programs that use the API."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        create = commands.add_parser("create", help="create a token, and show it this once")
        create.add_argument("user", help="whose rights the program has; an email address")
        create.add_argument("name", help="what the token is for")
        create.add_argument("--days", type=int, default=tokens.DAYS, help="how long it is valid")
        commands.add_parser("list", help="list all tokens, newest first")
        revoke = commands.add_parser("revoke", help="end a token at once")
        revoke.add_argument("id", type=int, help="as `list` shows it")

    def handle(self, *args: object, **options: Any) -> None:
        match options["command"]:
            case "create":
                self._create(options["user"], options["name"], days=options["days"])
            case "list":
                for row in ApiToken.objects.select_related("user").order_by("-pk"):
                    self.stdout.write(f"{row.pk}  {row.prefix}…  {row}, {row.state}")
            case "revoke":
                if not tokens.revoke(token_id=options["id"], at=timezone.now()):
                    raise CommandError(f"There is no valid token {options['id']}.")
                self.stdout.write(f"Revoked token {options['id']}.")

    def _create(self, username: str, name: str, *, days: int) -> None:
        try:
            user = get_user_model()._default_manager.get_by_natural_key(username)
            row, token = tokens.create(user=user, name=name, days=days, at=timezone.now())
        except ObjectDoesNotExist:
            raise CommandError(f"There is no user {username}.") from None
        except (errors.Invalid, ValidationError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{row}, valid until {row.expires_at:%Y-%m-%d}. Shown this once:")
        self.stdout.write(token)
