"""Many calls of one thread at a time, each tried again by itself. No channel here."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import time
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from penstock.call_error import CallError
from penstock.calls import UnaryCall
from penstock.retry import RetryAttempts, RetryBudget

Answer = TypeVar("Answer")


class ManyCalls(Protocol):
    """A transport's end for one thread."""

    def submit(self, method: str, token: int, message: bytes, timeout_s: float) -> None:
        """Begins a call; `token` is its name in the replies. The wait that follows sends it at the latest."""

    def wait(self, at_most_s: float | None = None) -> list[tuple[int, bytes | CallError]]:
        """The replies that are there, once there is one; none where no call is under way, or none came in time."""

    def close(self) -> None:
        """Cancels what is under way."""


class Many(Generic[Answer]):
    """Runs calls, at most so many at a time, and gives the answers in the order of the calls."""

    def __init__(self, end: ManyCalls, budget: RetryBudget, timeout_s: float, in_flight: int) -> None:
        """`timeout_s` is each call's, retries included, from when it is first sent."""
        self._end = end
        self._budget = budget
        self._timeout_s = timeout_s
        self._in_flight = in_flight
        # By token, each with its deadline by time.monotonic().
        self._open: dict[int, tuple[UnaryCall[Answer], float]] = {}
        # Of the calls that have failed.
        self._attempts: dict[int, RetryAttempts] = {}
        # When calls that failed are sent again, by time.monotonic().
        self._again: list[tuple[float, int]] = []

    def run(self, calls: Iterator[UnaryCall[Answer]], *, keep_failures: bool) -> list[Answer | CallError]:
        """A failure is raised, and ends the others; with `keep_failures` it stands in the answer's place."""
        answers: dict[int, Answer | CallError] = {}
        numbered = enumerate(calls)
        with contextlib.closing(self._end):
            self._begin(numbered)
            while self._open:
                for token, reply in self._wait():
                    if isinstance(reply, CallError):
                        if self._tries_again(token, reply):
                            continue
                        if not keep_failures:
                            raise reply
                        answers[token] = reply
                        del self._open[token]
                        continue
                    call, _ = self._open.pop(token)
                    self._budget.succeeded()
                    answers[token] = call.read(reply)
                self._begin(numbered)
        return [answers[token] for token in range(len(answers))]

    def _begin(self, numbered: Iterator[tuple[int, UnaryCall[Answer]]]) -> None:
        """Sends the next calls, as many as there is room for."""
        room = self._in_flight - len(self._open)
        deadline_s = time.monotonic() + self._timeout_s
        for token, call in itertools.islice(numbered, room):
            self._open[token] = (call, deadline_s)
            self._end.submit(call.method, token, call.request, self._timeout_s)

    def _wait(self) -> list[tuple[int, bytes | CallError]]:
        """The next replies, and meanwhile sends again what is due."""
        if not self._again:
            return self._end.wait()
        due_s = self._again[0][0] - time.monotonic()
        if due_s > 0:
            if len(self._again) < len(self._open):
                return self._end.wait(due_s)
            time.sleep(due_s)
        _, token = heapq.heappop(self._again)
        call, _ = self._open[token]
        self._end.submit(call.method, token, call.request, self._attempts[token].remaining_s())
        return []

    def _tries_again(self, token: int, failure: CallError) -> bool:
        _, deadline_s = self._open[token]
        if token not in self._attempts:
            self._attempts[token] = RetryAttempts(self._budget, deadline_s - time.monotonic())
        wait_s = self._attempts[token].wait_s(failure.code, failure.pushback_ms)
        if wait_s is None:
            return False
        heapq.heappush(self._again, (time.monotonic() + wait_s, token))
        return True
