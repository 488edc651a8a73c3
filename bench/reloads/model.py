"""A model of a few hundred megabytes whose answers tell which version they are from, and a small one beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from penstock.infer_tensors import encode_infer_request
from penstock.pb import inference_pb2
from tests.models import write_model

METHOD = "/inference.GRPCInferenceService/ModelInfer"
LARGE, SMALL = "large", "small"
# They take turns; each has weights of its own.
VERSIONS = (1, 2)
FEATURES = 32
_WIDTH = 64
_FLOAT_BYTES = 4

_TENSORS = f"""
[[input]]
name = "x"
datatype = "FP32"
dims = [{FEATURES}]

[[output]]
name = "version"
datatype = "INT64"
dims = []

[[output]]
name = "score"
datatype = "FP32"
dims = []
"""


class Numbered(nn.Module):
    """[rows, 32] → its number for each row, and a score from a table of `table_bytes`."""

    def __init__(self, number: int, table_bytes: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(number)
        self.number = number
        self.places = max(1, table_bytes // (_WIDTH * _FLOAT_BYTES))
        self.table = nn.Parameter(torch.randn(self.places, _WIDTH, generator=generator))
        self.hidden = nn.Parameter(torch.randn(FEATURES, _WIDTH, generator=generator))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Version and score."""
        place = (x[:, 0].abs() * 1e6).long() % self.places
        score = torch.sigmoid((torch.relu(x @ self.hidden) * self.table[place]).sum(1))
        return torch.full((x.size(0),), self.number, dtype=torch.int64), score


def write(repository: Path, megabytes: int) -> None:
    """Both models; of the large one both versions, the first wanted."""
    write_model(repository, SMALL, 1, Numbered(1, 0), _TENSORS)
    for version in VERSIONS:
        write_model(repository, LARGE, version, Numbered(version, megabytes * 10**6), _TENSORS)
    want(repository, VERSIONS[0])


def want(repository: Path, version: int) -> None:
    """Which version of the large model is to serve once it is loaded the next time."""
    policy = f"[versions]\npolicy = {{ specific = [{version}] }}\n"
    (repository / LARGE / "model.toml").write_text(policy + _TENSORS)


def request(model: str, version: str = "") -> bytes:
    """One row."""
    row = np.random.default_rng(7).standard_normal((1, FEATURES), np.float32)
    return encode_infer_request(model, version, "", {"x": row}, ())


def version_of(answer: inference_pb2.ModelInferResponse) -> tuple[int, int]:
    """The version that the answer says it is from, and the one that its content proves."""
    content: NDArray[np.int64] = np.frombuffer(answer.raw_output_contents[0], np.int64)
    return int(answer.model_version), int(content[0])
