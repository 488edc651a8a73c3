"""A model's folder: which versions it has."""

from __future__ import annotations

from pathlib import Path

from penstock.errors import RepositoryError
from penstock.names import MODEL_VERSION, MODEL_VERSION_RULE


def is_version(name: str) -> bool:
    """Whether a folder of that name holds a version."""
    return MODEL_VERSION.fullmatch(name) is not None


def versions(folder: Path) -> list[int]:
    """The numbers of a model's versions, lowest first. Raises RepositoryError, and OSError unreadable."""
    numbers = [entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name.isdecimal()]
    for number in numbers:
        if not is_version(number):
            raise RepositoryError(f"{folder / number}: not a version; allowed: {MODEL_VERSION_RULE}")
    return sorted(map(int, numbers))


def highest_version(folder: Path) -> int | None:
    """The version that a server serves unless it is told otherwise; None where there is none. Raises as `versions`."""
    return max(versions(folder), default=None)
