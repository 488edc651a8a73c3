"""The rounds: as much open-loop traffic without reloads and with them, by turns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench import load, open_loop
from bench.reloads import model
from bench.reloads.turns import Turns, watched

_TRIAL_REQUESTS = 100_000
_CONNECTIONS, _CALLS_PER_CONNECTION = 16, 4
# As much traffic as a service should have: its peak is what a closed loop shows.
_SHARE_OF_PEAK = 0.5
# The parts of a round. Reloads follow each other until theirs is over.
_WITHOUT_S, _WITH_S = 10.0, 20.0
# Rounds that are run for reloads that are still due, before it is said that there were fewer.
_MOST_ROUNDS = 40


@dataclass(frozen=True)
class Round:
    """One part of a round."""

    p50_us: float
    p99_us: float
    p999_us: float
    lag_p99_us: float
    calls: int
    failed: int


@dataclass(frozen=True)
class Outcome:
    """All rounds with traffic on one model."""

    asked: str
    rate: float
    without: list[Round]
    with_reloads: list[Round]
    reloads: int
    load_s: list[float]
    # Of a client that looks into answers: without reloads, and the first call behind each.
    steady_us: list[float]
    first_us: list[float]
    looked_at: int
    mixed: int
    failed: int


class Rounds:
    """Measures one server."""

    def __init__(self, address: str, repository: Path, folder: Path, pause_s: float) -> None:
        self._address = address
        self._repository = repository
        self._folder = folder
        self._pause_s = pause_s

    def run(self, asked: str, rounds: int, reloads: int) -> Outcome:
        """At least so many rounds, and as many more as it takes to have so many reloads."""
        answer_bytes = self._answer_bytes(asked)
        rate = self._peak(asked, answer_bytes) * _SHARE_OF_PEAK
        turns = Turns(self._address, self._repository)
        without: list[Round] = []
        with_reloads: list[Round] = []
        steady_us: list[float] = []
        looked_at = mixed = failed = 0
        while len(without) < rounds or (len(turns.load_s) < reloads and len(without) < _MOST_ROUNDS):
            with watched(self._address, asked) as answers:
                without.append(self._traffic(asked, answer_bytes, rate, _WITHOUT_S))
            steady_us += answers.latencies_us
            with watched(self._address, asked) as during, turns.going_on(self._pause_s):
                with_reloads.append(self._traffic(asked, answer_bytes, rate, _WITH_S))
            for part in (answers, during):
                looked_at += len(part.latencies_us)
                mixed += part.mixed
                failed += len(part.failed)
        turns.close()
        return Outcome(
            asked=asked,
            rate=rate,
            without=without,
            with_reloads=with_reloads,
            reloads=len(turns.load_s),
            load_s=turns.load_s,
            steady_us=steady_us,
            first_us=turns.first.latencies_us,
            looked_at=looked_at + len(turns.first.latencies_us),
            mixed=mixed + turns.first.mixed,
            failed=failed + len(turns.first.failed),
        )

    def _traffic(self, asked: str, answer_bytes: int, rate: float, seconds: float) -> Round:
        found = open_loop.run(
            open_loop.Schedule(
                self._address, model.METHOD, model.request(asked), answer_bytes, rate, seconds
            ),
            self._folder,
        )
        return Round(
            found.p50_us,
            found.p99_us,
            found.p999_us,
            found.lag_p99_us,
            found.sent,
            sum(found.errors.values()),
        )

    def _peak(self, asked: str, answer_bytes: int) -> float:
        request = model.request(asked)
        asked_for = load.Load(
            self._address,
            model.METHOD,
            request,
            answer_bytes,
            _TRIAL_REQUESTS,
            _CONNECTIONS,
            _CALLS_PER_CONNECTION,
        )
        rates = [load.run(asked_for, self._folder).requests_per_s for _ in range(3)]
        return float(np.median(rates))

    def _answer_bytes(self, asked: str) -> int:
        turns = Turns(self._address, self._repository)
        try:
            return turns.answer_bytes(asked)
        finally:
            turns.close()


def resident_bytes(pid: int) -> int:
    """What a process has in memory, files that it maps not counted."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise LookupError("RssAnon")
