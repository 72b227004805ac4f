"""Every page of the example, in every state and for everybody, as the browser gets it."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.template.living import copy_of, master, python

FETCH = """
import json
from datetime import timedelta
from unittest.mock import patch
from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.core.mail import send_mail
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client, override_settings
from django.utils import timezone
from django.utils.http import urlsafe_base64_encode
from apps.accounts.models import User
from apps.accounts.selectors import SIGN_UP_LINK
from apps.bookings.models import Booking
from apps.catalog.models import Session, Tag, Workshop
from apps.catalog.tests.pictures import picture
from apps.insights import services as insights
from tests.test_project import ACCESS
from trellis.models import FailedTask
from trellis.web import tokens

def client(email=""):
    one = Client(raise_request_exception=False)
    if email:
        one.force_login(User.objects.get(email=email))
    return one

call_command("collectstatic", interactive=False, verbosity=0)
texts = client("staff@example.com").get("/admin/jsi18n/")  # of the admin's scripts
(settings.STATIC_ROOT / "jsi18n.js").write_text(texts.content.decode())
clients = {name: client(email) for name, email in {
    "visitor": "", "demo": "demo@example.com", "staff": "staff@example.com"}.items()}
visitor, demo, staff = clients.values()
now = timezone.now()
insights.refresh_daily_occupancy(at=now)
free, paid = (
    Session.objects.filter(starts_at__gt=now, **price).first()
    for price in ({"price_cents": 0}, {"price_cents__gt": 0})
)
pages, routes = {}, set()
def keep(name, answer, status=200):
    assert answer.status_code == status, (name, answer.status_code)
    if status == 200:
        routes.add(answer.resolver_match.route)
    pages[name] = answer.content.decode(), answer["Content-Security-Policy"]

for name, one in clients.items():
    keep(f"home, {name}", one.get("/"))
    keep(f"sessions, {name}", one.get("/sessions/"))
    keep(f"session, {name}", one.get(f"/sessions/{paid.public_id}/"))
    keep(f"not found, {name}", one.get("/nowhere/"), 404)
keep("sign in", visitor.get("/accounts/login/"))
keep("sign in, refused", visitor.post("/accounts/login/", {"username": "x", "password": "y"}))
keep("sign up", visitor.get("/accounts/sign-up/"))
keep("sign up, refused", visitor.post("/accounts/sign-up/", {"email": "x"}))
keep("link sent", visitor.get("/accounts/link-sent/"))
token = signing.dumps("new@example.com", salt=SIGN_UP_LINK)
keep("new account", visitor.get(f"/accounts/sign-up/{token}/"))
keep("new account, refused", visitor.post(f"/accounts/sign-up/{token}/", {"name": "x"}))
keep("link over", visitor.get("/accounts/sign-up/x/"), 404)
keep("reset password", visitor.get("/accounts/password-reset/"))
user = User.objects.get(email="demo@example.com")
uid, token = urlsafe_base64_encode(str(user.pk).encode()), default_token_generator.make_token(user)
keep("new password", visitor.get(f"/accounts/password-reset/{uid}/{token}/", follow=True))
keep("change password", demo.get("/accounts/password/"))
for _ in range(6):
    limited = visitor.post("/accounts/login/", {"username": "limited", "password": "y"})
keep("too many attempts", limited, 429)
keep("no sessions", visitor.get("/sessions/", {"title": "<b>none</b>"}))
keep("proposal", demo.get("/workshops/propose/"))
keep("proposal, refused", demo.post("/workshops/propose/", {"title": "W" * 121}))
keep("no bookings", demo.get("/bookings/"))
keep("booked", demo.post(f"/sessions/{paid.public_id}/book/", follow=True))
keep("session, booked", demo.get(f"/sessions/{paid.public_id}/"))
keep("refused", demo.post(f"/sessions/{paid.public_id}/book/"), 409)
keep("forbidden", demo.get("/insights/"), 403)
keep("no token", Client(enforce_csrf_checks=True).post("/accounts/login/"), 403)

# What is longer, fuller, older and more broken than one likes.
words = Workshop.objects.create(
    title="W" * 120, summary="Unbroken" * 40, picture=picture(), published_at=now)
words.tags.add(*(Tag.objects.create(name=f"{n}" * 40) for n in range(5)))
full = Session.objects.create(workshop=words, starts_at=now + timedelta(days=1), minutes=60,
    room="R" * 60, price_cents=123456789, capacity=1, seats_left=0)
