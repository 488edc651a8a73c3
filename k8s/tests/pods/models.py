"""Two releases of a model that differ in their answers.

`python -m k8s.tests.pods.models FOLDER` writes FOLDER/v1 and FOLDER/v2.
"""

import sys
from pathlib import Path

import torch
from torch import nn

from tests import models

NAME = "times"
# What `x` comes back multiplied by.
FACTORS = {"v1": 2.0, "v2": 3.0}

TOML = """
[[input]]
name = "x"
datatype = "FP32"
dims = []

[[output]]
name = "y"
datatype = "FP32"
dims = []
"""


class Times(nn.Module):
    """Gives x by a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor


def write(folder: Path) -> None:
    for version, (release, factor) in enumerate(FACTORS.items(), 1):
        if not (folder / release).exists():
            models.write_model(folder / release, NAME, version, Times(factor), TOML)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
