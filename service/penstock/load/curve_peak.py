"""How the peak of a server is found: more and more calls at a time, until more of them are not answered faster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

# Half of the 100 streams that many servers allow on a connection.
MOST_PER_CONNECTION = 64
# A doubling that brings less than this share is none.
_GAIN = 0.05
# One doubling may meet a moment in which the machine had something else to do.
_WITHOUT_GAIN = 2


@dataclass(frozen=True, slots=True)
class Probe:
    """Calls a second that were answered OK, while so many were under way at all times."""

    in_flight: int
    per_s: float


RULE = (
    f"The peak is the most calls a second answered OK in a closed loop, of 1, 2, 4, … {MOST_PER_CONNECTION} calls "
    f"under way on each connection; the search ends at {_WITHOUT_GAIN} doublings in a row that gain less than "
    f"{_GAIN:.0%}."
)


def steps(connections: int) -> list[int]:
    """The numbers of calls under way that are tried at most."""
    return [connections << double for double in range(MOST_PER_CONNECTION.bit_length())]


def probes(connections: int, measure: Callable[[int], float]) -> Iterator[Probe]:
    """Asks for the rate at each number of calls under way, as long as that goes up."""
    best, without_gain = 0.0, 0
    for in_flight in steps(connections):
        probe = Probe(in_flight, measure(in_flight))
        yield probe
        without_gain = 0 if probe.per_s > best * (1 + _GAIN) else without_gain + 1
        best = max(best, probe.per_s)
        if without_gain == _WITHOUT_GAIN:
            return
