"""The ranker's training: what is known, what is lost, and what is to be beaten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from examples.dataset import Split
from examples.example import Example, Source
from examples.fit import FitSettings
from examples.recommendation import data
from examples.recommendation.network import Ranker


def _split() -> Split:
    return data.split(data.ratings())


def _network(known_values: Mapping[str, int]) -> Ranker:
    return Ranker(known_values["user"], known_values["film"], known_values["genres"])


def _loss(score: Tensor, truth: Tensor) -> Tensor:
    return torch.nn.functional.binary_cross_entropy(score, truth.float())


def _baselines(split: Split) -> Mapping[str, NDArray[Any]]:
    known = split.heldout.features
    film, user = (known[name].to_numpy() for name in ("film_mean_rating", "user_mean_rating"))
    return {"the film's mean rating": film, "the film's plus the user's mean rating": film + user}


EXAMPLE = Example(
    name="recommendation",
    source=Source(
        data="dslabs/movielens: 100,004 ratings of 9,066 films by 671 people, 1995–2016 (Harper & Konstan 2015)",
        licence="GroupLens terms: research; commercial use by permission",
        split="each user's last 20 %, asked about at the moment when it begins",
    ),
    metric="AUC",
    context=("user", "time", "last_liked", "user_mean_rating", "user_ratings"),
    settings=FitSettings(epochs=6, batch_rows=1024, learning_rate=5e-3, weight_decay=0.01),
    loss=_loss,
    split=_split,
    network=_network,
    baselines=_baselines,
)
