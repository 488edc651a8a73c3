"""What a look at the repository's folders tells: changes that are finished, each once, and no loss."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from penstock import log
from penstock.repository.changes import Change, Changes
from tests.unit.test_repository import MODEL_TOML, write

EVERY_S = 15.0


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is logged as an error."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(log, "error", lambda event, **fields: found.append({"event": event} | fields))
    return found


def looks(changes: Changes, number: int, *known: str) -> list[Change]:
    """What so many looks tell together."""
    return [change for _ in range(number) for change in changes.look(known)]


def settled(root: Path, *known: str) -> Changes:
    """Has told of everything that is there."""
    changes = Changes(root, EVERY_S)
    looks(changes, 2, *known)
    return changes


def test_a_folder_is_told_of_at_the_second_look_that_finds_it_the_same_and_never_again(
    tmp_path: Path,
) -> None:
    write(tmp_path)
    changes = Changes(tmp_path, EVERY_S)
    assert changes.look([]) == []
    (told,) = changes.look([])
    assert (told.name, told.fault, told.removed) == ("fraud", "", False)
    assert told.wanted is not None
    assert [candidate.version for candidate in told.wanted] == [1]
    assert looks(changes, 5) == []


def test_a_file_that_grows_keeps_its_folder_from_being_told_of(tmp_path: Path) -> None:
    file = write(tmp_path) / "1" / "model.pt"
    changes = Changes(tmp_path, EVERY_S)
    for size in range(1, 10):
        file.write_bytes(b"x" * size)
        assert changes.look([]) == []
    assert [change.name for change in looks(changes, 3)] == ["fraud"]


@pytest.mark.parametrize("change", ["content", "time", "identity", "shared file", "model.toml"])
def test_each_kind_of_change_is_seen(tmp_path: Path, change: str) -> None:
    folder = write(tmp_path)
    changes = settled(tmp_path, "fraud")
    file = folder / "1" / "model.pt"
    if change == "content":
        file.write_bytes(b"longer than before")
    elif change == "time":
        os.utime(file, ns=(1, 1))
    elif change == "identity":
        other = shutil.copy2(file, tmp_path / ".other")
        Path(other).rename(file)
    elif change == "shared file":
        (folder / "words.txt").write_text("a\n")
    else:
        (folder / "model.toml").write_text(MODEL_TOML + "\n")
    assert [change.name for change in looks(changes, 3, "fraud")] == ["fraud"]


def test_another_versions_files_and_dot_folders_are_no_change(tmp_path: Path) -> None:
    folder = write(tmp_path, versions=("1", "2"))
    changes = settled(tmp_path, "fraud")
    (folder / "1" / "model.pt").write_bytes(b"other")
    (folder / ".3").mkdir()
    (folder / ".3" / "model.pt").write_bytes(b"growing")
    assert looks(changes, 3, "fraud") == []


def test_a_model_that_is_gone_is_told_of_at_the_second_look(tmp_path: Path) -> None:
    write(tmp_path, "spam")
    write(tmp_path)
    changes = settled(tmp_path, "fraud", "spam")
    shutil.rmtree(tmp_path / "spam")
    assert changes.look(["fraud", "spam"]) == []
    assert changes.look(["fraud", "spam"]) == [Change("spam", removed=True)]
    assert looks(changes, 3, "fraud") == []


def test_a_fault_is_told_once_and_again_when_it_is_another(tmp_path: Path) -> None:
    folder = write(tmp_path)
    changes = settled(tmp_path, "fraud")
    (folder / "model.toml").write_text("nonsense")
    (told,) = looks(changes, 4, "fraud")
    assert told.wanted is None
    assert "model.toml" in told.fault
    (folder / "model.toml").unlink()
    (told,) = looks(changes, 4, "fraud")
    assert told.fault
    (folder / "model.toml").write_text(MODEL_TOML)
    (told,) = looks(changes, 4, "fraud")
    assert told.wanted is not None


@pytest.mark.parametrize("empty", [True, False])
def test_a_repository_that_is_gone_is_logged_once_and_takes_nothing_away(
    tmp_path: Path, empty: bool, errors: list[dict[str, Any]]
) -> None:
    root = tmp_path / "models"
    write(root)
    changes = settled(root, "fraud")
    root.rename(tmp_path / "elsewhere")
    if empty:
        root.mkdir()
    assert looks(changes, 5, "fraud") == []
    assert [each["event"] for each in errors] == ["repository cannot be read"]
    if empty:
        root.rmdir()
    (tmp_path / "elsewhere").rename(root)
    assert looks(changes, 5, "fraud") == []
    root.rename(tmp_path / "elsewhere")
    assert looks(changes, 5, "fraud") == []
    assert len(errors) == 2


def test_a_loss_confirms_nothing_that_was_seen_just_before_it(tmp_path: Path) -> None:
    # A volume whose folders go one after the other while it is unmounted.
    root = tmp_path / "models"
    write(root, "fraud")
    write(root, "spam")
    changes = settled(root, "fraud", "spam")
    known = ["fraud", "spam"]
    (root / "fraud").rename(tmp_path / "fraud")
    assert changes.look(known) == []
    (root / "spam").rename(tmp_path / "spam")
    assert looks(changes, 3, *known) == []
    (tmp_path / "spam").rename(root / "spam")
    assert changes.look(known) == []
    (tmp_path / "fraud").rename(root / "fraud")
    assert looks(changes, 3, *known) == []


def test_an_empty_repository_that_never_had_a_model_is_no_loss(
    tmp_path: Path, errors: list[dict[str, Any]]
) -> None:
    changes = Changes(tmp_path, EVERY_S)
    assert looks(changes, 3) == []
    assert errors == []


def test_the_next_look_comes_sooner_while_something_changes(tmp_path: Path) -> None:
    write(tmp_path)
    changes = Changes(tmp_path, EVERY_S)
    changes.look([])
    sooner = changes.wait_s()
    changes.look([])
    assert sooner < changes.wait_s() / 2


def test_a_version_is_passed_over_until_every_file_that_its_manifest_names_is_there(tmp_path: Path) -> None:
    folder = write(tmp_path, versions=("1", "2"))
    (folder / "2" / "SHA256SUMS").write_text(f"{'0' * 64}  model.pt\n{'0' * 64}  words.txt\n")
    changes = Changes(tmp_path, EVERY_S)
    (told,) = looks(changes, 2)
    assert told.wanted is not None
    assert [candidate.version for candidate in told.wanted] == [1]
    (folder / "2" / "words.txt").touch()
    (told,) = looks(changes, 2)
    assert told.wanted is not None
    assert [candidate.version for candidate in told.wanted] == [2]


def test_links_in_circles_end(tmp_path: Path) -> None:
    folder = write(tmp_path)
    for name in ("a", "b", "c"):
        (folder / "1" / name).symlink_to(folder / "1")
    (told,) = looks(Changes(tmp_path, EVERY_S), 2)
    assert told.wanted is not None


def test_a_folder_that_cannot_be_read_is_a_fault_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "fraud")
    write(tmp_path, "spam")
    is_file = Path.is_file

    def denied(path: Path) -> bool:
        if path.parent == tmp_path / "spam" / "1":
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", denied)
    told = {change.name: change for change in looks(Changes(tmp_path, EVERY_S), 2)}
    assert told["fraud"].wanted is not None
    assert "Permission denied" in told["spam"].fault


def test_a_repository_that_is_a_link_is_followed_where_it_leads_now(tmp_path: Path) -> None:
    for copy in ("first", "second"):
        write(tmp_path / copy, versions=("1",))
    link = tmp_path / "models"
    link.symlink_to("first")
    changes = Changes(link, EVERY_S)
    assert len(looks(changes, 2)) == 1
    assert looks(changes, 2) == []
    link.unlink()
    link.symlink_to("second")
    (told,) = looks(changes, 2)
    assert [candidate.root for candidate in told.wanted or ()] == [tmp_path / "second"]


def test_a_model_whose_link_leads_nowhere_is_not_gone(tmp_path: Path) -> None:
    write(tmp_path / "volume")
    (tmp_path / "models").mkdir()
    link = tmp_path / "models" / "fraud"
    (tmp_path / "volume" / "fraud").rename(tmp_path / "models" / "real")
    link.symlink_to("real")
    changes = Changes(tmp_path / "models", EVERY_S)
    looks(changes, 2)
    (tmp_path / "models" / "real").rename(tmp_path / "models" / "other")
    told = {change.name: change for change in looks(changes, 2, "fraud")}
    assert "leads nowhere" in told["fraud"].fault
