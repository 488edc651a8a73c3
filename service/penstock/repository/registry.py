"""What is known of every model of the repository. Any thread may read it and change it."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from penstock.repository.version import ModelVersion
from penstock.version_status import State, VersionStatus

# Of two versions with one number, which says more: one serves while another is loaded in its place.
_TELLING = (State.READY, State.WARMING, State.LOADING, State.DRAINING, State.UNAVAILABLE)


class Registry:
    """The versions of each model that are in this process or failed to be, and folders that are at fault."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._versions: dict[str, list[ModelVersion]] = {}
        # By model: why its folder has no version that could be tried.
        self._faults: dict[str, str] = {}

    def names(self) -> list[str]:
        """Every model that is known, sorted."""
        with self._lock:
            return sorted(self._versions.keys() | self._faults.keys())

    def versions(self, name: str) -> list[ModelVersion]:
        """The versions of a model in the order in which they came; none of an unknown one."""
        with self._lock:
            return list(self._versions.get(name, ()))

    def all_versions(self) -> list[ModelVersion]:
        """Of every model."""
        with self._lock:
            return [version for versions in self._versions.values() for version in versions]

    def add(self, version: ModelVersion) -> None:
        """A version begins; failed ones with its number are forgotten, and the folder's fault with them."""
        name, number = version.candidate.name, version.candidate.version
        with self._lock:
            others = self._versions.get(name, [])
            kept = [other for other in others if not _failed(other) or other.candidate.version != number]
            self._versions[name] = [*kept, version]
            self._faults.pop(name, None)

    def remove(self, version: ModelVersion) -> None:
        """A version is gone."""
        with self._lock:
            versions = self._versions.get(version.candidate.name, [])
            if version in versions:
                versions.remove(version)
            if not versions:
                self._versions.pop(version.candidate.name, None)

    def set_fault(self, name: str, reason: str) -> None:
        """Why a model's folder cannot be served as it stands; "" once it can."""
        with self._lock:
            if reason:
                self._faults[name] = reason
            else:
                self._faults.pop(name, None)

    def statuses(self, name: str | None = None) -> list[VersionStatus]:
        """One of each version of a model, or of every model: by name, then by number."""
        with self._lock:
            names = sorted(self._versions.keys() | self._faults.keys()) if name is None else [name]
            return [status for each in names for status in self._of_model(each)]

    def ready(self, name: str) -> bool:
        """Whether any version of a model serves."""
        return any(version.status.ready for version in self.versions(name))

    def _of_model(self, name: str) -> Iterable[VersionStatus]:
        by_number: dict[int, list[VersionStatus]] = {}
        for version in self._versions.get(name, ()):
            by_number.setdefault(version.candidate.version, []).append(version.status)
        found = [_of_number(by_number[number]) for number in sorted(by_number)]
        fault = self._faults.get(name)
        return [*found, VersionStatus(name, 0, State.UNAVAILABLE, fault, None)] if fault else found


def _of_number(statuses: list[VersionStatus]) -> VersionStatus:
    status = min(statuses, key=lambda each: _TELLING.index(each.state))
    failed = [each.reason for each in statuses if each.reason]
    if status.ready and failed:
        reason = f"what its folder holds now {failed[-1]}"
        return VersionStatus(status.name, status.version, status.state, reason, status.spec)
    return status


def _failed(version: ModelVersion) -> bool:
    return version.status.state is State.UNAVAILABLE
