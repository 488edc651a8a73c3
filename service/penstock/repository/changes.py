"""What has changed in the repository's folders since the last look.

A folder is told of when two looks in a row have found it the same, so that one that is still being copied is left
alone. What cannot be read is no change: a volume that is gone for a while takes no model away.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from penstock import log
from penstock.errors import RepositoryError
from penstock.repository import folders
from penstock.repository.candidate import Candidate, candidates

# Between the look that finds a change and the one that finds it finished.
_SETTLE_S = 1.0


@dataclass(frozen=True)
class Change:
    """What a model's folder says now.

    Attributes:
        name: the model's.
        wanted: the versions that are to serve, highest first; None where the folder cannot be served.
        fault: why it cannot be served; "" otherwise.
        removed: whether there is no such folder any more.

    """

    name: str
    wanted: Sequence[Candidate] | None = None
    fault: str = ""
    removed: bool = False


@dataclass
class Changes:
    """Looks at the folders under `root` each `every_s` seconds, sooner where something has just changed.

    `root` may be a link that is replaced to show another copy of the whole repository.
    """

    root: Path
    every_s: float
    _last: dict[str, Change] = field(default_factory=dict)
    _told: dict[str, Change] = field(default_factory=dict)
    _due: float = 0.0
    _unreadable: str = ""

    def __post_init__(self) -> None:
        self._due = time.monotonic() + self.every_s

    def wait_s(self) -> float:
        """Until the next look."""
        return max(0.0, self._due - time.monotonic())

    def look(self, known: Sequence[str]) -> list[Change]:
        """The changes that are finished; `known` are the models that this process has."""
        self._due = time.monotonic() + self.every_s
        now = self._now(known)
        if now is None:
            # What was seen before says nothing of what will be there afterwards.
            self._last = {}
            return []
        settled = [change for name, change in now.items() if self._last.get(name) == change]
        new = [change for change in settled if self._told.get(change.name) != change]
        waiting = any(self._last.get(name) != change for name, change in now.items())
        self._last = now
        self._told = {name: change for name, change in self._told.items() if name in now}
        self._told |= {change.name: change for change in new}
        self._due = time.monotonic() + (min(_SETTLE_S, self.every_s) if waiting else self.every_s)
        return new

    def _now(self, known: Sequence[str]) -> dict[str, Change] | None:
        """What each folder says; None where that cannot be told."""
        try:
            root = folders.root_of(self.root)
            found = folders.model_folders(root)
        except RepositoryError as error:
            self._tell_lost(str(error))
            return None
        if not found and known:
            self._tell_lost(f"{self.root}: no model is here any more; what serves goes on")
            return None
        self._unreadable = ""
        changes = {name: _of_folder(root, folder) for name, folder in found.items()}
        return changes | {name: Change(name, removed=True) for name in known if name not in found}

    def _tell_lost(self, reason: str) -> None:
        if reason != self._unreadable:
            log.error("repository cannot be read", reason=reason)
            self._unreadable = reason


def _of_folder(root: Path, folder: Path) -> Change:
    try:
        return Change(folder.name, candidates(root, folder, leave_incomplete=True))
    except RepositoryError as error:
        return Change(folder.name, fault=str(error))
