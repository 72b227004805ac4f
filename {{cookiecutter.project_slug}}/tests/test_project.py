"""What holds for the project as a whole."""

from typing import Any

import pytest
from django.core.management import call_command
from trellis import testing

from apps.accounts.tests.factories import UserFactory
from apps.bookings.tests.factories import BookingFactory  # example

# Who may reach which URL by which method. A URL that is not in this table fails the test below.
ACCESS = {
    "": "GET everybody",
    "_mail/": "GET everybody",  # in development
    "_map/": "GET staff",
    "_map/<path:path>": "GET staff",
    "accounts/link-sent/": "GET everybody",
    "accounts/login/": "GET POST everybody",
    "accounts/logout/": "POST everybody",
    "accounts/password-reset/": "GET POST everybody",
    "accounts/password-reset/<uidb64>/<token>/": "GET POST everybody",
    "accounts/password/": "GET POST signed in",
    "accounts/sign-up/": "GET POST everybody",
    "accounts/sign-up/<str:token>/": "GET POST everybody",
    "admin/*": "GET staff",
    # ninja answers every method of these, and "api/" with 404.
    "api/": "GET POST PUT PATCH DELETE everybody",
    "api/docs": "GET POST PUT PATCH DELETE everybody",
    "api/openapi.json": "GET POST PUT PATCH DELETE everybody",
    "api/bookings": "GET POST signed in",  # example
    "api/bookings/<uuid:public_id>": "DELETE owner",  # example
    "api/proposals": "POST signed in",  # example
    "api/sessions": "GET everybody",  # example
    "api/sessions/<uuid:public_id>": "GET everybody",  # example
    "bookings/": "GET signed in",  # example
    "bookings/<uuid:public_id>/cancel/": "POST owner",  # example
    "insights/": "GET staff",  # example
    "sessions/": "GET everybody",  # example
    "sessions/<uuid:public_id>/": "GET everybody",  # example
    "sessions/<uuid:public_id>/book/": "POST anyone signed in",  # example
    "media/<path:path>": "GET everybody",
    "workshops/propose/": "GET POST signed in",  # example
    # startapp adds URLs above this line
}
# For each row that says "owner": what makes an object, and the name of its field with the owner.
OWNED: dict[str, tuple[Any, str]] = {
    # "invoices/<uuid:public_id>/": (InvoiceFactory, "customer"),
    "api/bookings/<uuid:public_id>": (BookingFactory, "attendee"),  # example
    "bookings/<uuid:public_id>/cancel/": (BookingFactory, "attendee"),  # example
}


class TestProject:
    @pytest.mark.django_db
    def test_follows_the_house_rules(self) -> None:
        call_command("check", fail_level="WARNING")

    @pytest.mark.django_db
    def test_has_a_migration_for_each_change_of_a_model(self) -> None:
        call_command("makemigrations", check_changes=True, dry_run=True)

    @pytest.mark.django_db
    def test_lets_people_reach_the_urls_that_are_for_them(self) -> None:
        testing.assert_access(ACCESS, user=UserFactory(), owned=OWNED)


class TestProofs:
    def test_show_that_the_queries_of_each_selector_are_constant(self) -> None:
        # Prove those that are listed with `testing.assert_constant_queries`.
        assert testing.unproven_selectors() == []

    def test_show_that_each_task_is_harmless_when_it_is_delivered_twice(self) -> None:
        # Prove those that are listed with `testing.assert_harmless_twice`.
        assert testing.unproven_tasks() == []
