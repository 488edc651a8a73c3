"""TorchScript files, taken apart and put together again otherwise."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path


def entries(file: bytes) -> dict[str, bytes]:
    """By name below the archive's folder."""
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def written(parts: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of these entries, by Python's own writer."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(f"model/{name}", content)
    return out.getvalue()


def changed(file: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """With one entry changed, and its checksum right again."""
    parts = entries(file)
    parts[name] = change(parts[name])
    return written(parts)


def put(folder: Path, file: bytes) -> Path:
    path = folder / "model.pt"
    path.write_bytes(file)
    return path
