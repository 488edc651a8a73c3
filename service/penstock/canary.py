"""When a canary is rolled back by itself: its calls of the last while, beside those of the stable version.

Pure: the engine's counters and the time are given. `[canary]` of model.toml says the rule (docs/traffic.md).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

_NS_PER_MS = 1e6


class Rule(Protocol):
    """What model.toml says; `penstock._fastpath.Canary` is one."""

    @property
    def max_error_ratio(self) -> float | None: ...  # noqa: D102 - the stub of Canary says what they mean
    @property
    def max_latency_ratio(self) -> float | None: ...  # noqa: D102
    @property
    def min_requests(self) -> int: ...  # noqa: D102
    @property
    def window_s(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Counts:
    """What one version has answered.

    Attributes:
        judged: calls, but for those that were refused while they were decoded or whose caller went away.
        failed: of those, the ones that the version is to blame for.
        succeeded: calls answered OK.
        success_ns: what those took together, from their arrival to their answer.

    """

    judged: int = 0
    failed: int = 0
    succeeded: int = 0
    success_ns: int = 0

    def since(self, earlier: Counts) -> Counts:
        """What has come since an earlier count of the same version."""
        return Counts(
            self.judged - earlier.judged,
            self.failed - earlier.failed,
            self.succeeded - earlier.succeeded,
            self.success_ns - earlier.success_ns,
        )

    @property
    def error_ratio(self) -> float:
        """The share of the calls that failed; 0 where there were none."""
        return self.failed / self.judged if self.judged else 0.0

    @property
    def latency_ms(self) -> float:
        """The mean of the calls answered OK; 0 where there were none."""
        return self.success_ns / self.succeeded / _NS_PER_MS if self.succeeded else 0.0


def is_judged(rule: Rule) -> bool:
    """Whether anything could roll the canary back."""
    return rule.max_error_ratio is not None or rule.max_latency_ratio is not None


class CanaryWatch:
    """One canary beside one stable version, over the rule's window."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        # Oldest first; the first one is at least as old as the window, once the watch is.
        self._seen: deque[tuple[float, Counts, Counts]] = deque()

    def look(self, now_s: float, stable: Counts, canary: Counts) -> str:
        """Takes what both versions have done so far; gives why the canary is to be rolled back, or ""."""
        self._seen.append((now_s, stable, canary))
        while len(self._seen) > 1 and self._seen[1][0] <= now_s - self._rule.window_s:
            self._seen.popleft()
        _, stable_before, canary_before = self._seen[0]
        return verdict(self._rule, stable.since(stable_before), canary.since(canary_before))


def verdict(rule: Rule, stable: Counts, canary: Counts) -> str:
    """Why a canary that did this, beside a stable version that did that, is to be rolled back; "": it is not."""
    if canary.judged < rule.min_requests:
        return ""
    if rule.max_error_ratio is not None:
        # A stable version without enough calls is taken for one without errors.
        beside = stable.error_ratio if stable.judged >= rule.min_requests else 0.0
        if canary.error_ratio - beside > rule.max_error_ratio:
            return (
                f"{canary.error_ratio:.2%} of its {canary.judged} calls failed, of the stable version's {beside:.2%}; "
                f"max_error_ratio allows {rule.max_error_ratio:.2%} more"
            )
    enough = min(canary.succeeded, stable.succeeded) >= rule.min_requests
    if rule.max_latency_ratio is not None and enough:
        most_ms = rule.max_latency_ratio * stable.latency_ms
        if canary.latency_ms > most_ms:
            return (
                f"its calls took {canary.latency_ms:.3f} ms on average, the stable version's "
                f"{stable.latency_ms:.3f} ms; max_latency_ratio allows {most_ms:.3f} ms"
            )
    return ""
