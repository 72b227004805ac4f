from datetime import date, datetime
from typing import Any
from uuid import UUID

import pytest

from trellis.caching.keys import KeyMaker


def key_maker(load: Any, *, version: int = 1) -> KeyMaker:
    return KeyMaker(name="tests.read", version=version, load=load)


def read(*, pk: int) -> None: ...


class TestKeyMaker:
    def test_refuses_a_parameter_with_a_default(self) -> None:
        def load(*, pk: int = 1) -> None: ...

        with pytest.raises(TypeError, match="keyword-only, without a default"):
            key_maker(load)

    def test_refuses_a_parameter_that_can_be_passed_by_position(self) -> None:
        def load(pk: int) -> None: ...

        with pytest.raises(TypeError, match="keyword-only, without a default"):
            key_maker(load)

    def test_refuses_a_parameter_of_another_type(self) -> None:
        def load(*, at: datetime) -> None: ...

        with pytest.raises(TypeError, match="Annotate it as one of: bool, date, int, str, UUID"):
            key_maker(load)

    def test_makes_different_keys_for_different_arguments_and_versions(self) -> None:
        def load(*, first: str, second: str) -> None: ...

        pairs = [("a", "b"), ("b", "a"), ("a:b", ""), ("", "a:b"), ("', '", "")]
        makers = [key_maker(load, version=version) for version in (1, 2)]

        keys = {maker.make({"first": a, "second": b}) for maker in makers for a, b in pairs}

        assert len(keys) == 2 * len(pairs)

    def test_makes_the_same_keys_for_the_same_arguments(self) -> None:
        def load(*, item: UUID, day: date) -> None: ...

        arguments = {"item": UUID(int=7), "day": date(2030, 1, 1)}

        assert key_maker(load).make(arguments) == key_maker(load).make(dict(arguments))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"pk": "1"}, "takes pk as int, not as str"),
            ({"pk": True}, "takes pk as int, not as bool"),
            ({}, "takes pk by keyword, not nothing"),
            ({"pk": 1, "tenant": 2}, "takes pk by keyword, not pk, tenant"),
        ],
    )
    def test_refuses_arguments_that_do_not_fit(
        self, arguments: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(TypeError, match=message):
            key_maker(read).make(arguments)

    def test_refuses_a_datetime_as_a_date(self) -> None:
        def load(*, day: date) -> None: ...

        with pytest.raises(TypeError, match="takes day as date, not as datetime"):
            key_maker(load).make({"day": datetime(2030, 1, 1)})  # noqa: DTZ001
