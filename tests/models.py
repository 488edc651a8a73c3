"""Tiny TorchScript models, each scripted into a model repository with its model.toml.

Every function writes `repo/<name>/model.toml` and `repo/<name>/<version>/model.pt` and gives the
model's folder.
"""

from __future__ import annotations

import textwrap
import warnings
from pathlib import Path

import torch
from torch import nn

from tests.gate import Gate

# Datatypes of the Open Inference Protocol that a TorchScript model can take.
TORCH_DTYPES = {
    "FP64": torch.float64,
    "FP32": torch.float32,
    "FP16": torch.float16,
    "BF16": torch.bfloat16,
    "INT64": torch.int64,
    "INT32": torch.int32,
    "INT16": torch.int16,
    "INT8": torch.int8,
    "UINT64": torch.uint64,
    "UINT32": torch.uint32,
    "UINT16": torch.uint16,
    "UINT8": torch.uint8,
    "BOOL": torch.bool,
}

FEATURES_TOML = """
description = "every kind of tensor that a feature can fill"

[batching]
max_batch_rows = 64

[[feature]]
name = "amount"
type = "float"
missing = 0.0
ops = [{ clip = { min = 0.0 } }, { log1p = {} }]
to = "dense"

[[feature]]
name = "time"
type = "timestamp"
ops = [{ hour = {} }]
to = "dense"

[[feature]]
name = "merchant"
type = "string"
missing = ""
ops = [{ hash = { buckets = 1000 } }]
to = "ids"

[[feature]]
name = "country"
type = "string"
missing = ""
ops = [{ vocab = { file = "countries.txt", oov_buckets = 2 } }]
to = "ids"

[[feature]]
name = "recent"
type = "int"
list = { max = 4, keep = "last", pad = 0 }
ops = [{ hash = { buckets = 100 } }]
to = "recent"

[[feature]]
name = "history"
type = "int"
list = { jagged = true, max = 8 }
ops = [{ hash = { buckets = 100 } }]
to = "history"

[[cross]]
features = ["merchant", "country"]
hash = { buckets = 50 }
to = "ids"

[[input]]
name = "dense"
datatype = "FP32"

[[input]]
name = "ids"
datatype = "INT64"

[[input]]
name = "recent"
datatype = "INT64"

[[input]]
name = "history"
datatype = "INT64"

[[input]]
name = "history_offsets"
datatype = "INT64"
offsets_of = "history"

[[output]]
name = "score"
datatype = "FP32"
dims = []

[[output]]
name = "history_length"
datatype = "INT64"
dims = []
"""
COUNTRIES = ("AT", "DE", "FR", "IT")


class Mlp(nn.Module):
    """[rows, 32] → [rows], with the same weights every time."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(7)
        self.hidden = nn.Parameter(torch.randn(32, 16, generator=generator))
        self.out = nn.Parameter(torch.randn(16, generator=generator))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(torch.relu(x @ self.hidden) @ self.out)


class Features(nn.Module):
    """Scores from every input; the second output is the length of each row's jagged list."""

    def forward(
        self,
        dense: torch.Tensor,
        ids: torch.Tensor,
        recent: torch.Tensor,
        history: torch.Tensor,
        history_offsets: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        lengths = history_offsets[1:] - history_offsets[:-1]
        sums = torch.zeros(dense.size(0), dtype=torch.int64)
        rows = torch.repeat_interleave(torch.arange(dense.size(0)), lengths)
        sums = sums.index_add(0, rows, history)
        score = dense.sum(dim=1) + ids.sum(dim=1).float() + recent.sum(dim=1).float() + sums.float()
        return score, lengths


class RaisesOnNegative(nn.Module):
    """Gives x; raises when any value of the batch is negative."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if bool((x < 0).any()):
            raise ValueError("a secret of the model: negative value")
        return x


class Gated(nn.Module):
    """Gives x. A run that begins while the gate is closed computes until it is open: TorchScript cannot sleep."""

    def __init__(self, gate: Path) -> None:
        super().__init__()
        self.gate = str(gate)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate = torch.from_file(self.gate, shared=True, size=x.size(0), dtype=torch.uint8)
        # Written to, and part of the answer, so that no optimisation looks at the gate only once.
        seen = torch.zeros_like(gate)
        while not bool(seen.copy_(gate).any()):
            pass
        return x * seen[0]


class BadOutput(nn.Module):
    """Gives x; three rows lose one, so that the model warms up and is wrong later."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.size(0) == 3:
            return x[1:]
        return x


class Echo(nn.Module):
    """Gives its input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def write_mlp(repo: Path, name: str = "mlp", version: int = 1) -> Path:
    """FP32 `x` [32] → FP32 `score`."""
    return write_model(repo, name, version, Mlp(), _toml("FP32", "[32]", output="score", output_dims="[]"))


def write_features(repo: Path, name: str = "features", version: int = 1) -> Path:
    """A feature program with dense columns, a timestamp, hash, vocabulary, cross, padded and jagged lists."""
    folder = write_model(repo, name, version, Features(), FEATURES_TOML)
    (folder / str(version) / "countries.txt").write_text("\n".join(COUNTRIES) + "\n")
    return folder


def write_raises(repo: Path, name: str = "raises") -> Path:
    """FP32 `x` [] → FP32 `y`, the same; a batch with a negative value raises."""
    return write_model(repo, name, 1, RaisesOnNegative(), _toml("FP32", "[]"))


def write_gated(
    repo: Path, gate: Gate, name: str = "gated", max_batch_rows: int = 1, queue_capacity_rows: int = 16_384
) -> Path:
    """FP32 `x` [] → FP32 `y`, the same; its runs, those of its warm-up too, wait for the gate."""
    toml = (
        f"[batching]\nmax_batch_rows = {max_batch_rows}\nqueue_capacity_rows = {queue_capacity_rows}\n"
        + _toml("FP32", "[]")
    )
    return write_model(repo, name, 1, Gated(gate.path), toml)


def write_bad_output(repo: Path, name: str = "bad_output") -> Path:
    """FP32 `x` [] → FP32 `y`; a batch of three rows gets two back, every other size is right."""
    return write_model(repo, name, 1, BadOutput(), _toml("FP32", "[]"))


def write_echo(repo: Path, datatype: str = "FP32", name: str = "echo", dims: str = "[-1]") -> Path:
    """`x` → `y`, the same values in the same datatype and shape."""
    return write_model(repo, name, 1, Echo(), _toml(datatype, dims, output_dims=dims))


def _toml(datatype: str, dims: str, *, output: str = "y", output_dims: str = "[]") -> str:
    return textwrap.dedent(f"""\
        [[input]]
        name = "x"
        datatype = "{datatype}"
        dims = {dims}

        [[output]]
        name = "{output}"
        datatype = "{datatype}"
        dims = {output_dims}
        """)


def write_model(repo: Path, name: str, version: int, module: nn.Module, toml: str) -> Path:
    """Any model; the others of this file are written by it."""
    folder = repo / name
    (folder / str(version)).mkdir(parents=True)
    (folder / "model.toml").write_text(toml)
    with warnings.catch_warnings():
        # torch says of `script` and `save` that `torch.export` is to be preferred.
        warnings.filterwarnings("ignore", r"`torch\.jit\.(script|save)` is deprecated", DeprecationWarning)
        torch.jit.script(module).save(str(folder / str(version) / "model.pt"))
    return folder
