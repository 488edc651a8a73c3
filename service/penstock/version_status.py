"""The states that a model version goes through, and what is told of one.

    UNAVAILABLE → LOADING → WARMING → READY → DRAINING → gone

A version that fails on the way is UNAVAILABLE again, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from penstock._fastpath import ModelSpec


class State(Enum):
    """Where a version stands. Calls reach it while it is READY."""

    UNAVAILABLE = "UNAVAILABLE"
    LOADING = "LOADING"
    WARMING = "WARMING"
    READY = "READY"
    DRAINING = "DRAINING"


@dataclass(frozen=True)
class VersionStatus:
    """One version of a model, for whoever asks.

    Attributes:
        name: the model's.
        version: its number; 0 where the model's folder is at fault and has no version that could be named.
        state: where it stands.
        reason: why it does not serve, or why what is on disk does not serve in its place; "" otherwise.
        spec: its model.toml; None where that could not be read.

    """

    name: str
    version: int
    state: State
    reason: str
    spec: ModelSpec | None

    @property
    def failure(self) -> str:
        """The reason without its cause, for callers who only want to be served."""
        return self.reason.partition(": ")[0]

    @property
    def ready(self) -> bool:
        """Whether calls reach it."""
        return self.state is State.READY
