"""Services, selectors, caches, relations and receivers, as the loaded project declares them."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.checks import run_checks
from django.db import models
from django.db.models import signals
from django.test.utils import isolate_apps

from apps.accounts.models import User
from tests.library.checks.conftest import Write, cases, marked, places
from trellis.caching.cached_read import CachedRead, cached_read, declared
from trellis.checks import declarations, layout
from trellis.checks.rules import Finding

# Each case is the code of a module; the lines to be reported end in `# !`.
FUNCTIONS = {
    "holds": [
        """
        def book_seat(*, seat: int, by: int) -> None: ...
        """,
        """
        async def book_seat(*, seat: int, **extra: str) -> None: ...
        def _helper(seat): ...
        """,
    ],
    "services_are_functions": [
        """
        class BookingService:  # !
            def book(self, *, seat: int) -> None: ...
        """,
        """
        class BookSeat:  # !
            def __call__(self, *, seat: int) -> None: ...
        """,
        """
        class _Base:
            @classmethod
            def find(cls, *, seat: int) -> None: ...
        class Bookings(_Base): ...  # !
        """,
    ],
    "near services_are_functions": [
        """
        import enum
        from dataclasses import dataclass
        from typing import NamedTuple, Protocol, TypedDict
        class SeatTaken(Exception):
            def as_text(self) -> str: ...
        @dataclass(frozen=True)
        class Seat:
            number: int
            def next(self) -> int: ...
        class Pair(NamedTuple):
            a: int
            def sum(self) -> int: ...
        class Kind(enum.Enum):
            A = "a"
            def label(self) -> str: ...
        class Gateway(Protocol):
            def pay(self, *, amount: int) -> None: ...
        class Row(TypedDict):
            a: int
        """,
        """
        from contextlib import AbstractContextManager
        from datetime import date as Day
        class Marker:
            kind = "plain"
        class Timer:
            def __enter__(self): ...
            def __exit__(self, *error): ...
        """,
    ],
    "services_take_keywords": [
        """
        def book_seat(seat: int) -> None: ...  # !
        """,
        """
        def book_seats(*seats: int) -> None: ...  # !
        """,
        """
        import functools
        from django.db import transaction
        @transaction.atomic  # !
        def book_seat(seat: int, *, by: int) -> None: ...
        @functools.lru_cache  # !
        def price(seat: int) -> int: ...
        """,
    ],
    "near services_take_keywords": [
        """
        import functools
        from typing import NewType, overload
        from collections.abc import Iterator
        from contextlib import contextmanager
        SeatId = NewType("SeatId", int)
        @overload
        def price(*, seat: int) -> int: ...
        @overload
        def price(*, seat: str) -> str: ...
        def price(*, seat: int | str) -> int | str: return seat
        @functools.lru_cache
        def code(*, seat: int) -> str: ...
        @contextmanager
        def held(*, seat: int) -> Iterator[None]: yield
        """,
        """
        from functools import partial
        from apps.accounts.services import register_user
        from django.db import transaction
        import structlog
        logger = structlog.get_logger(__name__)
        register_guest = partial(register_user, name="guest")
        """,
    ],
}
BUDGETS = {
    "holds": [
        """
        from trellis import reads
        @reads.selector(queries=1)
        def seats(*, room: int) -> list[int]: ...
        """,
    ],
    "selectors_declare_a_budget": [
        """
        def seats(*, room: int) -> list[int]: ...  # !
        """,
        """
        import functools
        from trellis import reads
        @functools.lru_cache  # !
        @reads.selector(queries=1)
        def seats(*, room: int) -> list[int]: ...
        """,
        """
        async def seats(*, room: int) -> list[int]: ...  # !
        free_seats = lambda *, room: []  # !
        """,
    ],
    "near selectors_declare_a_budget": [
        """
        import functools
        from apps.accounts.selectors import contact_of
        @functools.lru_cache
        def _percent(part: int) -> int: ...
        class SeatGone(Exception): ...
        """,
        """
        from trellis import reads
        from trellis.reads import selector as declares
        @declares(queries=2)
        def seats(*, room: int) -> list[int]: ...
        """,
    ],
}


class TestFunctions:
    @pytest.mark.parametrize(("rule", "code"), cases(FUNCTIONS))
    def test_reports_what_breaks_a_rule(self, write: Write, rule: str, code: str) -> None:
        module = write(code, name="services")

        found = places(declarations.functions(module), module=module, rule=rule)

        assert found == marked(module)


class TestBudgets:
    @pytest.mark.parametrize(("rule", "code"), cases(BUDGETS))
    def test_reports_a_selector_without_one(self, write: Write, rule: str, code: str) -> None:
        module = write(code, name="selectors")

        found = places(declarations.budgets(module), module=module, rule=rule)

        assert found == marked(module)


SERVICES = """
    from apps.garden import caches
    def plant(*, bed: int) -> None:
        caches.beds.invalidate(bed=bed)
    def water(*, bed: int) -> None:
        _forget(bed)
    def dig(*, bed: int) -> None:
        plant(bed=bed)
    def weed(*, bed: int) -> None:
        for cache in (caches.beds, caches.paths):
            cache.invalidate(bed=bed)
    def look(*, bed: int) -> None:
        caches.beds(bed=bed)
    def rake(*, bed: int) -> None:
        caches.paths.invalidate(bed=bed)
    def _forget(bed: int) -> None:
        def later() -> None:
            caches.beds.invalidate(bed=bed)
        later()
    SEASON = "spring"
