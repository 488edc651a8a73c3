"""The model repository: model folders → versions → models that serve.

Layout: docs/model-toml.md. `scan` reads and checks the folders and runs nothing; `Model.load` loads a
version, warms it up and routes it. The highest version of each model serves, the others lie ready: a
call that names one is answered NOT_FOUND. Nothing outside the repository's folder is reached, by
whatever link; names that callers send never become paths, they are looked up in what `scan` found.
"""

from __future__ import annotations

import difflib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from penstock import log
from penstock._fastpath import Engine, ModelSpec, SpecError
from penstock.errors import ModelLoadError, PenstockError, RepositoryError
from penstock.model_folder import highest_version
from penstock.names import MODEL_NAME, MODEL_NAME_RULE, PROBE_NAMES
from penstock.runtime import ModelThreads, load_torchscript, run_once

_MODEL_FILE = "model.pt"
# A file system's own folder, at the root of every fresh volume.
_NOT_MODELS = frozenset({"lost+found"})


class Model:
    """A model and the one version of it that this process serves.

    Attributes:
        name: the folder's name, and the model's in requests.
        version: the version that serves.
        spec: its model.toml.
        ready: warm and routed.
        failure: why it will not become ready, in words for callers; "" while it may.

    """

    def __init__(self, spec: ModelSpec, version: int, root: Path) -> None:
        self.name = spec.name
        self.version = version
        self.spec = spec
        self.ready = False
        self.failure = ""
        self._root = root
        self._threads: ModelThreads | None = None
        # A model thread may fail while the loading thread finds the model ready.
        self._state = threading.Lock()

    def load(self, engine: Engine, intra_op_threads: int, on_end: Callable[[], None]) -> None:
        """Loads, warms up on every thread that will run it, then routes. Slow; not for the event loop.

        A model that fails is logged and marked, not raised. `on_end` is called, on a model thread,
        when the model ends unexpectedly later.
        """

        def end(cause: BaseException) -> None:
            self._fail(engine, "stopped unexpectedly", cause)
            engine.unroute(self.name, self.version)
            on_end()

        queue = engine.add_version(self.spec, self.version)
        try:
            with self.open_file() as file:
                script = load_torchscript(
                    file,
                    called=f"model {self.name} version {self.version}",
                    intra_op_threads=intra_op_threads,
                )
            self._threads = ModelThreads(script, queue, self.spec, intra_op_threads, end)
            self._threads.start()
        except (ModelLoadError, RepositoryError) as error:
            queue.close()
            self._fail(engine, "could not be loaded", error)
            return
        with self._state:
            if not self.failure:
                engine.route(queue)
                self.ready = True
                log.info("model ready", model=self.name, version=self.version, instances=self.spec.instances)

    def try_out(self) -> None:
        """Loads the model and runs one batch of one default row, to no effect. Raises ModelLoadError."""
        with self.open_file() as file:
            script = load_torchscript(file, called=f"model {self.name} version {self.version}")
        run_once(script, Engine().add_version(self.spec, self.version))

    def open_file(self) -> BinaryIO:
        """The version's file, opened for reading, certainly within the repository. Raises RepositoryError."""
        file = _inside(self._root, self._root / self.name / str(self.version) / _MODEL_FILE)
        try:
            return open(file, "rb", opener=_open_no_link)
        except OSError as error:
            raise RepositoryError(f"{file}: cannot be read: {error.strerror}") from error

    def stop(self, engine: Engine, timeout_s: float) -> bool:
        """Takes the model out of service and waits for its threads; gives whether they have ended."""
        if self.ready:
            engine.unroute(self.name, self.version)
        return self._threads is None or self._threads.join(timeout_s)

    def _fail(self, engine: Engine, what: str, cause: BaseException) -> None:
        # Callers are told that it failed; why, with paths and code, is in the log alone.
        with self._state:
            self.ready = False
            self.failure = f"model {self.name} version {self.version} {what}"
            # Of the whole model, since no other version of it serves.
            engine.set_unavailable(self.name, None, what)
        told: dict[str, Any] = {"model": self.name, "version": self.version}
        if isinstance(cause, PenstockError):
            # Its sentence says what is wrong; where it was found is for who looks for a fault in penstock.
            log.error(f"model {what}", reason=cause, **told)
            log.debug(f"model {what}: where", cause=cause, **told)
        else:
            log.error(f"model {what}", cause=cause, **told)


def scan(repository: str | os.PathLike[str], only: str | None = None) -> dict[str, Model]:
    """The models of a repository by name, each with its highest version, not loaded yet; `only` names one of them.

    Raises RepositoryError where any of these folders cannot be served: one bad model stops the start, not a request.
    """
    try:
        root = Path(repository).resolve(strict=True)
        folders = sorted(entry for entry in root.iterdir() if _may_be_model(entry))
    except OSError as error:
        raise RepositoryError(
            f"{repository}: the repository cannot be read: {error.strerror}; it holds one folder a model"
        ) from error
    if not folders:
        raise RepositoryError(
            f"{repository}: no model here; expected folders such as NAME/model.toml, NAME/1/{_MODEL_FILE}"
        )
    if only is not None:
        folders = [_named(root, folders, only)]
    models = [_scan_model(root, folder) for folder in folders]
    return {model.name: model for model in models}


def _named(root: Path, folders: list[Path], name: str) -> Path:
    names = {folder.name: folder for folder in folders}
    if name not in names:
        nearest = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"it has {', '.join(names)}"
        raise RepositoryError(f"{root}: no model {name!r} here; {hint}")
    return names[name]


def _may_be_model(entry: Path) -> bool:
    # Dot folders are left alone: .git, and the ..data of volumes that Kubernetes writes.
    return entry.is_dir() and not entry.name.startswith(".") and entry.name not in _NOT_MODELS


def _scan_model(root: Path, folder: Path) -> Model:
    if not MODEL_NAME.fullmatch(folder.name):
        raise RepositoryError(f"{folder}: {folder.name!r} is not a model name; allowed: {MODEL_NAME_RULE}")
    if folder.name in PROBE_NAMES:
        raise RepositoryError(
            f"{folder}: a model cannot be called {folder.name!r}, the name of a health probe"
        )
    _check_links(root, folder)
    version = highest_version(folder)
    if version is None:
        raise RepositoryError(
            f"{folder}: no version; expected a folder such as {folder.name}/1 with a {_MODEL_FILE}"
        )
    file = folder / str(version) / _MODEL_FILE
    if not file.is_file():
        raise RepositoryError(f"{file}: no such file; version {version} of model {folder.name} needs it")
    try:
        spec = ModelSpec.load(folder, version)
        spec.check_baseline()
        return Model(spec, version, root)
    except SpecError as error:
        raise RepositoryError(str(error)) from error
    except OSError as error:
        where = error.filename or folder / "model.toml"
        raise RepositoryError(f"{where}: cannot be read: {error.strerror or error}") from error


def _open_no_link(file: str, flags: int) -> int:
    # The path has been resolved: a link that stands there now has been put there since.
    return os.open(file, flags | os.O_NOFOLLOW)


def _check_links(root: Path, folder: Path) -> None:
    """Refuses a model folder, or anything in it, that leads outside the repository."""
    resolved = _inside(root, folder)
    for parent, folders, files in os.walk(resolved):
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink():
                _inside(root, path)


def _inside(root: Path, path: Path) -> Path:
    try:
        resolved = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise RepositoryError(f"{path}: leads nowhere: {error}") from error
    if not resolved.is_relative_to(root):
        raise RepositoryError(f"{path}: leads outside the repository, to {resolved}")
    return resolved
