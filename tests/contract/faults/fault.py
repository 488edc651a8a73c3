"""What a fault is, and how a function that makes a bad request becomes one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from tests.contract.good_requests import INFER, PREDICT

INVALID = grpc.StatusCode.INVALID_ARGUMENT
INTERNAL = grpc.StatusCode.INTERNAL
NOT_FOUND = grpc.StatusCode.NOT_FOUND
LATE = grpc.StatusCode.DEADLINE_EXCEEDED


@dataclass(frozen=True)
class Fault:
    """One bad request."""

    row: int
    name: str
    method: str
    request: Callable[[], bytes]
    code: grpc.StatusCode = INVALID
    words: tuple[str, ...] = ()
    field: str | None = None  # how the blamed field begins; None: no field is to blame

    def __str__(self) -> str:
        return f"{self.row}-{self.name}"


FAULTS: list[Fault] = []


def infer(
    row: int, *words: str, code: grpc.StatusCode = INVALID, field: str | None = None
) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Declares a fault of ModelInfer."""
    return _declare(row, INFER, code, words, field)


def predict(
    row: int, *words: str, code: grpc.StatusCode = INVALID, field: str | None = None
) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Declares a fault of Predict."""
    return _declare(row, PREDICT, code, words, field)


def _declare(
    row: int, method: str, code: grpc.StatusCode, words: tuple[str, ...], field: str | None
) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    def register(make: Callable[[], Any]) -> Callable[[], Any]:
        def request() -> bytes:
            made = make()
            return made if isinstance(made, bytes) else made.SerializeToString()

        name = f"{method.rsplit('/', 1)[1]}-{make.__name__}"
        FAULTS.append(Fault(row, name, method, request, code, words, field))
        return make

    return register
