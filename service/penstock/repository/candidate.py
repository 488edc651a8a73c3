"""A version that could serve, as its files say: found and checked, nothing of it run."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from penstock._fastpath import Engine, ModelSpec, SpecError
from penstock.errors import ModelLoadError, RepositoryError
from penstock.repository import checksums, folders
from penstock.repository.fingerprint import Fingerprint, fingerprint
from penstock.runtime import WARMUP_FILE, load_torchscript, run_once


@dataclass(frozen=True)
class Candidate:
    """A version of a model that its policy wants. Two are the same version when their fingerprints are equal."""

    name: str
    version: int
    spec: ModelSpec = field(compare=False)
    fingerprint: Fingerprint
    root: Path = field(compare=False)

    @property
    def folder(self) -> Path:
        """The version's own."""
        return self.root / self.name / str(self.version)

    def told(self, error: BaseException) -> str:
        """An error's text for those who need not know where the repository lies."""
        return folders.told(self.root, str(error))

    def open_file(self) -> BinaryIO:
        """The model's file. Raises RepositoryError."""
        return folders.open_inside(self.root, self.folder / folders.MODEL_FILE)

    def load(self, intra_op_threads: int = 1, *, gently: bool = False) -> Callable[..., object]:
        """The model, once its files are those that a manifest beside them says.

        `intra_op_threads` are those of the models that serve; `gently` leaves most of a core to them.
        Raises ModelLoadError and RepositoryError.
        """
        digests = self._digests()
        for name in digests.keys() - {folders.MODEL_FILE}:
            with folders.open_inside(self.root, self.folder / name) as file:
                checksums.check(file, name, digests)
        with self.open_file() as file:
            if digests and folders.MODEL_FILE not in digests:
                raise ModelLoadError(f"{file.name}: {checksums.MANIFEST} beside it does not name it")
            called = f"model {self.name} version {self.version}"
            sha256 = digests.get(folders.MODEL_FILE)
            return load_torchscript(
                file, called=called, sha256=sha256, intra_op_threads=intra_op_threads, gently=gently
            )

    def warmup_requests(self) -> list[bytes]:
        """What the version must answer before it serves. Raises RepositoryError."""
        for folder in (self.folder, self.folder.parent):
            if (folder / WARMUP_FILE).exists():
                with folders.open_inside(self.root, folder / WARMUP_FILE) as file:
                    return [line for line in file.read().splitlines() if line.strip()]
        return []

    def try_out(self) -> None:
        """Loads the model and runs one batch of one default row, to no effect.

        Raises ModelLoadError or RepositoryError.
        """
        run_once(self.load(), Engine().add_version(self.spec, self.version))

    def _digests(self) -> dict[str, str]:
        """What the version's manifest says; empty where it has none."""
        manifest = self.folder / checksums.MANIFEST
        if not os.path.lexists(manifest):
            return {}
        with folders.open_inside(self.root, manifest) as file:
            digests = checksums.read_manifest(file)
        if not digests:
            raise ModelLoadError(f"{manifest}: names no file; it is written by sha256sum")
        return digests


def candidates(root: Path, folder: Path, *, leave_incomplete: bool = False) -> list[Candidate]:
    """The versions of a model that its policy wants, highest first. Raises RepositoryError.

    `leave_incomplete` passes over versions whose copy is not finished: without a model file, or without one that
    their manifest names. Otherwise they are an error.
    """
    try:
        there = folders.checked_versions(root, folder)
        if leave_incomplete:
            there = _complete(folder, there)
        specs = {there[-1]: ModelSpec.load(folder, there[-1])}
        chosen = specs[there[-1]].wanted_versions(there)
        return [
            _candidate(root, folder, version, specs.get(version)) for version in sorted(chosen, reverse=True)
        ]
    except SpecError as error:
        raise RepositoryError(str(error)) from error
    except OSError as error:
        where = error.filename or folder / "model.toml"
        raise RepositoryError(f"{where}: cannot be read: {error.strerror or error}") from error


def _candidate(root: Path, folder: Path, version: int, spec: ModelSpec | None) -> Candidate:
    # Before the files are read, so that what changes meanwhile is seen as a change the next time.
    seen = fingerprint(folder, version)
    file = folder / str(version) / folders.MODEL_FILE
    if not file.is_file():
        raise RepositoryError(f"{file}: no such file; version {version} of model {folder.name} needs it")
    spec = spec or ModelSpec.load(folder, version)
    spec.check_baseline()
    return Candidate(folder.name, version, spec, seen, root)


def _complete(folder: Path, there: list[int]) -> list[int]:
    """The versions whose copies are finished; at least one."""
    missing = {version: _missing(folder / str(version)) for version in there}
    complete = [version for version in there if not missing[version]]
    if not complete:
        lacking = folder / str(there[-1]) / missing[there[-1]][0]
        raise RepositoryError(
            f"{lacking}: no such file yet; version {there[-1]} of model {folder.name} needs it"
        )
    return complete


def _missing(folder: Path) -> list[str]:
    """The files that a version needs and that are not there."""
    if not (folder / folders.MODEL_FILE).is_file():
        return [folders.MODEL_FILE]
    manifest = folder / checksums.MANIFEST
    if not os.path.lexists(manifest):
        return []
    try:
        with folders.open_inside(folder.parent.parent, manifest) as file:
            return checksums.missing(folder, checksums.read_manifest(file))
    except Exception:  # noqa: BLE001 - what is wrong with it is told when the version is loaded
        return []


def scan(repository: str | os.PathLike[str], only: str | None = None) -> list[Candidate]:
    """The versions that a repository wants served, by model; `only` names one model of it. Nothing is run.

    Raises RepositoryError where any of these folders cannot be served: one bad model stops the start, not a request.
    """
    root = folders.root_of(repository)
    found = folders.model_folders(root)
    if not found:
        raise RepositoryError(
            f"{repository}: no model here; expected folders such as NAME/model.toml, NAME/1/{folders.MODEL_FILE}"
        )
    if only is not None:
        if only not in found:
            raise RepositoryError(
                f"{root}: no model {only!r} here; {folders.nearest_model(list(found), only)}"
            )
        found = {only: found[only]}
    return [candidate for folder in found.values() for candidate in candidates(root, folder)]
