"""A version that could serve, as its files say: found and checked, nothing of it run."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from penstock._fastpath import Engine, ModelSpec, SpecError
from penstock.errors import RepositoryError
from penstock.repository import checksums, folders
from penstock.repository.fingerprint import Fingerprint, fingerprint
from penstock.repository.policy import wanted
from penstock.runtime import load_torchscript, run_once


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
        """The model's file. Raises RepositoryError; ModelLoadError where a manifest says otherwise."""
        file = folders.open_inside(self.root, self.folder / folders.MODEL_FILE)
        try:
            self._check_manifest(file)
        except BaseException:
            file.close()
            raise
        return file

    def try_out(self) -> None:
        """Loads the model and runs one batch of one default row, to no effect.

        Raises ModelLoadError or RepositoryError.
        """
        with self.open_file() as file:
            script = load_torchscript(file)
        run_once(script, Engine().add_version(self.spec, self.version))

    def _check_manifest(self, model_file: BinaryIO) -> None:
        if not (self.folder / checksums.MANIFEST).exists():
            return
        with folders.open_inside(self.root, self.folder / checksums.MANIFEST) as manifest:
            digests = checksums.read_manifest(manifest)
        checksums.check(model_file, folders.MODEL_FILE, digests)
        for name in digests.keys() - {folders.MODEL_FILE}:
            with folders.open_inside(self.root, self.folder / name) as file:
                checksums.check(file, name, digests)


def candidates(root: Path, folder: Path, *, leave_incomplete: bool = False) -> list[Candidate]:
    """The versions of a model that its policy wants, highest first. Raises RepositoryError.

    `leave_incomplete` passes over versions whose copy is not finished: without a model file, or without one that
    their manifest names. Otherwise they are an error.
    """
    try:
        there = folders.checked_versions(root, folder)
        if leave_incomplete:
            there = [version for version in there if _is_complete(folder / str(version))] or there
        specs = {there[-1]: ModelSpec.load(folder, there[-1])}
        chosen = wanted(specs[there[-1]], there)
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


def _is_complete(folder: Path) -> bool:
    if not (folder / folders.MODEL_FILE).is_file():
        return False
    manifest = folder / checksums.MANIFEST
    if not os.path.lexists(manifest):
        return True
    try:
        with folders.open_inside(folder.parent.parent, manifest) as file:
            return not checksums.missing(folder, checksums.read_manifest(file))
    except Exception:  # noqa: BLE001 - what is wrong with it is told when the version is loaded
        return True


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
