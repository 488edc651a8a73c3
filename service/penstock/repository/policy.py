"""Which of a model's versions are to serve."""

from __future__ import annotations

from collections.abc import Sequence

from penstock._fastpath import ModelSpec


def wanted(spec: ModelSpec, there: Sequence[int]) -> list[int]:  # noqa: ARG001 - model.toml has no policy yet
    """The highest of the versions that are `there`, lowest first; at least one is there."""
    return [there[-1]]
