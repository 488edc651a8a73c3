"""Servers and work of the suites, and what their results keep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench import ranking_model
from bench.doors import servers
from bench.doors.cases import FAST, GRPCIO
from bench.suites import kept
from bench.suites.served import Served
from bench.suites.works import Works
from penstock.testing import Ghz


@pytest.hookimpl
def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """What figures depend on, and nothing by which one machine is told from another of its kind."""
    kept.shorten_machine(machine_info)


@pytest.hookimpl
def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """Without the single measurements of each round."""
    kept.shorten(output_json)


@pytest.fixture(scope="session")
def works(tmp_path_factory: pytest.TempPathFactory) -> Works:
    if not ranking_model.is_trained():
        pytest.skip("models/recommendation is not trained (make setup)")
    return Works(tmp_path_factory.mktemp("suites") / "models")


@pytest.fixture(scope="session")
def fast(works: Works) -> Iterator[servers.Server]:
    """`penstock serve` as it is by default, with all models."""
    with servers.penstock(FAST, works.repository, ()) as server:
        yield server


@pytest.fixture(scope="session")
def grpcio(works: Works) -> Iterator[servers.Server]:
    """The same with `--door grpcio`."""
    with servers.penstock(GRPCIO, works.repository, ()) as server:
        yield server


@pytest.fixture
def served(benchmark: BenchmarkFixture, ghz: Ghz) -> Served:
    return Served(benchmark, ghz)
