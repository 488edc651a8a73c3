"""What is told of models whose versions come, fail and go."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from penstock.repository.registry import Registry
from penstock.version_status import State, VersionStatus


@dataclass(eq=False)
class Version:
    """As much of a ModelVersion as a registry looks at."""

    name: str
    number: int
    state: State
    reason: str = ""
    candidate: Any = field(init=False)

    def __post_init__(self) -> None:
        self.candidate = SimpleNamespace(name=self.name, version=self.number)

    @property
    def status(self) -> VersionStatus:
        return VersionStatus(self.name, self.number, self.state, self.reason, None)


def registry(*versions: Version) -> Registry:
    """In which these came one after the other."""
    made: Any = Registry()
    for version in versions:
        made.add(version)
    return made  # type: ignore[no-any-return]


def told(made: Registry, name: str | None = None) -> list[tuple[str, int, str, str]]:
    return [(each.name, each.version, each.state.value, each.reason) for each in made.statuses(name)]


def test_versions_are_told_by_name_then_number() -> None:
    made = registry(
        Version("spam", 1, State.READY), Version("fraud", 10, State.LOADING), Version("fraud", 9, State.READY)
    )
    assert told(made) == [
        ("fraud", 9, "READY", ""),
        ("fraud", 10, "LOADING", ""),
        ("spam", 1, "READY", ""),
    ]
    assert told(made, "spam") == [("spam", 1, "READY", "")]
    assert told(made, "nowhere") == []
    assert made.names() == ["fraud", "spam"]


def test_of_two_versions_with_one_number_the_one_that_serves_is_told_with_why_the_other_does_not() -> None:
    failed = Version("fraud", 1, State.UNAVAILABLE, "could not be loaded: why")
    made = registry(Version("fraud", 1, State.READY), failed)
    assert told(made) == [("fraud", 1, "READY", "what its folder holds now could not be loaded: why")]
    failed.state, failed.reason = State.WARMING, ""
    assert told(made) == [("fraud", 1, "READY", "")]


def test_of_two_versions_with_one_number_the_one_that_comes_is_told_before_the_one_that_goes() -> None:
    made = registry(Version("fraud", 1, State.DRAINING), Version("fraud", 1, State.WARMING))
    assert told(made) == [("fraud", 1, "WARMING", "")]


def test_a_version_that_failed_is_forgotten_when_its_number_comes_again() -> None:
    failed = Version("fraud", 1, State.UNAVAILABLE, "why")
    again = Version("fraud", 1, State.LOADING)
    made = registry(failed, Version("fraud", 2, State.UNAVAILABLE, "other"), again)
    assert told(made) == [("fraud", 1, "LOADING", ""), ("fraud", 2, "UNAVAILABLE", "other")]
    assert made.versions("fraud")[-1] is again  # type: ignore[comparison-overlap]


def test_a_folders_fault_is_told_beside_what_serves_until_it_is_mended() -> None:
    made = registry(Version("fraud", 1, State.READY))
    made.set_fault("fraud", "why")
    made.set_fault("spam", "nothing there")
    assert told(made) == [
        ("fraud", 1, "READY", ""),
        ("fraud", 0, "UNAVAILABLE", "why"),
        ("spam", 0, "UNAVAILABLE", "nothing there"),
    ]
    assert made.ready("fraud")
    assert not made.ready("spam")
    made.set_fault("fraud", "")
    made.set_fault("spam", "")
    made.set_fault("spam", "")
    assert told(made) == [("fraud", 1, "READY", "")]


def test_a_model_without_versions_and_faults_is_unknown() -> None:
    version: Any = Version("fraud", 1, State.DRAINING)
    made = registry(version)
    made.remove(version)
    made.remove(version)
    assert made.names() == []
    assert made.all_versions() == []
