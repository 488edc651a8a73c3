"""Server CPU a request at both doors, beside the floor in a group: the same work, by many callers and by one."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.doors import servers
from bench.doors.cases import FAST, GRPCIO
from bench.load_round import ALONE, MANY, Flight
from bench.suites.figure_clock import server_cpu
from bench.suites.served import Served
from bench.suites.works import Works


@dataclass(frozen=True)
class Load:
    """Work, and how much of it is under way."""

    work: str
    flight: Flight

    def __str__(self) -> str:
        return f"{self.work}-{self.flight.connections}x{self.flight.calls_per_connection}"


LOADS = (Load("fraud-1", MANY), Load("fraud-1", ALONE), Load("features-1", MANY))


@pytest.mark.benchmark(timer=server_cpu)
@pytest.mark.parametrize("load", LOADS, ids=str)
def test_floor(served: Served, benchmark: BenchmarkFixture, works: Works, load: Load) -> None:
    work = works[load.work]
    benchmark.group = f"doors, {load}"
    with servers.floor(len(work.questions[0].answer)) as floor:
        served.measure_alone(floor, work, load.flight)


@pytest.mark.benchmark(timer=server_cpu)
@pytest.mark.parametrize("load", LOADS, ids=str)
@pytest.mark.parametrize("door", [FAST, GRPCIO])
def test_door(
    served: Served,
    benchmark: BenchmarkFixture,
    request: pytest.FixtureRequest,
    works: Works,
    load: Load,
    door: str,
) -> None:
    benchmark.group = f"doors, {load}"
    served.measure(request.getfixturevalue(door), works[load.work], load.flight)
