"""When a refused call may be tried again, after gRFC A6. No grpc and no waiting here."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from penstock.retry_policy import retry_policy

_POLICY = retry_policy()
_JITTER = 0.2


class RetryBudget:
    """The retries that all calls of one client share; none are allowed while half of its tokens are spent.

    A failed attempt costs one token, a success gives `ratio` back, so that a server in trouble sees
    at most `ratio` retries a call in the long run. Safe to use from any thread.
    """

    def __init__(self, max_tokens: float = _POLICY.max_tokens, ratio: float = _POLICY.token_ratio) -> None:
        self._max_tokens = max_tokens
        self._ratio = ratio
        self._tokens = max_tokens
        self._lock = threading.Lock()

    def succeeded(self) -> None:
        """Earns a part of a retry."""
        if self._tokens >= self._max_tokens:  # nearly always, and then without the lock
            return
        with self._lock:
            self._tokens = min(self._tokens + self._ratio, self._max_tokens)

    def failed(self) -> bool:
        """Pays for a failed attempt and says whether another one is allowed."""
        with self._lock:
            self._tokens = max(self._tokens - 1.0, 0.0)
            return self._tokens > self._max_tokens / 2


class RetryAttempts:
    """The attempts of one call, whose deadline is `timeout_s` from now."""

    def __init__(
        self,
        budget: RetryBudget,
        timeout_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._budget = budget
        self._clock = clock
        self._jitter = jitter
        self._deadline = clock() + timeout_s
        self._attempts = 0
        self._backoff_s = _POLICY.initial_backoff_s

    def remaining_s(self) -> float:
        """The time to the deadline, at least 0."""
        return max(self._deadline - self._clock(), 0.0)

    def wait_s(self, code: str, pushback_ms: int | None) -> float | None:
        """How long to wait before the next attempt after one that failed with `code`; None: give up.

        Only UNAVAILABLE is tried again. The server's `pushback_ms` replaces the backoff; negative
        forbids a retry. A wait that would outlast the deadline is not begun, so that the caller
        gets the server's reason, and gets it at once.
        """
        if code not in _POLICY.codes:
            return None
        self._attempts += 1
        allowed = self._budget.failed()
        if not allowed or self._attempts >= _POLICY.max_attempts:
            return None
        if pushback_ms is None:
            wait_s = self._backoff_s * self._jitter(1.0 - _JITTER, 1.0 + _JITTER)
            self._backoff_s = min(self._backoff_s * _POLICY.backoff_multiplier, _POLICY.max_backoff_s)
        elif pushback_ms < 0:
            return None
        else:
            wait_s = pushback_ms / 1000.0
            self._backoff_s = _POLICY.initial_backoff_s
        return wait_s if wait_s < self.remaining_s() else None
