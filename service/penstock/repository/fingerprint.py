"""Whether a version's files have changed since they were last looked at: sizes, times and identities, no contents."""

from __future__ import annotations

import os
from pathlib import Path

from penstock.model_folder import is_version

# Of each file its path below the model's folder, size, time of change in ns, and inode.
Fingerprint = tuple[tuple[str, int, int, int], ...]


def fingerprint(folder: Path, version: int) -> Fingerprint:
    """Of all that a version is made from: its own folder, and what the model's other versions share. Raises OSError.

    Dot folders beside the versions are not: that is where copies grow before they get a version's name.
    """
    files = []
    walked = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        there = Path(parent).stat()
        # Links may lead in circles.
        if (there.st_dev, there.st_ino) in walked:
            folders.clear()
            continue
        walked.add((there.st_dev, there.st_ino))
        if Path(parent) == folder:
            folders[:] = [name for name in folders if name == str(version) or _is_shared(name)]
        files += [Path(parent, name) for name in names]
    return tuple(sorted(_of_file(folder, file) for file in files))


def _is_shared(name: str) -> bool:
    return not is_version(name) and not name.startswith(".")


def _of_file(folder: Path, file: Path) -> tuple[str, int, int, int]:
    seen = file.stat()
    return str(file.relative_to(folder)), seen.st_size, seen.st_mtime_ns, seen.st_ino
