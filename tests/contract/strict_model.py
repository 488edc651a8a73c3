"""`strict`: a model with every way to refuse a value, and the rows that it takes.

It gives `dense` FP32 [3] (amount, active, ratio), `bucket` INT64 [] (of amount) and `others` FP64 [18]: what it was
given.
"""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from tests import models

MODEL = """
[[input]]
name = "dense"
datatype = "FP32"

[[input]]
name = "narrow"
datatype = "INT32"

[[input]]
name = "ids"
datatype = "INT64"

[[input]]
name = "vector"
datatype = "FP32"

[[input]]
name = "tags"
datatype = "INT64"

[[input]]
name = "tags_offsets"
datatype = "INT64"
offsets_of = "tags"

[[output]]
name = "dense"
datatype = "FP32"
dims = [3]

[[output]]
name = "bucket"
datatype = "INT64"
dims = []

[[output]]
name = "others"
datatype = "FP64"
dims = [18]

[[feature]]
name = "amount"
type = "float"
to = "dense"

[[feature]]
name = "amount"
type = "float"
ops = [{ bucketize = { boundaries = [0.0, 1.0] } }]
to = "ids"

[[feature]]
name = "active"
type = "bool"
to = "dense"

[[feature]]
name = "ratio"
type = "float"
missing = 0.5
to = "dense"

[[feature]]
name = "small"
type = "int"
missing = 0
to = "narrow"

[[feature]]
name = "seat"
type = "int"
missing = 0
ops = [{ identity = { size = 10 } }]
to = "ids"

[[feature]]
name = "country"
type = "string"
missing = "CH"
ops = [{ vocab = { values = ["CH", "DE"], oov_buckets = 0 } }]
to = "ids"

[[feature]]
name = "plan"
type = "int"
missing = 7
ops = [{ vocab = { values = [7, 8], oov_buckets = 0 } }]
to = "ids"

[[feature]]
name = "word"
type = "string"
missing = ""
ops = [{ hash = { buckets = 100 } }]
to = "ids"

[[feature]]
name = "blob"
type = "bytes"
missing = ""
ops = [{ hash = { buckets = 100 } }]
to = "ids"

[[feature]]
name = "items"
type = "int"
list = { max = 3 }
ops = [{ hash = { buckets = 100 } }]
to = "ids"

[[feature]]
name = "seats"
type = "int"
list = { max = 2, keep = "first" }
ops = [{ identity = { size = 10 } }]
to = "ids"

[[feature]]
name = "vector"
type = "float"
list = { length = 3 }
missing = [0.0, 0.0, 0.0]
to = "vector"

[[feature]]
name = "tags"
type = "string"
list = { jagged = true }
ops = [{ hash = { buckets = 100 } }]
to = "tags"

[[feature]]
name = "seen"
type = "timestamp"
missing = 0
ops = [{ hour = {} }]
to = "ids"

[[feature]]
name = "born"
type = "timestamp"
missing = 0
ops = [{ age = { until = "seen", unit = "d" } }, { bucketize = { boundaries = [0.5] } }, { identity = { size = 1 } }]
to = "ids"
"""

# Features that every row must have.
ROW: dict[str, list[Any]] = {"amount": [1.5], "active": [True]}


class Strict(nn.Module):
    """What it was given."""

    def forward(
        self,
        dense: torch.Tensor,
        narrow: torch.Tensor,
        ids: torch.Tensor,
        vector: torch.Tensor,
        tags: torch.Tensor,
        tags_offsets: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        cumulative = torch.cat([torch.zeros(1, dtype=tags.dtype), tags.cumsum(0)])
        tagged = cumulative[tags_offsets[1:]] - cumulative[tags_offsets[:-1]]
        others = torch.cat([narrow.double(), ids.double(), vector.double(), tagged[:, None].double()], 1)
        return dense.clone(), ids[:, 0].clone(), others


def write(repository: Path) -> None:
    """Writes the model."""
    models.write_model(repository, "strict", 1, Strict(), MODEL)
