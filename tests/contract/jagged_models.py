"""Models whose lists are jagged: torch's EmbeddingBag, and the arguments of torchrec's KeyedJaggedTensor.

| model | takes | gives |
| --- | --- | --- |
| `bag` | items, weighed, offsets without the last | pooled FP32 [3] |
| `keyed` | films and genres in one tensor, weighed, with lengths and offsets | pooled FP32 [4], lengths INT64 [2] |
"""

from pathlib import Path

import torch
from torch import nn

from tests import models

OUTPUT = """
[[output]]
name = "pooled"
datatype = "FP32"
dims = [{width}]
"""

BAG = """
[[input]]
name = "items"
datatype = "INT64"

[[input]]
name = "offsets"
datatype = "INT64"
offsets_of = "items"
include_last = false

[[input]]
name = "weights"
datatype = "FP32"
weights_of = "items"

[[feature]]
name = "items"
type = "int"
list = { jagged = true, max = 4 }
ops = [{ identity = { size = 20 } }]
to = "items"

[[feature]]
name = "scores"
type = "float"
list = { jagged = true, max = 4 }
to = "weights"
""" + OUTPUT.format(width=3)

KEYED = (
    """
[[input]]
name = "values"
datatype = "INT64"

[[input]]
name = "weights"
datatype = "FP32"
weights_of = "values"

[[input]]
name = "lengths"
datatype = "INT32"
lengths_of = "values"

[[input]]
name = "offsets"
datatype = "INT64"
offsets_of = "values"

[[feature]]
name = "films"
type = "int"
list = { jagged = true }
ops = [{ identity = { size = 20 } }]
to = "values"

[[feature]]
name = "genres"
type = "string"
list = { jagged = true, max = 2, keep = "first" }
ops = [{ vocab = { values = ["drama", "comedy", "crime"], oov_buckets = 1 } }]
to = "values"

[[feature]]
name = "film_scores"
type = "float"
list = { jagged = true }
to = "weights"

[[feature]]
name = "genre_scores"
type = "float"
list = { jagged = true, max = 2, keep = "first" }
to = "weights"
"""
    + OUTPUT.format(width=4)
    + '[[output]]\nname = "lengths"\ndatatype = "INT64"\ndims = [2]\n'
)
GENRES = {"drama": 0, "comedy": 1, "crime": 2}


def _table(rows: int, width: int, *, include_last_offset: bool) -> nn.EmbeddingBag:
    generator = torch.Generator().manual_seed(rows)
    table = nn.EmbeddingBag(rows, width, mode="sum", include_last_offset=include_last_offset)
    table.weight = nn.Parameter(torch.randn(rows, width, generator=generator))
    return table


class Bag(nn.Module):
    """The weighed sum of each row's items, [rows, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.items = _table(20, 3, include_last_offset=False)

    def forward(self, items: torch.Tensor, offsets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        return self.items(items, offsets, weights)


class Keyed(nn.Module):
    """An embedding bag a key over the tensors of a KeyedJaggedTensor: [rows, 4], and the lengths by row."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = nn.ModuleList([_table(rows, 2, include_last_offset=True) for rows in (20, 4)])

    def forward(
        self, values: torch.Tensor, weights: torch.Tensor, lengths: torch.Tensor, offsets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        rows = lengths.size(0) // 2
        pooled = []
        for key, table in enumerate(self.tables):
            ends = offsets[key * rows : (key + 1) * rows + 1]
            first, last = int(ends[0]), int(ends[-1])
            pooled.append(table(values[first:last], ends - first, weights[first:last]))
        return torch.cat(pooled, 1), lengths.view(2, rows).t().long().contiguous()


def write(repository: Path) -> None:
    """Writes every model of this file."""
    models.write_model(repository, "bag", 1, Bag(), BAG)
    models.write_model(repository, "keyed", 1, Keyed(), KEYED)
