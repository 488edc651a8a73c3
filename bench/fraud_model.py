"""The fraud scorer of the door benchmarks: an MLP 32-64-32-1 with a sigmoid, its requests, and its answers.

Its weights are random: what it costs is what is measured.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench.question import Question, Work
from penstock.infer_tensors import decode_outputs, encode_infer_request
from penstock.pb import inference_pb2
from tests.models import write_model

METHOD = "/inference.GRPCInferenceService/ModelInfer"
NAME = "fraud"
FEATURES = 32

TOML = f"""\
[[input]]
name = "x"
datatype = "FP32"
dims = [{FEATURES}]

[[output]]
name = "score"
datatype = "FP32"
dims = [1]
"""


def mlp() -> nn.Sequential:
    """[rows, 32] → [rows, 1], with the same weights every time."""
    torch.manual_seed(FEATURES)
    return nn.Sequential(
        *(nn.Linear(FEATURES, 64), nn.ReLU()),
        *(nn.Linear(64, 32), nn.ReLU()),
        *(nn.Linear(32, 1), nn.Sigmoid()),
    ).eval()


class FraudModel:
    """The model, run directly."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self._module = mlp()

    def write(self, repository: Path) -> Path:
        """Scripts it into a model repository, as version 1; gives the TorchScript file."""
        return write_model(repository, NAME, 1, self._module, TOML) / "1" / "model.pt"

    def work(self, rows: int, questions: int) -> Work:
        """ModelInfer with so many rows a request."""
        return Work(f"{NAME}-{rows}", METHOD, rows, [self._question(rows, seed) for seed in range(questions)])

    def _question(self, rows: int, seed: int) -> Question:
        values = np.random.default_rng(seed).standard_normal((rows, FEATURES), np.float32)
        with torch.inference_mode():
            scores = self._module(torch.from_numpy(values)).numpy()
        request = encode_infer_request(NAME, "", "", {"x": values}, ())
        return Question(request, scores, _answer(scores), _decoded)


def _answer(scores: NDArray[np.float32]) -> bytes:
    response = inference_pb2.ModelInferResponse(model_name=NAME, model_version="1")
    response.outputs.add(name="score", datatype="FP32", shape=scores.shape)
    response.raw_output_contents.append(scores.tobytes())
    return response.SerializeToString()


def _decoded(response: bytes) -> dict[str, NDArray[Any]]:
    return decode_outputs(inference_pb2.ModelInferResponse.FromString(response))
