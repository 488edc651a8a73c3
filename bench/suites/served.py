"""Rounds of load on a server, with the floor loaded in turn: the figure is the server's CPU a request."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from pytest_benchmark.fixture import BenchmarkFixture

from bench import load_round
from bench.doors import servers
from bench.load_round import Asked, Flight, LoadRound
from bench.suites.figure_clock import server_cpu

if TYPE_CHECKING:
    # pytest imports it as a plugin, behind the conftest that imports this.
    from penstock.testing import Ghz

from bench.question import Work

ROUNDS = 5
# Of each server in each round.
_ROUND_S = 0.6
_TRIAL_REQUESTS, _FEWEST_REQUESTS = 1_000, 500


class Served:
    """Measures one case, whose test must have the marker `benchmark(timer=server_cpu)`."""

    def __init__(self, benchmark: BenchmarkFixture, ghz: Ghz) -> None:
        self._benchmark = benchmark
        self._ghz = ghz

    def measure(self, server: servers.Server, work: Work, flight: Flight) -> None:
        """Raises LoadError or WrongAnswerError where an answer is missing or wrong."""
        with servers.floor(len(work.questions[0].answer)) as floor:
            asked = load_round.ask(server, work, flight)
            beside = load_round.ask(floor, work, flight)
            requests, floor_requests = self._requests(asked), self._requests(beside)
            rounds: list[LoadRound] = []
            ratios: list[float] = []

            def one_round() -> None:
                floor_round = load_round.measure(self._ghz, beside, floor_requests)
                rounds.append(load_round.measure(self._ghz, asked, requests))
                ratios.append(rounds[-1].cpu_us / floor_round.cpu_us)
                server_cpu.tell(rounds[-1].cpu_us * 1e-6)

            self._benchmark.pedantic(one_round, rounds=ROUNDS)
        self._tell(rounds)
        self._benchmark.extra_info["ratio to the floor"] = round(median(ratios), 2)

    def measure_alone(self, server: servers.Server, work: Work, flight: Flight) -> None:
        """The same without another server beside: of the floor itself."""
        asked = load_round.ask(server, work, flight)
        requests = self._requests(asked)
        rounds: list[LoadRound] = []

        def one_round() -> None:
            rounds.append(load_round.measure(self._ghz, asked, requests))
            server_cpu.tell(rounds[-1].cpu_us * 1e-6)

        self._benchmark.pedantic(one_round, rounds=ROUNDS)
        self._tell(rounds)

    def _requests(self, asked: Asked) -> int:
        """How many fill a round, by a short load, which also warms the server up."""
        rate: float = load_round.run(self._ghz, asked, _TRIAL_REQUESTS)["rps"]
        return max(_FEWEST_REQUESTS, int(rate * _ROUND_S))

    def _tell(self, rounds: list[LoadRound]) -> None:
        self._benchmark.extra_info.update(
            {
                "server CPU µs a request": round(median(one.cpu_us for one in rounds), 2),
                "requests/s": round(median(one.requests_per_s for one in rounds)),
                "rows/s": round(median(one.rows_per_s for one in rounds)),
                "p50 µs": round(median(one.p50_us for one in rounds)),
                "p99 µs": round(median(one.p99_us for one in rounds)),
                "requests a round": rounds[0].requests,
                "answers read": sum(one.samples for one in rounds),
            }
        )
