"""What an example is made of. Each folder here has one, named EXAMPLE, in its `train` module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from torch import nn

from examples.dataset import Split
from examples.fit import FitSettings, Loss


@dataclass(frozen=True, slots=True)
class Source:
    """Where the data come from, in words for the table of figures."""

    data: str
    licence: str
    split: str


@dataclass(frozen=True, slots=True)
class Example:
    """A model that can be trained.

    name: the model's, and the folder's here. metric: one of `metrics.METRICS`. context: the
    features that all rows of a request share. network: made for the number of values that each
    feature's vocabulary knows. baselines: what each simple way, learnt from the training rows,
    says about the held-out ones.
    """

    name: str
    source: Source
    metric: str
    context: tuple[str, ...]
    settings: FitSettings
    loss: Loss
    split: Callable[[], Split]
    network: Callable[[Mapping[str, int]], nn.Module]
    baselines: Callable[[Split], Mapping[str, NDArray[Any]]]

    @property
    def template(self) -> str:
        """The text of the example's model.toml, still to be fitted."""
        return (Path(__file__).parent / self.name / "model.toml").read_text(encoding="utf-8")
