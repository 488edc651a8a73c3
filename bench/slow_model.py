"""A model that takes seconds for a batch of any size, so that calls pile up behind its first; it answers its inputs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench.fraud_model import FEATURES, METHOD
from bench.question import Question, Work
from penstock.infer_tensors import decode_outputs, encode_infer_request
from penstock.pb import inference_pb2
from tests.models import write_model

_NAME = "slow"
_TOML = f"""\
[batching]
max_batch_rows = 16_384

[[input]]
name = "x"
datatype = "FP32"
dims = [{FEATURES}]

[[output]]
name = "score"
datatype = "FP32"
dims = [{FEATURES}]
"""
_TRIAL_PRODUCTS = 10_000
_TRIALS = 5


class Slow(nn.Module):
    """Multiplies matrices as often as the largest first value of a row says: for the zeros of warm-up not once."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The rows that came in; TorchScript cannot sleep."""
        mean = torch.full((64, 64), 1.0 / 64.0)
        product = torch.ones(64, 64)
        for _ in range(int(x[:, 0].max())):
            product = product @ mean
        return x * product[0, 0]


class SlowModel:
    """Written into a model repository, as version 1."""

    def __init__(self, repository: Path) -> None:
        self.repository = repository
        write_model(repository, _NAME, 1, Slow(), _TOML)

    def work(self, batch_s: float) -> Work:
        """One question of the fraud scorer's size, whose batch takes about so many seconds."""
        values = np.zeros((1, FEATURES), np.float32)
        values[0, 0] = round(batch_s / _product_s())
        request = encode_infer_request(_NAME, "", "", {"x": values}, ())
        return Work(_NAME, METHOD, 1, [Question(request, values, _answer(values), _decoded)])


def _product_s() -> float:
    """The least that one product took: a batch that takes longer than asked for does no harm."""
    torch.set_num_threads(1)
    module = torch.jit.script(Slow())
    rows = torch.full((1, FEATURES), float(_TRIAL_PRODUCTS))
    taken_s = []
    for _ in range(_TRIALS):
        started = time.perf_counter()
        module(rows)
        taken_s.append(time.perf_counter() - started)
    return min(taken_s) / _TRIAL_PRODUCTS


def _answer(values: NDArray[np.float32]) -> bytes:
    response = inference_pb2.ModelInferResponse(model_name=_NAME, model_version="1")
    response.outputs.add(name="score", datatype="FP32", shape=values.shape)
    response.raw_output_contents.append(values.tobytes())
    return response.SerializeToString()


def _decoded(response: bytes) -> dict[str, NDArray[Any]]:
    return decode_outputs(inference_pb2.ModelInferResponse.FromString(response))
