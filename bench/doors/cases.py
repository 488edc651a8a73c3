"""What is asked of every server: the cases, by the names that `--only` takes."""

from __future__ import annotations

from dataclasses import dataclass

FLOOR = "floor"
FAST = "fast"
GRPCIO = "grpcio"
PLAIN = "plain"
EMPTY = "empty"
TRITON = "triton"

# By the names that `--servers` takes; rounds go through them in this order.
LABELS = {
    FLOOR: "floor: bare hyper",
    FAST: "penstock, fast door",
    GRPCIO: "penstock, grpcio door",
    PLAIN: "plain grpc.aio, generated classes",
    EMPTY: "grpc.aio, empty handler",
    TRITON: "Triton 2.51, Python backend",
}
DOORS = (FAST, GRPCIO)

FRAUD_1, FRAUD_64, FEATURES_1 = "fraud-1", "fraud-64", "features-1"


@dataclass(frozen=True)
class Case:
    """One kind of work over so many connections with so many calls in flight on each."""

    name: str
    work: str
    connections: int
    calls_per_connection: int
    servers: tuple[str, ...]


_ALL = tuple(LABELS)
CROWD = Case("fraud-1-8x32", FRAUD_1, 8, 32, _ALL)
MANY = Case("fraud-1-16x4", FRAUD_1, 16, 4, _ALL)
WIDE = Case("fraud-64-16x4", FRAUD_64, 16, 4, _ALL)
PREDICT = Case("features-1-16x4", FEATURES_1, 16, 4, (FLOOR, *DOORS))
ALONE = Case("fraud-1-1x1", FRAUD_1, 1, 1, _ALL)

CASES = (CROWD, MANY, WIDE, PREDICT, ALONE)
OPEN_LOOP = "open-loop"
MEMORY = "memory"
PARTS = (*(case.name for case in CASES), OPEN_LOOP, MEMORY)
