"""What a server loads when it starts, by who controls its models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from penstock.errors import RepositoryError
from penstock.repository import folders
from penstock.repository.candidate import Candidate, candidates, scan


@dataclass(frozen=True)
class First:
    """The versions to load, and the models whose folders cannot be served, with the reason.

    `root` is the repository as it was given: perhaps a link, which may lead elsewhere later.
    """

    root: Path
    wanted: Sequence[Candidate]
    faults: dict[str, str] = field(default_factory=dict)


def first(repository: str, model_control: str, load_models: str) -> First:
    """What to begin with. Raises RepositoryError where the server should not start.

    Without control a bad folder is refused, because nobody would mend it while the server runs; a polled repository
    may hold one, or none at all yet.
    """
    given = Path(repository).absolute()
    if model_control == "none" or load_models == "*":
        return First(given, scan(repository))
    root = folders.root_of(repository)
    found = folders.model_folders(root)
    if model_control == "explicit":
        names = [name.strip() for name in load_models.split(",") if name.strip()]
        for name in names:
            if name not in found:
                raise RepositoryError(
                    f"load_models: no model {name!r} in {root}; {folders.nearest_model(list(found), name)}"
                )
        return First(given, [each for name in dict.fromkeys(names) for each in candidates(root, found[name])])
    wanted: list[Candidate] = []
    faults = {}
    for name, folder in found.items():
        try:
            wanted += candidates(root, folder, leave_incomplete=True)
        except RepositoryError as error:
            faults[name] = str(error)
    return First(given, wanted, faults)
