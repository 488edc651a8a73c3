"""The recommender of the benchmarks, as DLRM is built: [rows, 13] floats and [rows, 26] ids → [rows, 1] score.

One table embeds the ids of all 26 features, a bottom MLP the floats; the dots of each two of these 27 vectors go,
beside the bottom vector itself, into a top MLP. Its weights are random: what it costs is what is measured.
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
FLOATS = 13
IDS = 26
TABLE_ROWS = 1_000_000
_WIDTH = 16
_VECTORS = IDS + 1

TOML = f"""\
[[input]]
name = "dense"
datatype = "FP32"
dims = [{FLOATS}]

[[input]]
name = "ids"
datatype = "INT64"
dims = [{IDS}]

[[output]]
name = "score"
datatype = "FP32"
dims = [1]
"""


class Recommender(nn.Module):
    """Ids are rows of the table, below TABLE_ROWS."""

    def __init__(self, table_rows: int = TABLE_ROWS) -> None:
        super().__init__()
        self.table = nn.Embedding(table_rows, _WIDTH)
        self.bottom = nn.Sequential(nn.Linear(FLOATS, 64), nn.ReLU(), nn.Linear(64, _WIDTH), nn.ReLU())
        pairs = torch.triu_indices(_VECTORS, _VECTORS, offset=1)
        self.pairs: torch.Tensor
        # Where the dot of each two vectors lies in the flattened [27, 27] product.
        self.register_buffer("pairs", pairs[0] * _VECTORS + pairs[1])
        self.top = nn.Sequential(
            *(nn.Linear(_WIDTH + pairs.shape[1], 64), nn.ReLU()),
            *(nn.Linear(64, 1), nn.Sigmoid()),
        )

    def forward(self, dense: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Dense [rows, 13] and ids [rows, 26] to [rows, 1]."""
        bottom = self.bottom(dense)
        vectors = torch.cat([bottom.unsqueeze(1), self.table(ids)], dim=1)
        dots = torch.bmm(vectors, vectors.transpose(1, 2)).flatten(1).index_select(1, self.pairs)
        scores: torch.Tensor = self.top(torch.cat([bottom, dots], dim=1))
        return scores


def recommender(table_rows: int = TABLE_ROWS) -> Recommender:
    """With the same weights every time."""
    torch.manual_seed(IDS)
    return Recommender(table_rows).eval()


class RecModel:
    """The model, run directly."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self._module = recommender()

    def write(self, repository: Path) -> None:
        """Scripts it into a model repository, as version 1."""
        write_model(repository, NAME, 1, self._module, TOML)

    def work(self, rows: int, questions: int) -> Work:
        """ModelInfer with so many rows a request."""
        return Work(f"{NAME}-{rows}", METHOD, rows, [self._question(rows, seed) for seed in range(questions)])

    def _question(self, rows: int, seed: int) -> Question:
        random = np.random.default_rng(seed)
        dense = random.standard_normal((rows, FLOATS), np.float32)
        ids = random.integers(TABLE_ROWS, size=(rows, IDS))
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
