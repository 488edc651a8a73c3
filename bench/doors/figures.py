"""What a run has measured: figures by case and server, one for each round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.open_loop import OpenLoopResult


@dataclass(frozen=True)
class Round:
    """One closed-loop load on one server.

    `cpu_us` is the CPU time a request of the server's process tree, `samples` the answers read in full,
    `others_cores` how many cores processes that have no part in the benchmark kept busy. Latencies where one
    call was in flight.
    """

    cpu_us: float
    requests_per_s: float
    rows_per_s: float
    p50_us: float | None
    p99_us: float | None
    rows_a_batch: float | None
    others_cores: float
    requests: int
    samples: int


@dataclass(frozen=True)
class Memory:
    """What a process holds beyond one that has imported torch and no more.

    `in_flight` is how many calls waited at the same time, `failed` how many were not answered as they should be.
    """

    above_torch_mb: float
    in_flight: int
    failed: int
    growth_mb: float
    growth_requests: int


@dataclass
class Results:
    """Everything measured so far. `rounds` are by the names of case and server, in the order of measuring."""

    rounds: dict[tuple[str, str], list[Round]] = field(default_factory=dict)
    open_loop: dict[str, list[OpenLoopResult]] = field(default_factory=dict)
    # By server, one for each round of the open loop; as `Round.others_cores`.
    open_loop_others_cores: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, Memory] = field(default_factory=dict)
    model_call_us: list[float] = field(default_factory=list)
    # Why a server or a part of the run is missing, a sentence each.
    missing: list[str] = field(default_factory=list)

    def of(self, case: str, server: str) -> Sequence[Round]:
        """All rounds of a server in a case; none where it was not measured."""
        return self.rounds.get((case, server), ())

    def ratios(self, case: str, server: str, other: str) -> list[float]:
        """CPU a request over the other server's, each round by itself; empty where one was not measured.

        A round may be too short for the clock of the other's CPU time: it gives no ratio.
        """
        pairs = zip(self.of(case, server), self.of(case, other), strict=False)
        return [one.cpu_us / another.cpu_us for one, another in pairs if another.cpu_us > 0]

    def others_cores(self) -> float:
        """In the median round, of the case and server that had it worst."""
        closed = (median(one.others_cores for one in these) for these in self.rounds.values())
        return max((*closed, *map(median, self.open_loop_others_cores.values())), default=0.0)


def spread(figures: Sequence[float], form: str) -> str:
    """The median, with the least and the most behind; a dash for nothing."""
    if not figures:
        return "–"
    if len(figures) == 1:
        return f"{figures[0]:{form}}"
    return f"{median(figures):{form}} ({min(figures):{form}} … {max(figures):{form}})"


def figures(rounds: Sequence[Round], figure: Callable[[Round], float | None]) -> list[float]:
    """One figure of all rounds that have it."""
    return [value for value in map(figure, rounds) if value is not None]
