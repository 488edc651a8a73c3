"""The versions that this process serves, kept as their folders and its operator want them.

One thread loads, one version at a time: torch is not made for several at once, and a version never needs more memory
than the old and the new one together. Callers ask it for changes and wait for the outcome; it looks at the
folders by itself where it is told to.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from weakref import WeakSet

from penstock import log
from penstock._fastpath import Engine
from penstock.errors import ConflictError, RepositoryError, UnknownModelError
from penstock.names import unknown_model
from penstock.repository import folders
from penstock.repository.candidate import Candidate, candidates
from penstock.repository.changes import Changes
from penstock.repository.first import First
from penstock.repository.registry import Registry
from penstock.repository.version import Host, ModelVersion
from penstock.traffic import Traffic
from penstock.version_status import State, VersionStatus

# A version that drains is given this long before the next one is loaded beside it; a call takes as long at most
# unless its caller asks for more.
_DRAIN_S = 30.0
# What callers are told of a model whose folder is at fault.
_FAULT = "its folder cannot be served"


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
        self.registry = Registry()
        self._first = first
        self._root = first.root
        self._engine = engine
        self._on_change = on_change
        self._traffic = traffic
        self._host = Host(engine, intra_op_threads, self._others_serve, self._changed, self._version_gone)
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        # What is being done to a model, by name; its next change is refused meanwhile.
        self._busy: dict[str, str] = {}
        self._busy_lock = threading.Lock()
        # The models that must serve for the server to be ready: those that it began with.
        self._required = frozenset({*first.faults, *(candidate.name for candidate in first.wanted)})
        # Folders whose names no caller can ask for are told of in the log alone, once.
        self._misnamed: set[str] = set()
        # The engine forgets a number that no version has; none begins with it meanwhile.
        self._forgetting = threading.Lock()
        self._failed: dict[str, set[Candidate]] = {}
        # Versions that drain for longer than anybody waits.
        self._overdue: WeakSet[ModelVersion] = WeakSet()
        self._started = False
        self._changes: Changes | None = None
        self._thread = threading.Thread(target=self._run, name="loading", daemon=True)

    def start(self, loaded: Callable[[], None], poll_s: float | None = None) -> None:
        """Begins to load; `loaded` is called on the loading thread when each of the first versions has been tried.

        With `poll_s` it then looks at the folders, so many seconds apart, and makes what serves as they say.
        """

        def load_all() -> None:
            wanted = self._first.wanted
            for name in dict.fromkeys(candidate.name for candidate in wanted):
                self._bring_up(name, [candidate for candidate in wanted if candidate.name == name])
            self._started = True
            self._changes = None if poll_s is None else Changes(self._root, poll_s)
            self._on_change()
            loaded()

        self._jobs.put(load_all)
        self._thread.start()

    def announce(self) -> None:
        """Has calls that come before their model is loaded told so. Before `start`."""
        for candidate in self._first.wanted:
            self._traffic.configure(candidate.spec)
            self._engine.set_unavailable(
                candidate.name, candidate.version, f"version {candidate.version} is loading"
            )
        for name, fault in self._first.faults.items():
            self._set_fault(name, fault)

    @property
    def waiting(self) -> Sequence[Candidate]:
        """The versions that it begins with, until each of them has been tried."""
        return () if self._started else self._first.wanted

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
        return "" if self._started else "models are loading"

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
            root = folders.root_of(self._root)
            found = folders.model_folders(root)
        except RepositoryError as error:
            raise RepositoryError(self._told(str(error))) from error
        # Looked up: no name that a caller sends becomes a path.
        if name not in found:
            raise UnknownModelError(unknown_model(name))
        self._failed.pop(name, None)
        try:
            wanted = candidates(root, found[name])
        except RepositoryError as error:
            self._set_fault(name, str(error))
            raise RepositoryError(self._told(str(error))) from error
        self._set_fault(name, "")
        failures = self._bring_up(name, wanted)
        if failures:
            raise RepositoryError("; ".join(failures))

    def _unload(self, name: str) -> None:
        if name not in self.registry.names():
            raise UnknownModelError(unknown_model(name))
        self._drop(name)

    def _drop(self, name: str) -> None:
        self._required -= {name}
        self._set_fault(name, "")
        self._failed.pop(name, None)
        versions = self.registry.versions(name)
        for version in versions:
            if version.status.state is State.UNAVAILABLE:
                self._forget(version)
            version.retire()
        self._traffic.forget(name)
        self._engine.forget(name, None)
        self._await_drained(versions)
        self._on_change()

    def _bring_up(self, name: str, wanted: Sequence[Candidate]) -> list[str]:
        """Loads the wanted versions that do not serve yet, and retires those that serve and are wanted no more.

        Gives what went wrong, a sentence for each version that was tried.
        """
        failures = []
        self._configure_traffic(name, wanted)
        for candidate in wanted:
            if self._is_served(candidate) or candidate in self._failed.get(name, ()):
                continue
            self._await_drained(self.registry.all_versions())
            version = ModelVersion(candidate, self._host)
            replaced = [
                other
                for other in self.registry.versions(name)
                if other.candidate.version == candidate.version
            ]
            with self._forgetting:
                self.registry.add(version)
            try:
                version.load()
            except Exception:  # noqa: BLE001 - the version has logged it and keeps of it what may be told
                self._failed.setdefault(name, set()).add(candidate)
                failures.append(f'Version {candidate.version} of model "{name}" {version.status.reason}')
                continue
            for other in replaced:
                other.retire()
            self._configure_traffic(name, wanted)
            self._retire_surplus(name, wanted)
        self._retire_surplus(name, wanted)
        self._forget_failed(name, wanted)
        return failures

    def _is_served(self, candidate: Candidate) -> bool:
        return any(
            version.candidate == candidate and version.status.ready
            for version in self.registry.versions(candidate.name)
        )

    def _configure_traffic(self, name: str, wanted: Sequence[Candidate]) -> None:
        """Has labels and the canary of model.toml count, once the versions that they name serve or nothing does."""
        if not wanted:
            return
        spec = wanted[0].spec
        named = {*spec.labels.values(), *(() if spec.canary is None else (spec.canary.version,))}
        ready = {status.version for status in self.registry.statuses(name) if status.ready}
        if not ready or named <= ready:
            self._traffic.configure(spec)

    def _retire_surplus(self, name: str, wanted: Sequence[Candidate]) -> None:
        """Retires what is not wanted, the lowest first, as long as as many serve as are wanted."""
        numbers = {candidate.version for candidate in wanted}
        serving = [version for version in self.registry.versions(name) if version.status.ready]
        kept = numbers | self._traffic.named_versions(name)
        surplus = [version for version in serving if version.candidate.version not in kept]
        count = len(serving)
        for version in sorted(surplus, key=lambda each: each.candidate.version):
            if count > len(numbers):
                version.retire()
                count -= 1

    def _await_drained(self, versions: Sequence[ModelVersion]) -> None:
        until = time.monotonic() + _DRAIN_S
        for version in versions:
            if version.status.state is not State.DRAINING or version in self._overdue:
                continue
            if not version.join(max(0.0, until - time.monotonic())):
                # It holds up one change, and no more after that.
                self._overdue.add(version)
                candidate = version.candidate
                log.warning("model still drains", model=candidate.name, version=candidate.version)

    def _forget_failed(self, name: str, wanted: Sequence[Candidate]) -> None:
        """Failed versions that nobody wants any more are no news, and are tried again should somebody want them."""
        self._failed[name] = self._failed.get(name, set()) & set(wanted)
        for version in self.registry.versions(name):
            if version.status.state is State.UNAVAILABLE and version.candidate not in wanted:
                self._forget(version)

    def _forget(self, version: ModelVersion) -> None:
        candidate = version.candidate
        with self._forgetting:
            self.registry.remove(version)
            others = self.registry.versions(candidate.name)
            if not any(other.candidate.version == candidate.version for other in others):
                self._engine.forget(candidate.name, candidate.version)

    def _look_safely(self, changes: Changes) -> None:
        try:
            self._look(changes)
        except Exception as error:  # noqa: BLE001 - the thread lives, and looks again
            log.error("repository could not be followed", cause=error)

    def _look(self, changes: Changes) -> None:
        """One look at the folders, of those that `poll` asks for."""
        for change in changes.look(self.registry.names()):
            self._set_fault(change.name, change.fault)
            if change.wanted is not None:
                self._bring_up(change.name, change.wanted)
            elif change.removed:
                self._drop(change.name)
            self._on_change()

    def _set_fault(self, name: str, reason: str) -> None:
        """Why a model's folder cannot be served, with its path; "" once it can."""
        if not folders.is_model_name(name):
            if name not in self._misnamed:
                log.error("model folder cannot be served", model=name, reason=reason)
            self._misnamed.add(name)
            return
        told = f"{_FAULT}: {self._told(reason)}" if reason else ""
        if told and told not in {status.reason for status in self.registry.statuses(name)}:
            log.error("model folder cannot be served", model=name, reason=reason)
        self.registry.set_fault(name, told)
        if told and not self.registry.ready(name):
            self._engine.set_unavailable(name, None, _FAULT)
        self._on_change()

    def _told(self, reason: str) -> str:
        """What is told to those who need not know where the repository lies."""
        for root in (self._root, self._root.resolve()):
            reason = folders.told(root, reason)
        return reason

    def _others_serve(self) -> bool:
        return self._started and any(status.ready for status in self.registry.statuses())

    def _changed(self, version: ModelVersion) -> None:
        status = self.registry_status(version)
        name, number = status.name, status.version
        self._engine.set_state(name, number, status.state.value)
        own = version.status
        if own.state in {State.LOADING, State.WARMING}:
            self._engine.set_unavailable(name, number, f"version {number} is loading")
        elif own.state is State.UNAVAILABLE:
            self._engine.set_unavailable(name, number, f"version {number} {own.failure}")
        self._on_change()

    def registry_status(self, version: ModelVersion) -> VersionStatus:
        """What is told of the number that a version has."""
        own = version.status
        told = [status for status in self.registry.statuses(own.name) if status.version == own.version]
        return told[0] if told else own

    def _version_gone(self, version: ModelVersion) -> None:
        if version.status.state is State.DRAINING:
            log.info("model gone", model=version.candidate.name, version=version.candidate.version)
            self._forget(version)
            self._on_change()


def _failure(status: VersionStatus) -> str:
    return f"version {status.version} {status.failure}" if status.version else status.failure