"""


@pytest.fixture
def garden(write: Write, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Services that invalidate caches, or do not."""
    package: Any = ModuleType("apps.garden")
    monkeypatch.setitem(sys.modules, "apps.garden", package)
    package.caches = write("beds = paths = None", name="caches")
    return write(SERVICES, name="services")


@pytest.fixture
def cache() -> Iterator[Callable[..., CachedRead[Any, Any]]]:
    def beds(*, bed: int) -> int:
        return bed

    beds.__module__ = "apps.garden.caches"

    def make(**words: Any) -> CachedRead[Any, Any]:
        given = {"bottleneck": "40 ms for each page", "invalidated_by": ()} | words
        return cached_read(name="garden.beds", version=1, ttl=60, **given)(beds)

    yield make
    declared.pop("garden.beds", None)


class TestCaches:
    @pytest.mark.parametrize("bottleneck", ["TODO", "...", "?", "tbd."])
    def test_reports_one_without_a_reason(self, cache: Any, bottleneck: str) -> None:
        (found,) = declarations.caches(cache(bottleneck=bottleneck))

        assert found.rule == "caches_state_their_bottleneck"

    @pytest.mark.parametrize("bottleneck", ["40 ms", "To do it for each row takes 2 s"])
    def test_accepts_a_reason(self, cache: Any, bottleneck: str) -> None:
        assert list(declarations.caches(cache(bottleneck=bottleneck))) == []

    @pytest.mark.parametrize(
        ("service", "message"),
        [
            ("plnat", "there is no function apps.garden.services.plnat"),
            ("SEASON", "there is no function apps.garden.services.SEASON"),
            ("look", "apps.garden.services.look never calls caches.beds.invalidate(…)"),
            ("rake", "apps.garden.services.rake never calls caches.beds.invalidate(…)"),
        ],
    )
    def test_reports_a_service_that_does_not_invalidate_it(
        self, cache: Any, garden: ModuleType, service: str, message: str
    ) -> None:
        (found,) = declarations.caches(cache(invalidated_by=(f"apps.garden.services.{service}",)))

        assert found.rule == "caches_are_invalidated"
        assert found.message.startswith(message)

    def test_reports_a_service_in_a_module_that_does_not_exist(self, cache: Any) -> None:
        (found,) = declarations.caches(cache(invalidated_by=("apps.orchard.services.plant",)))

        assert found.message.startswith("there is no function apps.orchard.services.plant")

    @pytest.mark.parametrize("service", ["plant", "water", "dig", "weed"])
    def test_accepts_a_service_that_invalidates_it_or_calls_one_that_does(
        self, cache: Any, garden: ModuleType, service: str
    ) -> None:
        invalidated_by = (f"apps.garden.services.{service}",)

        assert list(declarations.caches(cache(invalidated_by=invalidated_by))) == []


def relation(field: Any, *, app: str = "shop") -> list[Finding]:
    """Judge one relation of a model of the app `shop`, which may use `accounts`."""

    class Item(models.Model):
        owner = field

        class Meta:
            app_label = app

    return list(declarations.relations(Item))


