"""What a server begins with, by who controls its models."""

from pathlib import Path

import pytest

from penstock.errors import RepositoryError
from penstock.repository import first
from tests.unit.test_repository import write


def begun(root: Path, control: str, load_models: str = "") -> list[str]:
    """The versions that are to be loaded."""
    wanted = first(str(root), control, load_models).wanted
    return [f"{candidate.name}/{candidate.version}" for candidate in wanted]


@pytest.fixture
def three(tmp_path: Path) -> Path:
    write(tmp_path, "fraud", ("1", "2"))
    write(tmp_path, "spam")
    write(tmp_path, "risk")
    return tmp_path


@pytest.mark.parametrize(
    ("control", "load_models", "names"),
    [
        ("none", "", ["fraud/2", "risk/1", "spam/1"]),
        ("poll", "", ["fraud/2", "risk/1", "spam/1"]),
        ("explicit", "", []),
        ("explicit", "*", ["fraud/2", "risk/1", "spam/1"]),
        ("explicit", "spam, fraud,", ["spam/1", "fraud/2"]),
        ("explicit", "spam,spam", ["spam/1"]),
    ],
)
def test_each_control_begins_with_its_models(
    three: Path, control: str, load_models: str, names: list[str]
) -> None:
    assert begun(three, control, load_models) == names


def test_only_a_followed_repository_begins_with_a_model_at_fault_or_a_version_that_is_not_whole(
    three: Path,
) -> None:
    (three / "spam" / "model.toml").unlink()
    (three / "fraud" / "2" / "model.pt").unlink()
    begin = first(str(three), "poll", "")
    assert {candidate.name: candidate.version for candidate in begin.wanted} == {"fraud": 1, "risk": 1}
    assert begin.faults.keys() == {"spam"}
    assert "model.toml" in begin.faults["spam"]
    assert begun(three, "explicit", "risk") == ["risk/1"]
    for control, load_models in (
        ("none", ""),
        ("explicit", "*"),
        ("explicit", "fraud"),
        ("explicit", "spam"),
    ):
        with pytest.raises(RepositoryError):
            first(str(three), control, load_models)


def test_a_followed_or_asked_for_repository_may_be_empty(tmp_path: Path) -> None:
    assert begun(tmp_path, "poll") == begun(tmp_path, "explicit") == []
    with pytest.raises(RepositoryError, match="no model here"):
        first(str(tmp_path), "none", "")


@pytest.mark.parametrize("control", ["none", "poll", "explicit"])
def test_a_repository_that_is_not_there_ends_the_start(tmp_path: Path, control: str) -> None:
    with pytest.raises(RepositoryError, match="cannot be read"):
        first(str(tmp_path / "nowhere"), control, "")


@pytest.mark.parametrize("name", ["frauds", "../fraud", "/etc", ".", "fraud/1", "fra\0ud"])
def test_a_name_that_is_no_folder_here_ends_the_start(three: Path, name: str) -> None:
    with pytest.raises(RepositoryError, match="load_models: no model"):
        first(str(three), "explicit", name)
