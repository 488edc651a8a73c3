"""The loading thread: one change of a model at a time, what serves stays until what replaces it serves."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import ConflictError, RepositoryError, UnknownModelError
from penstock.repository import changes, serving
from tests.unit.fake_versions import BUG, FAILS, WARM_UP_FAILS, Fake, fake, write_text
from tests.waiting import wait_for


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Fake]:
    """Loads what it is told to; nothing yet."""
    with fake(tmp_path) as running:
        yield running


def test_a_higher_version_is_routed_before_the_lower_one_is_not(running: Fake) -> None:
    running.write("fraud", 1)
    running.load("fraud")
    (first,) = running.engine.routed.values()
    running.write("fraud", 2)
    seen: list[set[Any]] = []
    unroute = running.engine.unroute

    def watched(queue: Any) -> bool:
        seen.append(set(running.engine.routed))
        return unroute(queue)

    running.engine.unroute = watched  # type: ignore[method-assign]
    with first.held():
        running.load("fraud")
        assert seen == [{("fraud", 1), ("fraud", 2)}]
        assert running.told("fraud") == {1: ("DRAINING", ""), 2: ("READY", "")}
    wait_for(lambda: running.told("fraud") == {2: ("READY", "")})
    assert running.engine.states == {("fraud", 2): "READY"}


@pytest.mark.parametrize(
    ("content", "words"), [(FAILS, "does not load"), (WARM_UP_FAILS, "does not warm up"), (BUG, "a secret")]
)
def test_a_version_that_fails_changes_nothing_that_serves(running: Fake, content: bytes, words: str) -> None:
    running.write("fraud", 1)
    running.load("fraud")
    before = dict(running.engine.routed)
    running.write("fraud", 2, content)
    with pytest.raises(RepositoryError, match=r'^Version 2 of model "fraud" could not be loaded') as caught:
        running.load("fraud")
    assert str(running.root) not in str(caught.value)
    assert running.engine.routed == before
    told = running.told("fraud")
    assert told[1] == ("READY", "")
    assert told[2][0] == "UNAVAILABLE"
    # What is no sentence of penstock's own stays in the log.
    assert (words in told[2][1]) == (content != BUG)
    assert (words in str(caught.value)) == (content != BUG)


def test_a_failed_version_is_tried_again_when_it_is_asked_for_again(running: Fake) -> None:
    running.write("fraud", 1, FAILS)
    for _ in range(2):
        with pytest.raises(RepositoryError):
            running.load("fraud")
    assert running.engine.loads == [("fraud", False)] * 2
    (running.root / "fraud" / "1" / "model.pt").write_bytes(b"")
    running.load("fraud")
    assert running.told("fraud") == {1: ("READY", "")}
    assert running.engine.unavailable.get(("fraud", None)) is None


def test_the_same_number_with_other_files_is_loaded_in_its_place(running: Fake) -> None:
    running.write("fraud", 1)
    running.load("fraud")
    (before,) = running.engine.routed.values()
    (running.root / "fraud" / "1" / "model.pt").write_bytes(b"other")
    running.load("fraud")
    (after,) = running.engine.routed.values()
    assert after is not before
    wait_for(lambda: len(running.repository.registry.versions("fraud")) == 1)
    assert running.engine.states == {("fraud", 1): "READY"}
    (running.root / "fraud" / "1" / "model.pt").write_bytes(FAILS)
    with pytest.raises(RepositoryError):
        running.load("fraud")
    assert list(running.engine.routed.values()) == [after]
    ((state, reason),) = running.told("fraud").values()
    assert state == "READY"
    assert reason.startswith("what its folder holds now could not be loaded: ")


def test_a_version_that_ends_as_soon_as_another_takes_its_number_is_forgotten(running: Fake) -> None:
    running.write("fraud", 1)
    running.load("fraud")
    (before,) = running.engine.routed.values()
    set_state = running.engine.set_state

    def end_the_other(name: str, number: int, state: str) -> None:
        set_state(name, number, state)
        if state == "READY" and running.engine.routed[name, number] is not before:
            running.engine.set_state = set_state  # type: ignore[method-assign]
            before.ended()

    running.engine.set_state = end_the_other  # type: ignore[method-assign]
    (running.root / "fraud" / "1" / "model.pt").write_bytes(b"other")
    running.load("fraud")
    assert len(running.repository.registry.versions("fraud")) == 1
    assert running.told("fraud") == {1: ("READY", "")}
    assert running.engine.states == {("fraud", 1): "READY"}


def test_an_unload_leaves_nothing_behind(running: Fake) -> None:
    running.write("fraud", 1)
    for _ in range(20):
        running.load("fraud")
        running.unload("fraud")
        assert running.told("fraud") == {}
        assert (running.engine.routed, running.engine.states, running.engine.unavailable) == ({}, {}, {})
    with pytest.raises(UnknownModelError, match='Model "fraud" is not in the repository'):
        running.unload("fraud")


def test_a_model_that_failed_can_be_unloaded(running: Fake) -> None:
    running.write("fraud", 1, WARM_UP_FAILS)
    with pytest.raises(RepositoryError):
        running.load("fraud")
    running.unload("fraud")
    assert running.told("fraud") == {}
    assert (running.engine.states, running.engine.unavailable) == ({}, {})


def test_an_unknown_model_is_not_looked_for_on_disk(running: Fake) -> None:
    for name in ("nowhere", "..", "/etc", "fraud/../.."):
        with pytest.raises(UnknownModelError):
            running.load(name)
        with pytest.raises(UnknownModelError):
            running.unload(name)


def test_a_second_change_of_a_model_is_refused_while_the_first_waits_or_runs(running: Fake) -> None:
    for name in ("fraud", "spam"):
        running.write(name, 1)
    running.load("fraud")
    (queue,) = running.engine.routed.values()
    with queue.held():
        out = running.repository.unload("fraud")
        waiting = running.repository.load("spam")
        for name, what in (("fraud", "unloaded"), ("spam", "loaded")):
            for change in (running.repository.load, running.repository.unload):
                with pytest.raises(ConflictError, match=f'Model "{name}" is being {what}; try again'):
                    change(name).result(30)
        assert not out.done()
        assert not waiting.done()
    out.result(30)
    waiting.result(30)
    running.load("fraud")


def test_the_next_version_waits_for_the_one_that_drains_but_no_longer_than_its_bound(
    running: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_DRAIN_S", 0.01)
    running.write("fraud", 1)
    running.load("fraud")
    (queue,) = running.engine.routed.values()
    with queue.held():
        running.write("fraud", 2)
        running.load("fraud")
        running.write("fraud", 3)
        running.load("fraud")
        assert running.told("fraud")[3] == ("READY", "")
        assert running.told("fraud")[1] == ("DRAINING", "")
    wait_for(lambda: running.told("fraud") == {3: ("READY", "")})


def test_a_folder_at_fault_is_told_of_to_those_who_watch(running: Fake) -> None:
    running.write("fraud", 1)
    (running.root / "fraud" / "model.toml").write_text("nonsense")
    before = running.changes
    with pytest.raises(RepositoryError, match=r"model\.toml"):
        running.load("fraud")
    assert running.changes > before
    assert running.told("fraud")[0][0] == "UNAVAILABLE"
    assert running.engine.unavailable["fraud", None] == "its folder cannot be served"


@pytest.mark.parametrize("control", ["none", "poll"])
def test_the_server_is_ready_when_what_it_began_with_serves(tmp_path: Path, control: str) -> None:
    write_text(tmp_path, "fraud", 1)
    write_text(tmp_path, "spam", 1, FAILS)
    with fake(tmp_path, control) as running:
        assert running.repository.not_ready() == "model spam version 1 could not be loaded"
        assert running.told("fraud") == {1: ("READY", "")}


def test_a_followed_model_that_is_deleted_is_not_waited_for(tmp_path: Path) -> None:
    write_text(tmp_path, "fraud", 1)
    write_text(tmp_path, "spam", 1)
    with fake(tmp_path, "poll", poll_s=0.01) as running:
        assert running.repository.not_ready() == ""
        shutil.rmtree(tmp_path / "spam")
        wait_for(lambda: running.told("spam") == {})
        assert running.repository.not_ready() == ""
        assert running.engine.states == {("fraud", 1): "READY"}


def test_a_look_that_fails_is_logged_and_the_next_one_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path, "fraud", 1)
    failed = threading.Event()
    with fake(tmp_path, "poll", poll_s=0.01) as running:
        candidates = changes._of_folder

        def fails_once(root: Path, folder: Path) -> Any:
            if not failed.is_set():
                failed.set()
                raise ZeroDivisionError
            return candidates(root, folder)

        monkeypatch.setattr(changes, "_of_folder", fails_once)
        assert failed.wait(30)
        running.write("fraud", 2)
        wait_for(lambda: running.told("fraud") == {2: ("READY", "")})
