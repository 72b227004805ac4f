"""What a name stands for, scope by scope."""

import ast
from textwrap import dedent

import pytest

from trellis.checks.imports import Names


def used(
    text: str, *, dotted: str = "apps.bookings.services", is_package: bool = False
) -> set[str]:
    names = Names(ast.parse(dedent(text)), dotted=dotted, is_package=is_package)
    return {use.dotted for use in names.uses}


class TestNames:
    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("import a.b\na.b.c\n", {"a.b.c"}),
            ("import a.b as x\nx.c\n", {"a.b.c"}),
            ("import a.b, a.c\na.c.d\n", {"a.c.d"}),
            ("from a import b\nb.c()\n", {"a.b.c"}),
            ("from a import b as x\nx\n", {"a.b"}),
            ("from . import models\nmodels.Seat\n", {"apps.bookings.models.Seat"}),
            ("from ..catalog.types import Room\nRoom\n", {"apps.catalog.types.Room"}),
            ("from . import models as m\nm.Seat.objects.filter(x=1).first()\n",
             {"apps.bookings.models.Seat.objects.filter"}),
            ("try:\n    import a\nexcept ImportError:\n    a = None\na.b\n", {"a.b"}),
        ],
    )  # fmt: skip
    def test_are_followed_to_where_they_come_from(self, text: str, wanted: set[str]) -> None:
        assert used(text) == wanted

    def test_are_relative_to_the_package_in_its_init(self) -> None:
        text = "from . import seats\nseats.book\n"

        assert used(text, is_package=True) == {"apps.bookings.services.seats.book"}

    @pytest.mark.parametrize(
        "text",
        [
            "import a\ndef f():\n    a = 1\n    return a.b\n",
            "import a\ndef f(a):\n    return a.b\n",
            "import a\ndef f(*, a=1):\n    return a.b\n",
            "import a\nf = lambda a: a.b\n",
            "import a\ndef f():\n    for a in x:\n        a.b\n",
            "import a\ndef f():\n    with x as a:\n        a.b\n",
            "import a\ndef f():\n    def a(): ...\n    a.b\n",
            "import a\ndef f():\n    def g():\n        return a.b\n    a = 1\n",
        ],
    )
    def test_are_hidden_by_what_a_function_assigns(self, text: str) -> None:
        assert "a.b" not in used(text)

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            # A function-local import hides the module's in that function only.
            (
                """
                from a import thing
                def f():
                    from b import thing
                    thing.one
                def g():
                    thing.two
                """,
                {"b.thing.one", "a.thing.two"},
            ),
            # A class is no scope for its methods.
            (
                """
                import a
                class C:
                    a = a.one
                    def f(self):
                        return a.two
                """,
                {"a.one", "a.two"},
            ),
            # A default is evaluated outside of the function that has it.
            ("import a\ndef f(a=a.b): ...\n", {"a.b"}),
        ],
    )
    def test_differ_from_scope_to_scope(self, text: str, wanted: set[str]) -> None:
        assert used(text) == wanted

    def test_tell_code_of_a_function_from_annotations_and_class_bodies(self) -> None:
        text = """
            import a
            class C:
                x = a.body
            def f(y: a.annotation) -> a.returned:
                z: a.variable = a.code
        """
        names = Names(ast.parse(dedent(text)), dotted="m", is_package=False)

        assert [use.dotted for use in names.uses if use.function] == ["a.code"]
