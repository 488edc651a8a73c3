"""The versions that serve, made to follow what is wanted of each model. Everything here runs on the loading thread.

A version is loaded beside what serves, takes over, and what it replaces is retired; one that fails changes nothing. A
version never needs more memory than the old and the new one together.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from weakref import WeakSet

from penstock import log
from penstock._fastpath import Engine
from penstock.repository import folders
from penstock.repository.candidate import Candidate
from penstock.repository.registry import Registry
from penstock.repository.version import Host, ModelVersion
from penstock.traffic import Traffic
from penstock.version_status import State, VersionStatus

# A version that drains is given this long before the next one is loaded beside it; a call takes as long at most
# unless its caller asks for more.
_DRAIN_S = 30.0
# What callers are told of a model whose folder is at fault.
_FAULT = "its folder cannot be served"


class Serving:
    """What this process has of each model.

    Attributes:
        registry: the versions and their states.
        begun: whether what the server began with has been tried; from then on warm-up makes room for others.

    """

    def __init__(
        self,
        root: Path,
        engine: Engine,
        intra_op_threads: int,
        on_change: Callable[[], None],
        traffic: Traffic,
    ) -> None:
        """`on_change` is called on any thread after a state has changed; `traffic` is told what model.toml says."""
        self.registry = Registry()
        self.begun = False
        self._root = root
        self._engine = engine
        self._on_change = on_change
        self._traffic = traffic
        self._host = Host(engine, intra_op_threads, self._others_serve, self._changed, self._version_gone)
        # Folders whose names no caller can ask for are told of in the log alone, once.
        self._misnamed: set[str] = set()
        # The engine forgets a number that no version has; none begins with it meanwhile.
        self._forgetting = threading.Lock()
        self._failed: dict[str, set[Candidate]] = {}
        # Versions that drain for longer than anybody waits.
        self._overdue: WeakSet[ModelVersion] = WeakSet()

    def announce(self, candidate: Candidate) -> None:
        """Has calls that come before a version is loaded told so."""
        self._traffic.configure(candidate.spec)
        self._engine.set_unavailable(
            candidate.name, candidate.version, f"version {candidate.version} is loading"
        )

    def try_again(self, name: str) -> None:
        """Has versions that failed tried once more."""
        self._failed.pop(name, None)

    def bring_up(self, name: str, wanted: Sequence[Candidate]) -> list[str]:
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

    def drop(self, name: str) -> None:
        """Takes every version of a model out of service."""
        self.set_fault(name, "")
        self.try_again(name)
        versions = self.registry.versions(name)
        for version in versions:
            if version.status.state is State.UNAVAILABLE:
                self._forget(version)
            version.retire()
        self._traffic.forget(name)
        self._engine.forget(name, None)
        self._await_drained(versions)
        self._on_change()

    def set_fault(self, name: str, reason: str) -> None:
        """Why a model's folder cannot be served, with its path; "" once it can."""
        if not folders.is_model_name(name):
            if name not in self._misnamed:
                log.error("model folder cannot be served", model=name, reason=reason)
            self._misnamed.add(name)
            return
        told = f"{_FAULT}: {self.told(reason)}" if reason else ""
        if told and told not in {status.reason for status in self.registry.statuses(name)}:
            log.error("model folder cannot be served", model=name, reason=reason)
        self.registry.set_fault(name, told)
        if told and not self.registry.ready(name):
            self._engine.set_unavailable(name, None, _FAULT)
        self._on_change()

    def told(self, reason: str) -> str:
        """What is told to those who need not know where the repository lies."""
        for root in (self._root, self._root.resolve()):
            reason = folders.told(root, reason)
        return reason

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

    def _others_serve(self) -> bool:
        return self.begun and any(status.ready for status in self.registry.statuses())

    def _changed(self, version: ModelVersion) -> None:
        status = self._told_of(version)
        name, number = status.name, status.version
        self._engine.set_state(name, number, status.state.value)
        own = version.status
        if own.state in {State.LOADING, State.WARMING}:
            self._engine.set_unavailable(name, number, f"version {number} is loading")
        elif own.state is State.UNAVAILABLE:
            self._engine.set_unavailable(name, number, f"version {number} {own.failure}")
        self._on_change()

    def _told_of(self, version: ModelVersion) -> VersionStatus:
        """What is told of the number that a version has."""
        own = version.status
        told = [status for status in self.registry.statuses(own.name) if status.version == own.version]
        return told[0] if told else own

    def _version_gone(self, version: ModelVersion) -> None:
        if version.status.state is State.DRAINING:
            log.info("model gone", model=version.candidate.name, version=version.candidate.version)
            self._forget(version)
            self._on_change()
