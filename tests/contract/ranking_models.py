"""Models whose requests share values among their rows: a user, or the time.

| model | takes | gives |
| --- | --- | --- |
| `ranking` | a user once a request, the request of each row, items | score FP32 [], users INT64 []: rows of users |
| `ages` | ages in seconds until now, of a post and of a user, in FP64 | ages FP64 [2] |
"""

from pathlib import Path

import torch
from torch import nn

from tests import models

RANKING = """
[[input]]
name = "user"
datatype = "FP32"
per = "request"

[[input]]
name = "likes"
datatype = "INT64"
per = "request"

[[input]]
name = "likes_offsets"
datatype = "INT64"
offsets_of = "likes"

[[input]]
name = "request"
datatype = "INT64"
holds = "request_index"

[[input]]
name = "item"
datatype = "FP32"
dims = []

[[feature]]
name = "age"
type = "float"
missing = 40.0
to = "user"

[[feature]]
name = "country"
type = "string"
missing = "CH"
ops = [{ vocab = { values = ["CH", "DE"], oov_buckets = 1 } }]
to = "user"

[[feature]]
name = "likes"
type = "int"
list = { jagged = true, max = 3 }
to = "likes"

[[feature]]
name = "price"
type = "float"
to = "item"

[[output]]
name = "score"
datatype = "FP32"
dims = []

[[output]]
name = "users"
datatype = "INT64"
dims = []
"""

AGES = """
[[input]]
name = "ages"
datatype = "FP64"

[[feature]]
name = "now"
type = "timestamp"
unit = "ms"
missing = "now"

[[feature]]
name = "posted"
type = "timestamp"
ops = [{ age = { until = "now", unit = "s" } }]
to = "ages"

[[feature]]
name = "joined"
type = "timestamp"
unit = "ms"
missing = 0
ops = [{ age = { until = "now", unit = "s" } }]
to = "ages"

[[output]]
name = "ages"
datatype = "FP64"
dims = [2]
"""


class Ranking(nn.Module):
    """Thousands of a user's age, hundreds of its country, tens of the sum of its likes, and the item's price."""

    def forward(
        self,
        user: torch.Tensor,
        likes: torch.Tensor,
        likes_offsets: torch.Tensor,
        request: torch.Tensor,
        item: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        cumulative = torch.cat([torch.zeros(1, dtype=likes.dtype), likes.cumsum(0)])
        liked = cumulative[likes_offsets[1:]] - cumulative[likes_offsets[:-1]]
        tower = 1000.0 * user[:, 0] + 100.0 * user[:, 1] + 10.0 * liked
        return tower[request] + item, torch.full_like(request, user.size(0))


class Ages(nn.Module):
    """What it was given."""

    def forward(self, ages: torch.Tensor) -> torch.Tensor:
        return ages.clone()


def write(repository: Path) -> None:
    """Writes every model of this file."""
    models.write_model(repository, "ranking", 1, Ranking(), RANKING)
    models.write_model(repository, "ages", 1, Ages(), AGES)
