"""The versions that this process serves, kept as their folders and its operator want them.

One thread loads, one version at a time, because torch is not made for several at once. Callers ask it for changes
and wait for the outcome; it looks at the folders by itself where it is told to. What a change does stands in `serving`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from penstock import log
from penstock._fastpath import Engine
from penstock.errors import ConflictError, RepositoryError, UnknownModelError
from penstock.names import unknown_model
from penstock.repository import folders
from penstock.repository.candidate import Candidate, candidates
from penstock.repository.changes import Changes
from penstock.repository.first import First
from penstock.repository.serving import Serving
from penstock.traffic import Traffic
from penstock.version_status import State, VersionStatus


class Repository:
    """What serves, and who changes it. `load`, `unload` and `stop` may be called from any thread."""

    def __init__(
        self,
        first: First,
        engine: Engine,
        intra_op_threads: int,
        on_change: Callable[[], None],
        traffic: Traffic,
    ) -> None:
        """`on_change` is called on any thread after a state has changed; `traffic` is told what model.toml says."""
        self._serving = Serving(first.root, engine, intra_op_threads, on_change, traffic)
        self.registry = self._serving.registry
        self._first = first
        self._on_change = on_change
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        # What is being done to a model, by name; its next change is refused meanwhile.
        self._busy: dict[str, str] = {}
        self._busy_lock = threading.Lock()
        # The models that must serve for the server to be ready: those that it began with.
        self._required = frozenset({*first.faults, *(candidate.name for candidate in first.wanted)})
        self._changes: Changes | None = None
        self._thread = threading.Thread(target=self._run, name="loading", daemon=True)

    def start(self, loaded: Callable[[], None], poll_s: float | None = None) -> None:
        """Begins to load; `loaded` is called on the loading thread when each of the first versions has been tried.

        With `poll_s` it then looks at the folders, so many seconds apart, and makes what serves as they say.
        """

        def load_all() -> None:
            wanted = self._first.wanted
            for name in dict.fromkeys(candidate.name for candidate in wanted):
                self._serving.bring_up(name, [candidate for candidate in wanted if candidate.name == name])
            self._serving.begun = True
            self._changes = None if poll_s is None else Changes(self._first.root, poll_s)
            self._on_change()
            loaded()

        self._jobs.put(load_all)
        self._thread.start()

    def announce(self) -> None:
        """Has calls that come before their model is loaded told so. Before `start`."""
        for candidate in self._first.wanted:
            self._serving.announce(candidate)
        for name, fault in self._first.faults.items():
            self._serving.set_fault(name, fault)

    @property
    def waiting(self) -> Sequence[Candidate]:
        """The versions that it begins with, until each of them has been tried."""
        return () if self._serving.begun else self._first.wanted

    def load(self, name: str) -> Future[None]:
        """Loads what a model's folder holds now beside what serves, then has it take over.

        The future raises UnknownModelError, RepositoryError with what is wrong, or ConflictError while the model is
        being changed.
        """
        return self._ask(name, "loaded", lambda: self._load(name))

    def unload(self, name: str) -> Future[None]:
        """Takes every version of a model out of service. Raises as `load` does."""
        return self._ask(name, "unloaded", lambda: self._unload(name))

    def not_ready(self) -> str:
        """Why the server as a whole should not be called; "" when it should."""
        for name in sorted(self._required):
            if not self.registry.ready(name):
                failed = [status for status in self.registry.statuses(name) if status.reason]
                return f"model {name} {_failure(failed[-1])}" if failed else f"model {name} is loading"
        return "" if self._serving.begun else "models are loading"

    def stop(self, timeout_s: float) -> bool:
        """Takes every version out of service and waits for their threads; gives whether all of them have ended."""
        self._jobs.put(None)
        until = time.monotonic() + timeout_s
        versions = self.registry.all_versions()
        for version in versions:
            version.retire()
        ended = [
            version.join(max(0.0, until - time.monotonic()))
            for version in versions
            if version.status.state is not State.UNAVAILABLE
        ]
        self._thread.join(max(0.0, until - time.monotonic()))
        return all(ended) and not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            changes = self._changes
            try:
                job = self._jobs.get(timeout=None if changes is None else changes.wait_s())
            except queue.Empty:
                if changes is not None:
                    self._look_safely(changes)
                continue
            if job is None:
                return
            job()

    def _ask(self, name: str, what: str, change: Callable[[], None]) -> Future[None]:
        future: Future[None] = Future()
        with self._busy_lock:
            if name in self._busy:
                future.set_exception(
                    ConflictError(f'Model "{name}" is being {self._busy[name]}; try again when that is done.')
                )
                return future
            self._busy[name] = what

        def job() -> None:
            error: BaseException | None = None
            try:
                change()
            except BaseException as raised:  # noqa: BLE001 - whoever asked is told, and the thread lives
                error = raised
            with self._busy_lock:
                del self._busy[name]
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

        self._jobs.put(job)
        return future

    def _load(self, name: str) -> None:
        try:
            root = folders.root_of(self._first.root)
            found = folders.model_folders(root)
        except RepositoryError as error:
            raise RepositoryError(self._serving.told(str(error))) from error
        # Looked up: no name that a caller sends becomes a path.
        if name not in found:
            raise UnknownModelError(unknown_model(name))
        self._serving.try_again(name)
        try:
            wanted = candidates(root, found[name])
        except RepositoryError as error:
            self._serving.set_fault(name, str(error))
            raise RepositoryError(self._serving.told(str(error))) from error
        self._serving.set_fault(name, "")
        failures = self._serving.bring_up(name, wanted)
        if failures:
            raise RepositoryError("; ".join(failures))

    def _unload(self, name: str) -> None:
        if name not in self.registry.names():
            raise UnknownModelError(unknown_model(name))
        self._drop(name)

    def _drop(self, name: str) -> None:
        # Nobody waits for it any more.
        self._required -= {name}
        self._serving.drop(name)

    def _look_safely(self, changes: Changes) -> None:
        try:
            self._look(changes)
        except Exception as error:  # noqa: BLE001 - the thread lives, and looks again
            log.error("repository could not be followed", cause=error)

    def _look(self, changes: Changes) -> None:
        """One look at the folders, of those that `poll` asks for."""
        for change in changes.look(self.registry.names()):
            self._serving.set_fault(change.name, change.fault)
            if change.wanted is not None:
                self._serving.bring_up(change.name, change.wanted)
            elif change.removed:
                self._drop(change.name)
            self._on_change()


def _failure(status: VersionStatus) -> str:
    return f"version {status.version} {status.failure}" if status.version else status.failure
