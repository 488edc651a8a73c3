"""A slow client beside the load, which asks other questions than the load does and reads every answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import grpc

# Often enough for a hundred samples a round, seldom enough to be a small part of the load.
_PAUSE_S = 0.05
_TIMEOUT_S = 10.0


class WrongAnswerError(Exception):
    """A server's answer is not the right one."""


@dataclass(frozen=True)
class Sample:
    """A request's bytes, and whether an answer's bytes are right."""

    request: bytes
    accepts: Callable[[bytes], bool]


def check(sample: Sample, answer: bytes) -> None:
    """Raises WrongAnswerError unless the answer is right."""
    if not sample.accepts(answer):
        raise WrongAnswerError(f"a wrong answer of {len(answer)} bytes: {answer[:64]!r}")


# A request's bytes to the answer's.
Call = Callable[[bytes], bytes]


@contextmanager
def grpc_caller(address: str, method: str) -> Iterator[Call]:
    """Calls over a connection of its own; a call raises grpc.RpcError."""
    with grpc.insecure_channel(address) as channel:
        call: Callable[..., bytes] = channel.unary_unary(method)
        yield lambda request: call(request, timeout=_TIMEOUT_S)


class Sampler:
    """Asks one sample after the other while its `with` block runs. `asked` is the number of answers, all right.

    The caller is entered on the sampler's thread. Leaving the block raises WrongAnswerError, or what the caller raised,
    for the first answer that was not.
    """

    def __init__(self, caller: AbstractContextManager[Call], samples: Sequence[Sample]) -> None:
        self.asked = 0
        self._caller = caller
        self._samples = samples
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            with self._caller as call:
                while not self._stop.wait(_PAUSE_S):
                    sample = self._samples[self.asked % len(self._samples)]
                    check(sample, call(sample.request))
                    self.asked += 1
        except Exception as failure:  # noqa: BLE001 - raised again on the thread that waits
            self._failure = failure
