"""The mail filter's training: what is lost, and what is to be beaten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from examples import logistic, metrics
from examples.dataset import LabelledRows, Split
from examples.example import Example, Source
from examples.fit import FitSettings
from examples.scam_mail import data
from examples.scam_mail.network import MailFilter


def _split() -> Split:
    return data.split(data.messages())


def _network(_: Mapping[str, int]) -> MailFilter:
    return MailFilter()


def _loss(score: Tensor, truth: Tensor) -> Tensor:
    return torch.nn.functional.binary_cross_entropy(score, truth.float())


def _baselines(split: Split) -> Mapping[str, NDArray[Any]]:
    train, heldout = (_columns(rows) for rows in (split.train, split.heldout))
    single = np.array([metrics.auc(split.train.truth, column) for column in train.T])
    best = int(np.abs(single - 0.5).argmax())
    regression = logistic.probabilities(train, split.train.truth, heldout)[:, 1]
    return {
        "the best single feature": heldout[:, best] * np.sign(single[best] - 0.5),
        "logistic regression": regression,
    }


def _columns(rows: LabelledRows) -> NDArray[np.float64]:
    """Flags, and logarithms of counts, [rows, columns]."""
    numbers = rows.features.drop(columns=["time", "number"])
    return np.log1p(numbers.to_numpy(dtype=np.float64))


EXAMPLE = Example(
    name="scam_mail",
    source=Source(
        data="openintro/email: 3,921 messages to one mailbox, January–March 2012, 9.4 % of them spam or scams",
        licence="GPL-3",
        split="the last 20 % by time",
    ),
    metric="AUC",
    context=(),
    settings=FitSettings(epochs=60, batch_rows=128, learning_rate=5e-3, weight_decay=0.01),
    loss=_loss,
    split=_split,
    network=_network,
    baselines=_baselines,
)
