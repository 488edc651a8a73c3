"""The models that all servers serve, and what is asked of them, over any wire."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench import fraud_model, rec_model
from bench.model_inputs import INPUTS
from bench.peers.wires import Wire
from bench.question import Question, Work
from tests.models import write_model

# Different rows for the sampler, so that an answer that belongs to another call is seen.
_QUESTIONS = 32
_ROWS = (1, 64)


class Models:
    """Both models, run directly, and scripted into `repository`, which takes 64 MB."""

    def __init__(self, repository: Path) -> None:
        torch.set_num_threads(1)
        self._modules: dict[str, nn.Module] = {
            fraud_model.NAME: fraud_model.mlp(),
            rec_model.NAME: rec_model.recommender(),
        }
        tomls = {fraud_model.NAME: fraud_model.TOML, rec_model.NAME: rec_model.TOML}
        self.repository = repository
        # The TorchScript files by the models' names.
        self.files = {
            name: write_model(repository, name, 1, module, tomls[name]) / "1" / "model.pt"
            for name, module in self._modules.items()
        }

    def works(self, wire: Wire) -> dict[str, Work]:
        """By name: each model with 1 and with 64 rows a request."""
        found = {}
        for name in self._modules:
            for rows in _ROWS:
                questions = [self._question(name, rows, seed, wire) for seed in range(_QUESTIONS)]
                found[f"{name}-{rows}"] = Work(f"{name}-{rows}", wire.method(name), rows, questions)
        return found

    def _question(self, name: str, rows: int, seed: int, wire: Wire) -> Question:
        inputs = _inputs(name, rows, seed)
        with torch.inference_mode():
            scores = self._modules[name](*map(torch.from_numpy, inputs.values())).numpy()
        return Question(wire.encode(name, inputs), scores, b"", wire.decode)


def _inputs(name: str, rows: int, seed: int) -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(seed)
    return {
        each.name: random.integers(0, rec_model.TABLE_ROWS, (rows, each.width), np.int64)
        if each.datatype == "INT64"
        else random.standard_normal((rows, each.width), np.float32)
        for each in INPUTS[name]
    }
