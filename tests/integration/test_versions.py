"""Versions, labels and the canary of a repository: which are loaded, who answers, and how both follow the folders."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from penstock.pb import inference_pb2 as oip
from tests import models
from tests.contract.tensors import outputs, raw_request
from tests.server_process import ServerProcess

TENSORS = """
[[input]]
name = "x"
datatype = "FP32"
dims = [1]

[[output]]
name = "version"
datatype = "INT64"
dims = []
"""


class Numbered(nn.Module):
    """Its number, for each row."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.full((x.size(0),), self.number, dtype=torch.int64)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    for number in (1, 2, 3):
        models.write_model(tmp_path, "fraud", number, Numbered(number), TENSORS)
    return tmp_path


def say(repo: Path, sections: str) -> None:
    (repo / "fraud" / "model.toml").write_text(sections + TENSORS)


def ready(server: ServerProcess) -> list[str]:
    index = server.inference.RepositoryIndex(oip.RepositoryIndexRequest(ready=True), timeout=30)
    return [model.version for model in index.models]


def load(server: ServerProcess) -> None:
    server.inference.RepositoryModelLoad(oip.RepositoryModelLoadRequest(model_name="fraud"), timeout=60)


def answers(server: ServerProcess, version: str = "", calls: int = 40) -> Counter[int]:
    """Who answers so many calls; the answer says so twice."""
    met: Counter[int] = Counter()
    for _ in range(calls):
        request = raw_request("fraud", ("x", "FP32", np.zeros((1, 1))), model_version=version)
        response = server.inference.ModelInfer(request, timeout=30)
        (number,) = outputs(response)["version"]
        assert response.model_version == str(number)
        met[int(number)] += 1
    return met


@pytest.mark.parametrize(
    ("sections", "loaded"),
    [
        ("", ["3"]),
        ("[versions]\npolicy = { latest = 2 }\n", ["2", "3"]),
        ("[versions]\npolicy = { all = true }\n", ["1", "2", "3"]),
        ("[versions]\npolicy = { specific = [1, 3] }\n", ["1", "3"]),
        ("[versions]\nlabels = { stable = 1 }\n", ["1", "3"]),
    ],
)
def test_the_policy_says_which_versions_serve(sections: str, loaded: list[str], repo: Path) -> None:
    say(repo, sections)
    with ServerProcess(repo) as server:
        assert ready(server) == loaded
        request = oip.ModelMetadataRequest(name="fraud")
        assert list(server.inference.ModelMetadata(request, timeout=30).versions) == loaded
        url = f"http://127.0.0.1:{server.serving['http_port']}/v2/models/fraud"
        with urllib.request.urlopen(url, timeout=30) as answer:
            assert json.load(answer)["versions"] == loaded


def test_a_label_moves_once_its_version_serves_and_not_to_one_that_does_not_load(repo: Path) -> None:
    say(repo, "[versions]\npolicy = { specific = [1] }\nlabels = { stable = 1 }\n")
    with ServerProcess(repo, "--model-control", "explicit", "--load-models", "fraud") as server:
        assert answers(server) == answers(server, "stable") == Counter({1: 40})
        good = (repo / "fraud" / "3" / "model.pt").read_bytes()
        (repo / "fraud" / "3" / "model.pt").write_bytes(good[:1000])
        say(repo, "[versions]\npolicy = { specific = [3] }\nlabels = { stable = 3 }\n")
        with pytest.raises(Exception, match="could not be loaded"):
            load(server)
        assert answers(server) == Counter({1: 40})
        (repo / "fraud" / "3" / "model.pt").write_bytes(good)
        load(server)
        assert answers(server) == answers(server, "stable") == Counter({3: 40})
        assert ready(server) == ["3"]


def test_a_canary_of_the_file_gets_its_share_and_stays_loaded_while_it_is_named(repo: Path) -> None:
    say(repo, '[versions]\nlabels = { stable = 1 }\n[canary]\nversion = 2\nweight = "50%"\n')
    with ServerProcess(repo, "--model-control", "explicit", "--load-models", "fraud") as server:
        met = answers(server, calls=100)
        assert met.keys() == {1, 2}
        assert abs(met[2] - 50) <= 10
        say(repo, "[versions]\nlabels = { stable = 3 }\n")
        load(server)
        assert answers(server) == Counter({3: 40})
        assert ready(server) == ["3"]
