"""What a run has measured: figures by case and peer, one for each round, and each peer's latency against load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.doors.figures import Round
from bench.open_loop import OpenLoopResult

# What shares the cores with a server changes how its threads meet, and so its batches and its CPU per request.
MOST_OTHERS_CORES = 0.1


@dataclass(frozen=True)
class Point:
    """One open loop: `share` of the peer's own peak was offered. `others_cores` as in `Round`."""

    share: float
    rate: float
    seen: OpenLoopResult
    others_cores: float

    @property
    def failed(self) -> int:
        """Calls without a right answer."""
        return sum(self.seen.errors.values())


@dataclass
class Results:
    """Everything measured so far; `rounds` are by the names of case and peer, in the order of measuring."""

    rounds: dict[tuple[str, str], list[Round]] = field(default_factory=dict)
    curves: dict[str, list[Point]] = field(default_factory=dict)
    memory_mb: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    # Why a peer, or a part of what it was asked, is missing: a sentence each.
    missing: list[str] = field(default_factory=list)

    def of(self, case: str, peer: str) -> Sequence[Round]:
        """All rounds of a peer in a case; none where it was not measured."""
        return self.rounds.get((case, peer), ())

    def ratios(self, case: str, peer: str, other: str) -> list[float]:
        """CPU a request over the other peer's, each round by itself; empty where one was not measured."""
        pairs = zip(self.of(case, peer), self.of(case, other), strict=False)
        return [one.cpu_us / another.cpu_us for one, another in pairs if another.cpu_us > 0]

    def peak(self, case: str, peer: str) -> float | None:
        """Requests a second, in the median round."""
        rounds = self.of(case, peer)
        return median(one.requests_per_s for one in rounds) if rounds else None

    def at_share(self, peer: str, share: float) -> Point | None:
        """Of the peer's curve, the point with this share of its peak."""
        return next((point for point in self.curves.get(peer, ()) if point.share == share), None)

    def others_cores(self) -> float:
        """In the median round, of the case and peer that had it worst."""
        closed = [median(one.others_cores for one in these) for these in self.rounds.values()]
        curves = [median(point.others_cores for point in these) for these in self.curves.values()]
        return max((*closed, *curves), default=0.0)

    def is_quiet(self) -> bool:
        """Whether the machine was this benchmark's alone, so that the figures say something."""
        return self.others_cores() <= MOST_OTHERS_CORES
