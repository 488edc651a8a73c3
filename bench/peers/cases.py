"""What is asked of every server: the cases, by the names that `--only` takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One kind of work over so many connections with so many calls in flight on each."""

    name: str
    work: str
    connections: int
    calls_per_connection: int

    @property
    def in_flight(self) -> int:
        """Calls that wait for their answers at a time."""
        return self.connections * self.calls_per_connection


MANY = Case("fraud-1-16x4", "fraud-1", 16, 4)
ALONE = Case("fraud-1-1x1", "fraud-1", 1, 1)
CASES = (
    MANY,
    ALONE,
    Case("fraud-64-16x4", "fraud-64", 16, 4),
    Case("rec-1-16x4", "rec-1", 16, 4),
    Case("rec-64-16x4", "rec-64", 16, 4),
)
CURVE = "curve"
PARTS = (*(case.name for case in CASES), CURVE)
