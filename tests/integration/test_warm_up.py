"""What a version runs before it serves: requests of late, and those that it must answer."""

from __future__ import annotations

import json
from pathlib import Path

import grpc
import numpy as np
import pytest
import torch
from torch import nn

from penstock.pb import inference_pb2 as oip
from tests import models
from tests.contract.tensors import raw_request
from tests.server_process import ServerProcess

TOML = """
[batching]
max_batch_rows = 4

[[input]]
name = "x"
datatype = "FP32"
dims = [2]

[[output]]
name = "y"
datatype = "FP32"
dims = []
"""


class Plain(nn.Module):
    """The sum of a row."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum(1)


class NeverZero(nn.Module):
    """The same; a row of zeros, which warm-up has unless it knows better, raises."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if bool((x == 0).all(1).any()):
            raise ValueError("a row of zeros")
        return x.sum(1)


class NeverSeven(nn.Module):
    """The same; a row that begins with 7 raises."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if bool((x[:, 0] == 7).any()):
            raise ValueError("a seven")
        return x.sum(1)


def load(server: ServerProcess) -> None:
    server.inference.RepositoryModelLoad(oip.RepositoryModelLoadRequest(model_name="sum"), timeout=60)


def refusal(server: ServerProcess) -> str:
    with pytest.raises(grpc.RpcError) as caught:
        load(server)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    return str(caught.value.details())


def serving(server: ServerProcess) -> str:
    request = raw_request("sum", ("x", "FP32", np.array([[1.0, 2.0]])))
    return str(server.inference.ModelInfer(request, timeout=60).model_version)


def body(*rows: list[float]) -> str:
    tensor = {"name": "x", "datatype": "FP32", "shape": [len(rows), 2], "data": rows}
    return json.dumps({"inputs": [tensor]}) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return models.write_model(tmp_path, "sum", 1, Plain(), TOML)


def test_a_version_warms_up_on_requests_that_its_model_had_of_late(folder: Path) -> None:
    with ServerProcess(folder.parent, "--model-control", "explicit", "--load-models", "*") as server:
        models.write_model(folder.parent, "sum", 2, NeverZero(), TOML)
        assert "does not warm up: ValueError: a row of zeros" in refusal(server)
        assert serving(server) == "1"
        load(server)
        assert serving(server) == "2"


def test_a_version_serves_only_once_it_has_answered_its_own_requests(folder: Path) -> None:
    (folder / "warmup.jsonl").write_text(body([1, 2]) + "\n" + body([3, 4], [7, 8]))
    with ServerProcess(folder.parent, "--model-control", "explicit", "--load-models", "*") as server:
        models.write_model(folder.parent, "sum", 2, NeverSeven(), TOML)
        assert "does not warm up: request 2 of its warmup.jsonl: ValueError: a seven" in refusal(server)
        assert serving(server) == "1"
        (folder / "2" / "warmup.jsonl").write_text(body([5, 6]))
        load(server)
        assert serving(server) == "2"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("no JSON\n", "request 1 of its warmup.jsonl: "),
        (body([1, 2]) + '{"rows": [{"amount": 1}]}\n', "request 2 of its warmup.jsonl: "),
        (body([1, 2], [3, 4], [5, 6], [7, 8], [9, 10]), "request 1 of its warmup.jsonl: "),
    ],
)
def test_a_request_that_the_model_cannot_have_is_named(line: str, sentence: str, folder: Path) -> None:
    (folder / "1" / "warmup.jsonl").write_text(line)
    with ServerProcess(folder.parent, "--model-control", "explicit") as server:
        assert sentence in refusal(server)
