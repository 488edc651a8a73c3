"""SHA256SUMS: a version's manifest, as `sha256sum` writes it.

A version folder that has one is complete when every file that it names is there, and is loaded only with their
contents as it says: written last, it is how a copy says that it is whole.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any, BinaryIO

from penstock.errors import ModelLoadError

MANIFEST = "SHA256SUMS"
# A line a file; a version of more files than that is somebody's mistake.
_MOST_BYTES = 1 << 20
_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")


def read_manifest(file: BinaryIO) -> dict[str, str]:
    """The digests by file, as hexadecimal text. Raises ModelLoadError."""
    try:
        text = file.read(_MOST_BYTES + 1).decode()
    except UnicodeDecodeError:
        raise ModelLoadError(f"{file.name}: not text; it is written by sha256sum") from None
    if len(text) > _MOST_BYTES:
        raise ModelLoadError(f"{file.name}: has more than {_MOST_BYTES} bytes; it names one file a line")
    digests = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise ModelLoadError(
                f"{file.name}: line {number} is no digest and file, which sha256sum writes as 64 hexadecimal digits, "
                "two spaces and a name"
            )
        digests[os.path.normpath(found[2])] = found[1].lower()
    return digests


def missing(folder: Path, digests: dict[str, str]) -> list[str]:
    """The files that a manifest names and that are not there yet."""
    return [name for name in digests if not (folder / name).is_file()]


def check(file: BinaryIO, name: str, digests: dict[str, str]) -> None:
    """Refuses an open file whose contents are not those that the manifest says. Raises ModelLoadError."""
    opened: Any = file
    found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != digests[name]:
        raise ModelLoadError(
            f"{file.name}: its SHA-256 is {found}, but {MANIFEST} beside it says {digests[name]}"
        )
