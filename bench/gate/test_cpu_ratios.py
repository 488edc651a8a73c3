"""A request costs the fast door as much more than the floor as it did when `expected.json` was written."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

import pytest

from bench import machine
from bench.gate import cpu_ratios, expected
from bench.gate.expected import Expected
from penstock.testing import Ghz

_ROUNDS = 5


@pytest.fixture(scope="module")
def ratios(ghz: Ghz, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[float]]:
    """Those of each round, by the name of the work."""
    return cpu_ratios.measure(ghz, tmp_path_factory.mktemp("gate"), _ROUNDS)


# Most of it waits for its share of the CPU, where other processes have theirs.
@pytest.mark.timeout(300)
@pytest.mark.parametrize("work", cpu_ratios.WORKS)
def test_a_request_costs_as_much_over_the_floor_as_before(
    ratios: Mapping[str, list[float]], work: str
) -> None:
    told = ", ".join(f"{ratio:.2f}" for ratio in ratios[work])
    fault = expected.read().fault_of_ratio(work, median(ratios[work]), machine.cpu_model())
    assert fault is None, f"{fault} (rounds: {told})"


def test_a_cost_that_has_doubled_is_a_fault() -> None:
    some = Expected({}, {}, {"known": {"fraud-1": 1.4}})
    assert some.fault_of_ratio("fraud-1", 1.4 * 1.95, "known") is None
    assert "at most 2.80" in str(some.fault_of_ratio("fraud-1", 2.9, "known"))
    assert some.fault_of_ratio("fraud-1", 4.1, "another") is None
    assert "at most 4.20" in str(some.fault_of_ratio("fraud-1", 4.3, "another"))
