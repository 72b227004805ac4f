"""The faults that `make mutate` seeds can be seeded: the text of each is there, once."""

import pytest

from bench.faults import FAULTS, Fault
from tests.template.generating import ROOT


class TestFaults:
    @pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
    def test_have_a_place_and_a_test(self, fault: Fault) -> None:
        for one in filter(None, (fault, fault.along)):
            assert one.file(ROOT).is_file()
            assert one.old != one.new
        tests = [word for word in fault.caught_by.split() if word.startswith("tests/")]
        assert tests or fault.caught_by.startswith("project ")
        assert all((ROOT / path).exists() for path in tests)

    def test_are_many_and_different(self) -> None:
        assert len(FAULTS) >= 80
        assert len({fault.what for fault in FAULTS}) == len(FAULTS)
