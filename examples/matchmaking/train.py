"""The win predictor's training: what is known, what is lost, and what is to be beaten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from examples import logistic
from examples.dataset import LabelledRows, Split
from examples.example import Example, Source
from examples.fit import FitSettings
from examples.matchmaking import data
from examples.matchmaking.network import WinPredictor


def _split() -> Split:
    return data.split(data.matches())


def _network(known_values: Mapping[str, int]) -> WinPredictor:
    return WinPredictor(known_values["home"])


def _loss(chances: Tensor, truth: Tensor) -> Tensor:
    return torch.nn.functional.nll_loss(chances.log(), truth)


def _baselines(split: Split) -> Mapping[str, NDArray[Any]]:
    shares = np.bincount(split.train.truth, minlength=len(data.OUTCOMES)) / len(split.train)
    train, heldout = (_elo_difference(rows) for rows in (split.train, split.heldout))
    return {
        "the shares of home wins, draws and away wins": np.tile(shares, (len(split.heldout), 1)),
        "Elo alone": logistic.probabilities(train, split.train.truth, heldout),
    }


def _elo_difference(rows: LabelledRows) -> NDArray[np.float64]:
    difference = rows.features["home_elo"] - rows.features["away_elo"]
    return difference.to_numpy(dtype=np.float64)[:, None]


EXAMPLE = Example(
    name="matchmaking",
    source=Source(
        data="vcd/Bundesliga: 14,018 matches of the German football league, 1963–2009",
        licence="GPL-2",
        split="seasons before 2000, seasons from 2000 on",
    ),
    metric="log loss",
    context=(),
    settings=FitSettings(epochs=10, batch_rows=256, learning_rate=3e-3, weight_decay=0.01),
    loss=_loss,
    split=_split,
    network=_network,
    baselines=_baselines,
)