past = Session.objects.create(workshop=words, starts_at=now - timedelta(days=1), minutes=60,
    room="Loft", capacity=100_000, seats_left=100_000)
for number, session in enumerate((free, full, past)):
    for status in ("confirmed", "cancelled", "expired"):
        Booking.objects.create(session=session, attendee=User.objects.get(email="demo@example.com"),
            status=status, booked_at=now, confirmation_sent_at=now if number else None)
FailedTask.objects.create(task_id="1", name="bookings.send_confirmation", owner="platform",
    error="SMTPServerDisconnected: " + "x" * 400, first_failed_at=now, last_failed_at=now)
tokens.create(name="Report", user=User.objects.get(email="staff@example.com"), days=30, at=now)
keep("sessions, long", staff.get("/sessions/"))
keep("session, full", staff.get(f"/sessions/{full.public_id}/"))
keep("session, past", visitor.get(f"/sessions/{past.public_id}/"))
keep("bookings, many", demo.get("/bookings/"))
keep("map", staff.get("/_map/"))
send_mail("A long link", "http://desk.invalid/" + "x" * 300, None, ["demo@example.com"])
with override_settings(DEBUG=True):
    keep("mails", visitor.get("/_mail/"))
    keep("home, development", visitor.get("/"))
keep("occupancy", staff.get("/insights/"))
with patch("apps.catalog.selectors.upcoming_sessions", side_effect=RuntimeError):
    keep("broken", visitor.get("/sessions/"), 500)
def fail(*query):
    raise OperationalError
with connection.execute_wrapper(fail):
    keep("unavailable", staff.get("/sessions/"), 503)
    answer = staff.get("/api/bookings")
    assert (answer.status_code, answer["Retry-After"]) == (503, "60")
    assert answer["Content-Type"] == "application/problem+json"

keep("admin, sign in", visitor.get("/admin/login/"))
keep("admin", staff.get("/admin/"))
for name in ("accounts/user", "bookings/booking", "catalog/session", "catalog/workshop",
             "catalog/tag", "trellis/failedtask", "trellis/apitoken"):
    keep(f"admin, {name}", staff.get(f"/admin/{name}/"))
keep("admin, add session", staff.post("/admin/catalog/session/add/", {"minutes": "x"}))
keep("admin, session", staff.get(f"/admin/catalog/session/{full.pk}/change/"))
keep("admin, user", staff.get("/admin/accounts/user/1/change/"))
# Every page must be among them. (What these begin with are JSON, and files as they are.)
asked = {route for route, row in ACCESS.items() if "GET" in row}
no_pages = ("api/", "media/", "_map/<", "admin/*")
assert not {route for route in asked - routes if not route.startswith(no_pages)}, asked - routes
print(json.dumps(pages))
"""
OURS = [
    *(
        f"{page}, {who}"
        for page in ("home", "sessions", "session", "not found")
        for who in ("visitor", "demo", "staff")
    ),
    *("sign in", "sign in, refused", "sign up", "sign up, refused", "link sent", "new account"),
    *("new account, refused", "link over", "reset password", "new password"),
    *("change password", "too many attempts", "no sessions", "no bookings", "booked"),
    *("session, booked", "refused"),
    *("forbidden", "no token", "sessions, long", "session, full", "session, past"),
    *("proposal", "proposal, refused", "map", "mails", "home, development", "bookings, many"),
    *("occupancy", "broken", "unavailable"),
]
ADMIN = [
    *("admin", "admin, sign in", "admin, accounts/user", "admin, bookings/booking"),
    *("admin, catalog/session", "admin, catalog/workshop", "admin, catalog/tag"),
    *("admin, trellis/failedtask", "admin, trellis/apitoken", "admin, add session"),
    *("admin, session", "admin, user"),
]


@dataclass(frozen=True)
class Rendered:
    """The pages by name, each with its security policy, and the folder of their static files."""

    pages: dict[str, tuple[str, str]]
    static: Path


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """Every page of a project of its own, made without a server."""
    project = copy_of(
        master("example", tmp_path_factory), tmp_path_factory.mktemp("rendered") / "desk"
    )
    return render(project)


def render(project: Path) -> Rendered:
    """Fetch every page of a project that is set up. It changes the project's data."""
    printed = python(project, FETCH, DEBUG="false", ALLOWED_HOSTS="testserver")
    pages = json.loads(printed.splitlines()[-1])
    assert sorted(pages) == sorted([*OURS, *ADMIN]), "list each page that is fetched"
    return Rendered(pages, project / "var" / "static")
