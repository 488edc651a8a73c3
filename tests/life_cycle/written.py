"""Model versions as a deployment writes them: built beside the repository, then renamed into it.

Each gives x + `adds`, so that an answer shows by its content which version gave it.
"""

import functools
import hashlib
import io
import itertools
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

MAX_ROWS = 4
TOML = f"""\
[batching]
max_batch_rows = {MAX_ROWS}

[[input]]
name = "x"
datatype = "FP32"
dims = []

[[output]]
name = "y"
datatype = "FP32"
dims = []
"""
# What a model that raises says of itself: callers must never read it.
SECRET = "a secret of the model"
_staged = itertools.count()


class Adds(nn.Module):
    """x + adds; raises for a batch of `raises_on` rows."""

    adds: torch.Tensor
    raises_on: torch.Tensor
    ballast: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("adds", torch.zeros(()))
        self.register_buffer("raises_on", torch.zeros((), dtype=torch.int64))
        self.register_buffer("ballast", torch.zeros(0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.size(0) == int(self.raises_on):
            raise ValueError("a secret of the model")
        # Part of the answer, so that freezing keeps it; its elements are zeros.
        return x + self.adds + self.ballast.sum()


@functools.cache
def model_file(adds: int, *, raises_on: int = 0, ballast_bytes: int = 0) -> bytes:
    """A model.pt. `raises_on` rows fail, in the warm-up first; `ballast_bytes` of weights are all zero."""
    scripted = _scripted()
    scripted.adds.fill_(adds)
    scripted.raises_on.fill_(raises_on)
    scripted.ballast = torch.zeros(ballast_bytes // 4)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.save` is deprecated", DeprecationWarning)
        torch.jit.save(scripted, file)
    return file.getvalue()


@functools.cache
def _scripted() -> torch.jit.ScriptModule:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.script` is deprecated", DeprecationWarning)
        scripted: torch.jit.ScriptModule = torch.jit.script(Adds())
    return scripted


def write(
    repo: Path, name: str, number: int, content: bytes | None = None, files: dict[str, bytes] | None = None
) -> Path:
    """A version that appears whole, with a model that appears whole if it is the first; gives its folder.

    `content`: the model.pt, instead of one that adds `number`. `files`: what else is in the version's folder.
    """
    staging = repo.parent / f"staged-{next(_staged)}"
    version = staging / str(number)
    version.mkdir(parents=True)
    (version / "model.pt").write_bytes(model_file(number) if content is None else content)
    for file, text in (files or {}).items():
        (version / file).write_bytes(text)
    place = repo / name
    if place.exists():
        return version.rename(place / str(number))
    (staging / "model.toml").write_text(TOML)
    repo.mkdir(exist_ok=True)
    return staging.rename(place) / str(number)


def manifest(files: Mapping[str, bytes]) -> bytes:
    """As sha256sum writes it of files with these contents."""
    lines = [f"{hashlib.sha256(text).hexdigest()}  {name}\n" for name, text in files.items()]
    return "".join(lines).encode()


def new_number() -> int:
    """A number that was never given before."""
    return next(_staged)


def remove(folder: Path) -> None:
    """A version or a model that disappears whole."""
    folder.rename(_outside(folder) / f"removed-{next(_staged)}")


def _outside(folder: Path) -> Path:
    """Beside the repository, whose folder is called `models`."""
    return next(parent for parent in folder.parents if parent.name == "models").parent


def broken() -> bytes:
    """A file that looks like a model from outside: a zip archive with nothing of TorchScript in it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("nothing", b"")
    return file.getvalue()