class TestRelations:
    @pytest.fixture(autouse=True)
    def isolated(self) -> Iterator[None]:
        """Models of these tests are in a registry of their own."""
        with isolate_apps("apps.shop", "apps.accounts"):

            class User(models.Model):
                class Meta:
                    app_label = "accounts"

            yield

    @pytest.mark.parametrize(
        "to", ["accounts.User", User, get_user_model(), settings.AUTH_USER_MODEL]
    )
    def test_reports_a_cascade_however_the_other_model_is_named(self, to: Any) -> None:
        (found,) = relation(models.ForeignKey(to, on_delete=models.CASCADE, related_name="+"))

        assert found.rule == "foreign_keys_across_apps"
        assert found.message.startswith("Item.owner is CASCADE across apps.")
        lines = Path(__file__).read_text(encoding="utf-8").splitlines()
        assert found.path.endswith("checks/test_declarations.py")
        assert lines[found.line - 1] == "        owner = field"

    @pytest.mark.parametrize(
        ("field", "message"),
        [
            (lambda: models.ForeignKey(User, models.DO_NOTHING, related_name="+"), "DO_NOTHING"),
            (lambda: models.OneToOneField(User, models.DB_CASCADE, related_name="+"), "DB_CASCADE"),
            (lambda: models.ForeignKey(User, models.PROTECT), "adds an attribute to accounts"),
            (lambda: models.ForeignKey(User, models.PROTECT, related_name="items"), "attribute"),
            (lambda: models.ManyToManyField(User), "adds an attribute to accounts"),
        ],
    )
    def test_reports_other_ways_to_tie_two_apps(
        self, field: Callable[[], Any], message: str
    ) -> None:
        (found,) = relation(field())

        assert message in found.message

    def test_reports_an_app_that_is_not_a_declared_dependency(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(declarations, "_depends_on", lambda app: [])

        (found,) = relation(models.ForeignKey(User, models.PROTECT, related_name="+"))

        assert "Add it to depends_on in apps/shop/OWNERS.toml" in found.message

    @pytest.mark.parametrize(
        "field",
        [
            lambda: models.ForeignKey(User, models.PROTECT, related_name="+"),
            lambda: models.ForeignKey(User, models.RESTRICT, related_name="+"),
            lambda: models.ForeignKey(User, models.SET_NULL, null=True, related_name="+"),
            lambda: models.ForeignKey(Group, models.CASCADE),  # of a package
            lambda: models.ManyToManyField(User, related_name="+"),
            lambda: models.IntegerField(),
        ],
    )
    def test_accepts(self, field: Callable[[], Any]) -> None:
        assert relation(field()) == []

    def test_accepts_a_cascade_inside_of_an_app(self) -> None:
        field = models.ForeignKey("accounts.User", models.CASCADE)

        assert relation(field, app="accounts") == []


RECEIVER = """
    def on_save(sender, **kwargs): ...  # !
"""


class TestReceivers:
    senders: ClassVar[dict[str, Any]] = {
        "model": User,
        "every model": None,
        "many-to-many": User.groups.through,
    }

    @pytest.mark.parametrize("sender", senders)
    def test_reports_a_receiver_for_a_model_of_the_project(self, write: Write, sender: str) -> None:
        module = write(RECEIVER, name="signals")
        signals.post_save.connect(module.on_save, sender=self.senders[sender])
        model = User.groups.through if sender == "many-to-many" else User
        try:
            found = declarations.receivers(model, signals.post_save, name="post_save")
            lines = places(found, module=module, rule="no_receivers_for_own_models")
        finally:
            signals.post_save.disconnect(module.on_save, sender=self.senders[sender])

        assert lines == marked(module)

    def test_accepts_a_receiver_for_a_model_of_a_package(self, write: Write) -> None:
        module = write(RECEIVER, name="signals")
        signals.post_save.connect(module.on_save, sender=Group)
        try:
            found = list(declarations.receivers(User, signals.post_save, name="post_save"))
        finally:
            signals.post_save.disconnect(module.on_save, sender=Group)

        assert found == []

    def test_accepts_a_receiver_of_a_package(self) -> None:
        def receive(sender: object, **kwargs: object) -> None: ...

        signals.post_save.connect(receive, sender=User)
        try:
            found = list(declarations.receivers(User, signals.post_save, name="post_save"))
        finally:
            signals.post_save.disconnect(receive, sender=User)

        assert found == []


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, root: Path) -> Finding:
    found = Finding("apps/garden/services.py", 3, "services_take_keywords", "plant has no type.")
    monkeypatch.setattr(declarations, "findings", lambda: iter([found, found]))
    monkeypatch.setattr(layout, "check", lambda **_: [])
    return found


class TestCheck:
    def test_is_clean_for_the_sample_project(self) -> None:
        assert run_checks(tags=["trellis"]) == []

    def test_warns_with_place_and_rule(self, broken: Finding) -> None:
        (warning,) = run_checks(tags=["trellis"])

        assert warning.id == "trellis.services_take_keywords"
        assert warning.msg == "apps/garden/services.py:3: plant has no type."

    def test_warns_of_the_layout_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = Finding("apps/garden/OWNERS.toml", 1, "app_has_an_owner", "it does not exist.")
        monkeypatch.setattr(layout, "check", lambda **_: [found])

        (warning,) = run_checks(tags=["trellis"])

        assert warning.id == "trellis.app_has_an_owner"

    def test_obeys_a_waiver(self, broken: Finding, root: Path) -> None:
        (root / "waivers.toml").write_text(
            '[[waiver]]\nrule = "services_take_keywords"\npath = "apps/garden"\nreason = "soon"\n'
            f"until = {datetime.now(UTC).date()}\n"
        )

        assert declarations.check(None) == []

    def test_obeys_disable(self, broken: Finding, root: Path) -> None:
        (root / "pyproject.toml").write_text(
            '[tool.trellis]\ndisable = ["services_take_keywords"]\n'
        )

        assert declarations.check(None) == []
