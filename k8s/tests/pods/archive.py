"""What is in an image, read from its OCI archive: no engine, no unpacking."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

_WHITEOUT = ".wh."


class Archive:
    """One image. `files` has the size in bytes of each regular file that a container of it sees, by path."""

    def __init__(self, path: Path, kept: str = "") -> None:
        """`contents` has files whose paths have `kept` in them."""
        self._kept = kept
        self.contents: dict[str, bytes] = {}
        with tarfile.open(path) as archive:
            (index,) = _json(archive, "index.json")["manifests"]
            manifest = _json(archive, _blob(index))
            self.config: dict[str, Any] = _json(archive, _blob(manifest["config"]))["config"]
            self.files: dict[str, int] = {}
            for layer in manifest["layers"]:
                self._lay(archive, _blob(layer))

    def _lay(self, archive: tarfile.TarFile, name: str) -> None:
        """A layer over those before it."""
        blob = archive.extractfile(name)
        assert blob is not None
        with tarfile.open(fileobj=blob, mode="r|*") as layer:
            for entry in layer:
                path = entry.name.removeprefix("./").lstrip("/")
                folder, _, base = path.rpartition("/")
                if base.startswith(_WHITEOUT):
                    gone = f"{folder}/{base.removeprefix(_WHITEOUT)}".lstrip("/")
                    for hidden in [f for f in self.files if f == gone or f.startswith(f"{gone}/")]:
                        del self.files[hidden]
                elif entry.isreg():
                    self.files[path] = entry.size
                    if self._kept and self._kept in path:
                        file = layer.extractfile(entry)
                        assert file is not None
                        self.contents[path] = file.read()


def _blob(descriptor: dict[str, Any]) -> str:
    return "blobs/" + str(descriptor["digest"]).replace(":", "/")


def _json(archive: tarfile.TarFile, name: str) -> Any:
    file = archive.extractfile(name)
    assert file is not None
    return json.load(file)
