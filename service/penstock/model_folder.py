"""A model's folder: which versions it has."""

from __future__ import annotations

from pathlib import Path

from penstock.errors import RepositoryError
from penstock.names import MODEL_VERSION, MODEL_VERSION_RULE


def highest_version(folder: Path) -> int | None:
    """The version that a server serves; None where there is none. Raises RepositoryError, and OSError unreadable."""
    numbers = [entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name.isdecimal()]
    for number in numbers:
        if not MODEL_VERSION.fullmatch(number):
            raise RepositoryError(f"{folder / number}: not a version; allowed: {MODEL_VERSION_RULE}")
    return max(map(int, numbers), default=None)
