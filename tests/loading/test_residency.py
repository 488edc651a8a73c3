"""A model's weights are in memory once, however many instances it has, and gone when it is unloaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from tests import models

MB = 1_000_000
# What else a process grows by: code, threads' stacks, a run's tensors.
_SPARE = 0.10
_TOML = """
[batching]
max_batch_rows = 2

[instances]
count = {count}

[[input]]
name = "x"
datatype = "FP32"
dims = [16]

[[output]]
name = "y"
datatype = "FP32"
dims = [16]
"""


class Tables(nn.Module):
    """Three tables of a third of the size each."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__()
        rows = size_bytes // (3 * 16 * 4)
        self.tables = nn.ModuleList([nn.Embedding(rows, 16) for _ in range(3)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ids = x[:, 0].long()
        for table in self.tables:
            x = x + table(ids)
        return x


def resident(folder: Path, size_bytes: int, count: int) -> dict[str, int]:
    model = models.write_model(folder, "large", 1, Tables(size_bytes), _TOML.format(count=count))
    small = models.write_model(folder, "small", 1, Tables(MB), _TOML.format(count=count))
    spare = str(int(size_bytes * _SPARE))
    command = [sys.executable, "-m", "tests.loading.residency", str(model), str(small), spare]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("count", [1, 2])
def test_a_model_of_300_mb_takes_that_once_and_gives_it_back(tmp_path: Path, count: int) -> None:
    size = 300 * MB
    found = resident(tmp_path, size, count)
    taken, kept, most = (found[name] - found["before"] for name in ("loaded", "after", "peak"))
    assert size * 0.95 <= taken <= size * (1 + _SPARE)
    assert most <= size * (1 + _SPARE)
    assert kept <= size * _SPARE
