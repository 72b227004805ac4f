"""The faults that `make mutate` seeds can still be seeded: the text of each is there, once."""

import pytest

from bench import mutate
from tests.template.generating import ROOT


class TestFaults:
    @pytest.mark.parametrize("fault", mutate.FAULTS, ids=lambda fault: fault.what)
    def test_have_a_place(self, fault: mutate.Fault) -> None:
        for one in filter(None, (fault, fault.along)):
            assert one.file(ROOT).is_file()
            assert one.old != one.new

    def test_are_of_many_kinds(self) -> None:
        assert len(mutate.FAULTS) >= 25
        assert len({fault.what for fault in mutate.FAULTS}) == len(mutate.FAULTS)
