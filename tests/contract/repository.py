"""The models that the contract tests call, as TorchScript written to a repository.

| model | takes | gives |
| --- | --- | --- |
| `pair` | x FP32 [4], at most MAX_BATCH_ROWS rows | sum FP32 [], both FP32 [2] |
| `echo_fp32`, … one a datatype | x [3] | y [3], the same |
| `features` | the features of FEATURES, as many rows | the tensors they became, score FP32 [] |
| `operations` | the features of fastpath/tests/models/operations.toml | the tensors they became |
"""

from pathlib import Path

import torch
from torch import nn

from tests import models
from tests.contract import jagged_models, ranking_models, strict_model

DATATYPES = tuple(models.TORCH_DTYPES)
MAX_BATCH_ROWS = 8
BATCHING = f"[batching]\nmax_batch_rows = {MAX_BATCH_ROWS}\n"

PAIR = """
[[input]]
name = "x"
datatype = "FP32"
dims = [4]

[[output]]
name = "sum"
datatype = "FP32"
dims = []

[[output]]
name = "both"
datatype = "FP32"
dims = [2]
"""

FEATURES = """
[[input]]
name = "dense"
datatype = "FP32"

[[input]]
name = "ids"
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
name = "dense"
datatype = "FP32"
dims = [4]

[[output]]
name = "ids"
datatype = "INT64"
dims = [6]

[[output]]
name = "history_sum"
datatype = "INT64"
dims = []

[[feature]]
name = "amount"
type = "float"
ops = [{ clip = { min = 0.0 } }, { standardize = { mean = 3.0, std = 2.0 } }]
to = "dense"

[[feature]]
name = "age"
type = "float"
missing = 40.0
to = "dense"

[[feature]]
name = "weekend"
type = "bool"
missing = false
to = "dense"

[[feature]]
name = "balance"
type = "float"
missing = 0.0
ops = [{ min_max = { min = 0.0, max = 8.0 } }]
to = "dense"

[[feature]]
name = "merchant"
type = "string"
ops = [{ hash = { buckets = 100_000 } }]
to = "ids"

[[feature]]
name = "token"
type = "bytes"
missing = ""
ops = [{ hash = { buckets = 1000, function = "xxh3_64", seed = 7 } }]
to = "ids"

[[feature]]
name = "country"
type = "string"
missing = "CH"
ops = [{ vocab = { values = ["CH", "DE", "FR"], oov_buckets = 4 } }]
to = "ids"

[[feature]]
name = "items"
type = "int"
list = { max = 3, pad = -1 }
to = "ids"

[[feature]]
name = "history"
type = "int"
list = { jagged = true, max = 5 }
to = "history"
"""


_OPERATIONS_FILE = Path(__file__).parents[2] / "fastpath" / "tests" / "models" / "operations.toml"
_SCORE = '[[output]]\nname = "score"\ndatatype = "FP32"\n'
# In the order of Operations' results.
OPERATIONS_OUTPUTS = {
    "dense": ("FP32", [-1]),
    "counts": ("INT64", [-1]),
    "recent": ("BF16", [4]),
    "recent_lengths": ("INT32", []),
    "recent_mask": ("BOOL", [4]),
    "history_lengths": ("INT64", []),
    "history_sum": ("INT64", []),
}


class Pair(nn.Module):
    """The sum of a row, and a row's sum beside its negative."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        total = x.sum(1)
        return total, torch.stack([total, -total], 1)


class Features(nn.Module):
    """What it was given; a jagged list as its sum a row."""

    def forward(
        self, dense: torch.Tensor, ids: torch.Tensor, history: torch.Tensor, history_offsets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        cumulative = torch.cat([torch.zeros(1, dtype=history.dtype), history.cumsum(0)])
        sums = cumulative[history_offsets[1:]] - cumulative[history_offsets[:-1]]
        return dense.sum(1), dense.clone(), ids.clone(), sums


class Operations(nn.Module):
    """What it was given; a jagged list as each row's length and sum."""

    def forward(  # noqa: PLR0917 - one an input
        self,
        dense: torch.Tensor,
        counts: torch.Tensor,
        recent: torch.Tensor,
        recent_lengths: torch.Tensor,
        recent_mask: torch.Tensor,
        history: torch.Tensor,
        history_offsets: torch.Tensor,
    ) -> tuple[
        torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor
    ]:
        history = history.to(torch.int64)
        cumulative = torch.cat([torch.zeros(1, dtype=torch.int64), history.cumsum(0)])
        sums = cumulative[history_offsets[1:]] - cumulative[history_offsets[:-1]]
        lengths = history_offsets[1:] - history_offsets[:-1]
        given = dense.clone(), counts.clone(), recent.clone(), recent_lengths.clone(), recent_mask.clone()
        return given[0], given[1], given[2], given[3], given[4], lengths, sums


def _operations_toml() -> str:
    text = _OPERATIONS_FILE.read_text(encoding="utf-8")
    assert _SCORE in text
    outputs = (
        f'[[output]]\nname = "{name}"\ndatatype = "{datatype}"\ndims = {dims}\n'
        for name, (datatype, dims) in OPERATIONS_OUTPUTS.items()
    )
    return BATCHING + text.replace(_SCORE, "\n".join(outputs))


def write(repository: Path) -> Path:
    """Writes every model of this file."""
    models.write_model(repository, "pair", 1, Pair(), BATCHING + PAIR)
    models.write_model(repository, "features", 1, Features(), BATCHING + FEATURES)
    jagged_models.write(repository)
    ranking_models.write(repository)
    strict_model.write(repository)
    models.write_model(repository, "operations", 1, Operations(), _operations_toml())
    for datatype in DATATYPES:
        models.write_echo(repository, datatype, f"echo_{datatype.lower()}", "[3]")
    return repository
