"""Server CPU a request at the fast door, for each kind of work, and the floor's: `echo`.

16 connections × 4 calls, and 4 × 2 of ranking. Groups are by the rows of a request.
"""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.doors import servers
from bench.load_round import FEW, MANY
from bench.suites.figure_clock import server_cpu
from bench.suites.served import Served
from bench.suites.works import Works

RANKING = "ranking-500"
WORKS = (
    *("fraud-1", "rec-1", "features-1", "features-1-columns"),
    *("fraud-64", "rec-64", "features-64", "features-64-columns"),
    RANKING,
)


@pytest.mark.benchmark(timer=server_cpu)
@pytest.mark.parametrize("work", WORKS)
def test_end_to_end(
    served: Served, benchmark: BenchmarkFixture, fast: servers.Server, works: Works, work: str
) -> None:
    benchmark.group = _group(works[work].rows)
    served.measure(fast, works[work], FEW if work == RANKING else MANY)


@pytest.mark.benchmark(timer=server_cpu)
@pytest.mark.parametrize("work", ["fraud-1", "fraud-64"])
def test_echo(served: Served, benchmark: BenchmarkFixture, works: Works, work: str) -> None:
    asked = works[work]
    benchmark.group = _group(asked.rows)
    with servers.floor(len(asked.questions[0].answer)) as floor:
        served.measure_alone(floor, asked, MANY)


def _group(rows: int) -> str:
    return f"end to end, {rows} row{'s' if rows > 1 else ''} a request"
