"""A recommendation model in the manner of DLRM: one embedding table for 26 ids, dot products of all pairs, two MLPs.

Its weights are random: what it costs is what is measured. The form is that of Naumov et al., "Deep Learning
Recommendation Model for Personalization and Recommendation Systems" (2019), with one table for all categories.
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
NAME = "rec"
_DENSE, _IDS = 13, 26
# 64 MB of FP32.
_TABLE_ROWS, _WIDTH = 1_000_000, 16
_VECTORS = _IDS + 1
_PAIRS = _VECTORS * (_VECTORS - 1) // 2

_TOML = f"""\
[[input]]
name = "dense"
datatype = "FP32"
dims = [{_DENSE}]

[[input]]
name = "ids"
datatype = "INT64"
dims = [{_IDS}]

[[output]]
name = "score"
datatype = "FP32"
dims = [1]
"""


class Dlrm(nn.Module):
    """dense FP32 [rows, 13], ids INT64 [rows, 26] below a million → [rows, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(_TABLE_ROWS, _WIDTH)
        self.bottom = nn.Sequential(nn.Linear(_DENSE, 64), nn.ReLU(), nn.Linear(64, _WIDTH), nn.ReLU())
        self.top = nn.Sequential(nn.Linear(_WIDTH + _PAIRS, 64), nn.ReLU(), nn.Linear(64, 1), nn.Sigmoid())
        # Where each pair's product lies in a row's matrix of products.
        first, second = torch.triu_indices(_VECTORS, _VECTORS, offset=1)
        self.pairs = nn.Buffer(first * _VECTORS + second)

    def forward(self, dense: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """The model's inputs, in the order of model.toml."""
        below = self.bottom(dense)
        vectors = torch.cat((below.unsqueeze(1), self.table(ids)), 1)
        products = torch.bmm(vectors, vectors.transpose(1, 2))
        scores: torch.Tensor = self.top(
            torch.cat((below, products.flatten(1).index_select(1, self.pairs)), 1)
        )
        return scores


class RecModel:
    """The model, run directly."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(_TABLE_ROWS)
        self._module = Dlrm().eval()

    def write(self, repository: Path) -> None:
        """Scripts it into a model repository, as version 1."""
        write_model(repository, NAME, 1, self._module, _TOML)

    def work(self, rows: int, questions: int) -> Work:
        """ModelInfer with so many rows a request."""
        return Work(f"{NAME}-{rows}", METHOD, rows, [self._question(rows, seed) for seed in range(questions)])

    def _question(self, rows: int, seed: int) -> Question:
        random = np.random.default_rng(seed)
        dense = random.standard_normal((rows, _DENSE), np.float32)
        ids = random.integers(_TABLE_ROWS, size=(rows, _IDS))
        with torch.inference_mode():
            scores = self._module(torch.from_numpy(dense), torch.from_numpy(ids)).numpy()
        request = encode_infer_request(NAME, "", "", {"dense": dense, "ids": ids}, ())
        return Question(request, scores, _answer(scores), _decoded)


def _answer(scores: NDArray[np.float32]) -> bytes:
    response = inference_pb2.ModelInferResponse(model_name=NAME, model_version="1")
    response.outputs.add(name="score", datatype="FP32", shape=scores.shape)
    response.raw_output_contents.append(scores.tobytes())
    return response.SerializeToString()


def _decoded(response: bytes) -> dict[str, NDArray[Any]]:
    return decode_outputs(inference_pb2.ModelInferResponse.FromString(response))
