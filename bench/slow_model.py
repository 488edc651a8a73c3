"""A model that takes its time, so that calls pile up in front of it; its answers are its inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.fraud_model import FEATURES, METHOD
from bench.question import Question, Work
from penstock.infer_tensors import decode_outputs, encode_infer_request
from penstock.pb import inference_pb2
from tests.models import Slow, write_model

_NAME = "slow"
# About 2,500 calls a second: 10,000 in flight stay that many for seconds.
_BATCH_MS = 25
_TOML = f"""\
[batching]
max_batch_rows = 64
queue_capacity_rows = 20_000

[[input]]
name = "x"
datatype = "FP32"
dims = [{FEATURES}]

[[output]]
name = "score"
datatype = "FP32"
dims = [{FEATURES}]
"""


class SlowModel:
    """Written into a model repository, as version 1."""

    def __init__(self, repository: Path) -> None:
        self.repository = repository
        write_model(repository, _NAME, 1, Slow(_BATCH_MS), _TOML)

    def work(self) -> Work:
        """One question of the fraud scorer's size."""
        values = np.random.default_rng(1).standard_normal((1, FEATURES), np.float32)
        request = encode_infer_request(_NAME, "", "", {"x": values}, ())
        return Work(_NAME, METHOD, 1, [Question(request, values, b"", _decoded)])


def _decoded(response: bytes) -> dict[str, NDArray[Any]]:
    return decode_outputs(inference_pb2.ModelInferResponse.FromString(response))
