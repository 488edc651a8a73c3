"""The fraud scorer behind the feature program of the 40-feature row: its requests, and its answers.

What is right is told by the program in plain protobuf and numpy (tests/reference), and the module run directly.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench import feature_row
from bench.fraud_model import mlp
from bench.question import Question, Work
from penstock.pb import prediction_pb2
from tests import reference

METHOD = "/penstock.v1.Prediction/Predict"

# Of each kind of category so many, beside the 20 floats: the MLP's 32.
_CATEGORIES = 6
# Buckets go to 100,000.
_SCALE = 1e-5


class FeatureMlp(nn.Module):
    """dense [rows, 20], ids [rows, 15], lists [rows, 100] → [rows]: the fraud scorer over 32 of these numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = mlp()
        self.categories = _CATEGORIES
        self.scale = _SCALE

    def forward(self, dense: torch.Tensor, ids: torch.Tensor, lists: torch.Tensor) -> torch.Tensor:
        """The model's inputs, in the order of model.toml."""
        categories = torch.cat((ids[:, : self.categories], lists[:, : self.categories]), 1)
        scores: torch.Tensor = self.mlp(torch.cat((dense, categories.to(torch.float32) * self.scale), 1))
        return scores.squeeze(1)


class FeatureModel:
    """The feature program and the model, run directly."""

    def __init__(self) -> None:
        self._module = FeatureMlp().eval()

    def write(self, repository: Path) -> None:
        """Scripts it into a model repository, as version 1."""
        folder = repository / feature_row.NAME
        feature_row.write_model_folder(folder)
        with warnings.catch_warnings():
            # torch says of `script` and `save` that `torch.export` is to be preferred.
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.jit.script(self._module).save(str(folder / "1" / "model.pt"))
        self._program = reference.Model.load(folder)

    def work(self, questions: int, rows: int = 1) -> Work:
        """Predict with so many rows a request, as examples; after `write`."""
        requests = [feature_row.examples_request(rows, seed) for seed in range(questions)]
        return Work(f"features-{rows}", METHOD, rows, [self._question(request) for request in requests])

    def columns_work(self, questions: int, rows: int) -> Work:
        """The same rows, as columns."""
        requests = [feature_row.columns_request(rows, seed) for seed in range(questions)]
        made = [self._question(request) for request in requests]
        return Work(f"features-{rows}-columns", METHOD, rows, made)

    def _question(self, request: bytes) -> Question:
        parsed = prediction_pb2.PredictRequest.FromString(request)
        tensors = [torch.from_numpy(tensor.array) for tensor in reference.transform(self._program, parsed)]
        with torch.inference_mode():
            scores = self._module(*tensors).numpy()
        return Question(request, scores, _answer(scores), _decoded)


def _answer(scores: NDArray[np.float32]) -> bytes:
    response = prediction_pb2.PredictResponse(model_name=feature_row.NAME, model_version="1")
    output = response.outputs.add(name="score", shape=scores.shape)
    output.floats.value.extend(scores)
    return response.SerializeToString()


def _decoded(response: bytes) -> dict[str, NDArray[Any]]:
    parsed = prediction_pb2.PredictResponse.FromString(response)
    return {
        output.name: np.array(output.floats.value, np.float32).reshape(tuple(output.shape))
        for output in parsed.outputs
    }
