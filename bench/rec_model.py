"""The recommender of the benchmarks, as DLRM is built: [rows, 13] floats and [rows, 26] ids → [rows, 1] score.

One table embeds the ids of all 26 features, a bottom MLP the floats; the dots of each two of these 27 vectors go,
beside the bottom vector itself, into a top MLP. Its weights are random: what it costs is what is measured.
"""

from __future__ import annotations

import torch
from torch import nn

NAME = "rec"
FLOATS = 13
IDS = 26
TABLE_ROWS = 1_000_000
_WIDTH = 16
_VECTORS = IDS + 1

TOML = f"""\
[[input]]
name = "dense"
datatype = "FP32"
dims = [{FLOATS}]

[[input]]
name = "ids"
datatype = "INT64"
dims = [{IDS}]

[[output]]
name = "score"
datatype = "FP32"
dims = [1]
"""


class Recommender(nn.Module):
    """Ids are rows of the table, below TABLE_ROWS."""

    def __init__(self, table_rows: int = TABLE_ROWS) -> None:
        super().__init__()
        self.table = nn.Embedding(table_rows, _WIDTH)
        self.bottom = nn.Sequential(nn.Linear(FLOATS, 64), nn.ReLU(), nn.Linear(64, _WIDTH), nn.ReLU())
        pairs = torch.triu_indices(_VECTORS, _VECTORS, offset=1)
        self.pairs: torch.Tensor
        # Where the dot of each two vectors lies in the flattened [27, 27] product.
        self.register_buffer("pairs", pairs[0] * _VECTORS + pairs[1])
        self.top = nn.Sequential(
            *(nn.Linear(_WIDTH + pairs.shape[1], 64), nn.ReLU()),
            *(nn.Linear(64, 1), nn.Sigmoid()),
        )

    def forward(self, dense: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Dense [rows, 13] and ids [rows, 26] to [rows, 1]."""
        bottom = self.bottom(dense)
        vectors = torch.cat([bottom.unsqueeze(1), self.table(ids)], dim=1)
        dots = torch.bmm(vectors, vectors.transpose(1, 2)).flatten(1).index_select(1, self.pairs)
        scores: torch.Tensor = self.top(torch.cat([bottom, dots], dim=1))
        return scores


def recommender(table_rows: int = TABLE_ROWS) -> Recommender:
    """With the same weights every time."""
    torch.manual_seed(IDS)
    return Recommender(table_rows).eval()
