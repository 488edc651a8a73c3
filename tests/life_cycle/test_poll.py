"""A server that follows its folders: what appears, changes and goes, and what must not change what serves."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from tests import models
from tests.gate import Gate
from tests.integration.calls import in_flight, infer_request, values
from tests.life_cycle import calls, written
from tests.life_cycle.conftest import polling
from tests.server_process import ServerProcess
from tests.waiting import wait_for


def serves(server: ServerProcess, model: str, version: str) -> None:
    """Waits until a version serves and no other is there; every call before that is answered by another."""
    wait_for(lambda: calls.states(server, model) == {version: "READY"})


def looked_again(server: ServerProcess) -> None:
    """Waits until whatever was in the folders has been looked at often enough to be acted upon."""
    probe = f"probe{written.new_number()}"
    written.write(server.repository, probe, 1)
    serves(server, probe, "1")
    written.remove(server.repository / probe)
    wait_for(lambda: not calls.index(server, probe))


def test_a_new_version_takes_over_and_the_lower_one_drains(polled: ServerProcess, model: str) -> None:
    written.write(polled.repository, model, 1)
    serves(polled, model, "1")
    written.write(polled.repository, model, 2)
    serves(polled, model, "2")
    assert calls.infer(polled, model) == ("2", 2)
    assert [each["version"] for each in calls.logged(polled, "model draining", model)] == [1]
    assert calls.metric_states(polled, model) == {"2": "READY"}


def test_a_version_that_is_copied_file_by_file_and_byte_by_byte_is_loaded_once_and_whole(
    polled: ServerProcess, model: str
) -> None:
    written.write(polled.repository, model, 1)
    serves(polled, model, "1")
    content = written.model_file(2)
    folder = polled.repository / model / "2"
    folder.mkdir()
    with (folder / "model.pt").open("wb", buffering=0) as file:
        for start in range(0, len(content), 64):
            file.write(content[start : start + 64])
            assert calls.infer(polled, model) in (("1", 1), ("2", 2))
    serves(polled, model, "2")
    assert calls.infer(polled, model) == ("2", 2)
    assert calls.loads(polled, model, "ok") == 2
    assert calls.loads(polled, model, "failed") == 0


def test_a_version_whose_manifest_names_what_is_not_there_yet_is_left_alone(
    polled: ServerProcess, model: str
) -> None:
    written.write(polled.repository, model, 1)
    serves(polled, model, "1")
    content = written.model_file(2)
    sums = written.manifest({"model.pt": content, "words": b"a\nb\n"})
    folder = written.write(polled.repository, model, 2, content, {"SHA256SUMS": sums})
    looked_again(polled)
    assert calls.index(polled, model) == {"1": ("READY", "")}
    assert calls.loads(polled, model, "failed") == 0
    (folder / "words").write_bytes(b"a\nb\n")
    serves(polled, model, "2")


@pytest.mark.parametrize("wrong", ["model.pt", "words", "not named"])
def test_a_version_that_is_not_what_its_manifest_says_is_refused(
    polled: ServerProcess, model: str, wrong: str
) -> None:
    written.write(polled.repository, model, 1)
    serves(polled, model, "1")
    content = written.model_file(2)
    sums = {
        "model.pt": written.manifest({"model.pt": b"other", "words": b"a\n"}),
        "words": written.manifest({"model.pt": content, "words": b"b\n"}),
        "not named": written.manifest({"words": b"a\n"}),
    }[wrong]
    written.write(polled.repository, model, 2, content, {"SHA256SUMS": sums, "words": b"a\n"})
    wait_for(lambda: calls.states(polled, model).get("2") == "UNAVAILABLE")
    assert "SHA" in calls.index(polled, model)["2"][1]
    assert calls.infer(polled, model) == ("1", 1)
    # It was refused before anything of it was run.
    assert "model warming" not in {
        each["event"]
        for each in list(polled.events)
        if (each.get("model"), each.get("version")) == (model, 2)
    }
    (polled.repository / model / "2" / "SHA256SUMS").write_bytes(
        written.manifest({"model.pt": content, "words": b"a\n"})
    )
    serves(polled, model, "2")


def test_a_deleted_version_gives_way_to_the_lower_one_and_its_calls_are_answered(
    polled: ServerProcess, model: str, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    written.write(polled.repository, model, 1)
    staged = models.write_gated(tmp_path / "staged", gate, model)
    (staged / "1").rename(polled.repository / model / "2")
    serves(polled, model, "2")
    with gate.closed():
        held = polled.inference.ModelInfer.future(infer_request(model, 3.0), timeout=calls.TIMEOUT_S)
        wait_for(lambda: in_flight(polled, model) == 1, during=held)
        written.remove(polled.repository / model / "2")
        wait_for(lambda: calls.states(polled, model) == {"1": "READY", "2": "UNLOADING"}, during=held)
        assert calls.infer(polled, model) == ("1", 1)
    assert values(held.result()) == (3.0,)
    serves(polled, model, "1")


def test_a_new_model_appears_and_a_deleted_one_goes(polled: ServerProcess, model: str) -> None:
    written.write(polled.repository, model, 7)
    serves(polled, model, "7")
    wait_for(lambda: calls.health(polled, model) == "SERVING")
    written.remove(polled.repository / model)
    wait_for(lambda: not calls.index(polled, model))
    answer = calls.infer(polled, model)
    assert isinstance(answer, calls.Refusal)
    assert answer.code is grpc.StatusCode.NOT_FOUND
    wait_for(lambda: calls.health(polled, model) == "UNKNOWN")
    assert calls.metric_states(polled, model) == {}


def test_a_changed_model_toml_is_taken_over_in_place(polled: ServerProcess, model: str) -> None:
    written.write(polled.repository, model, 1)
    serves(polled, model, "1")
    toml = polled.repository / model / "model.toml"
    changed = toml.with_suffix(".new")
    changed.write_text(f'description = "changed"\n{written.TOML}')
    changed.rename(toml)
    wait_for(lambda: calls.loads(polled, model, "ok") == 2)
    serves(polled, model, "1")
    assert calls.infer(polled, model) == ("1", 1)


@pytest.mark.parametrize("what", ["version", "folder"])
def test_what_is_broken_is_told_once_leaves_what_serves_alone_and_is_tried_again_when_it_changes(
    polled: ServerProcess, model: str, what: str
) -> None:
    written.write(polled.repository, model, 1)
    serves(polled, model, "1")
    folder = polled.repository / model
    if what == "version":
        written.write(polled.repository, model, 2, written.broken())
    else:
        (folder / "model.toml").write_text("nonsense")
    event = {"version": "model could not be loaded", "folder": "model folder cannot be served"}[what]
    wait_for(lambda: "UNAVAILABLE" in calls.states(polled, model).values())
    for _ in range(3):
        looked_again(polled)
    assert len(calls.logged(polled, event, model)) == 1
    assert calls.loads(polled, model, "failed") == (what == "version")
    (reason,) = [why for state, why in calls.index(polled, model).values() if state == "UNAVAILABLE"]
    assert reason
    assert str(polled.repository) not in reason
    assert calls.infer(polled, model) == ("1", 1)
    assert calls.ready_versions(polled, model) == ["1"]
    if what == "version":
        (folder / "2" / "model.pt").write_bytes(written.model_file(2))
        serves(polled, model, "2")
    else:
        (folder / "model.toml").write_text(written.TOML)
        serves(polled, model, "1")
        assert calls.infer(polled, model) == ("1", 1)


def test_a_broken_new_version_that_is_deleted_is_forgotten(polled: ServerProcess, model: str) -> None:
    written.write(polled.repository, model, 1)
    folder = written.write(polled.repository, model, 2, written.broken())
    wait_for(lambda: calls.states(polled, model) == {"2": "UNAVAILABLE"})
    assert isinstance(calls.infer(polled, model), calls.Refusal)
    written.remove(folder)
    serves(polled, model, "1")


def test_a_broken_version_that_is_the_highest_again_is_told_again(polled: ServerProcess, model: str) -> None:
    written.write(polled.repository, model, 1)
    written.write(polled.repository, model, 2, written.broken())
    wait_for(lambda: calls.states(polled, model).get("2") == "UNAVAILABLE")
    third = written.write(polled.repository, model, 3)
    serves(polled, model, "3")
    written.remove(third)
    wait_for(lambda: calls.states(polled, model) == {"2": "UNAVAILABLE", "3": "READY"})
    assert calls.infer(polled, model) == ("3", 3)


def test_a_new_model_that_is_broken_is_not_ready_and_leaves_the_server_ready(
    polled: ServerProcess, model: str
) -> None:
    written.write(polled.repository, model, 1, written.broken())
    wait_for(lambda: calls.states(polled, model) == {"1": "UNAVAILABLE"})
    assert not calls.is_routed(polled, model)
    assert polled.http("/readyz")[0] == 200


def test_a_folder_that_a_copy_grows_beside_the_versions_reloads_nothing(
    polled: ServerProcess, model: str
) -> None:
    written.write(polled.repository, model, 1)
    serves(polled, model, "1")
    staged = polled.repository / model / ".2.partial"
    staged.mkdir()
    (staged / "model.pt").write_bytes(written.model_file(2))
    looked_again(polled)
    assert calls.loads(polled, model, "ok") == 1
    staged.rename(polled.repository / model / "2")
    serves(polled, model, "2")
    assert calls.loads(polled, model, "ok") == 2


def test_links_in_circles_do_not_hold_up_the_looks(polled: ServerProcess, model: str) -> None:
    version = written.write(polled.repository, model, 1)
    for name in ("round", "and_round"):
        (version / name).symlink_to(version)
    looked_again(polled)
    assert calls.infer(polled, model) == ("1", 1)


def test_folders_with_impossible_names_are_told_once_and_nothing_else_is_touched(
    polled: ServerProcess,
) -> None:
    repo = os.fsencode(polled.repository)
    names = [b"readiness", b"liveness", b"a b", "früd".encode(), b"\xff\xfe", b"x" * 200, b"new\nline"]
    for name in names:
        os.mkdir(os.path.join(repo, name))  # noqa: PTH102, PTH118 - bytes are no Path
    looked_again(polled)
    looked_again(polled)
    assert calls.infer(polled, "stays") == ("1", 1)
    assert calls.health(polled, "readiness") == calls.health(polled, "") == "SERVING"
    assert polled.http("/readyz")[0] == 200
    assert len(calls.logged(polled, "model folder cannot be served", "readiness")) == 1
    for name in names:
        os.rmdir(os.path.join(repo, name))  # noqa: PTH106, PTH118


def test_a_reason_with_a_file_name_that_is_no_text_can_be_told(polled: ServerProcess, model: str) -> None:
    version = written.write(polled.repository, model, 1)
    os.symlink(b"/etc/passwd", os.path.join(os.fsencode(version), b"\xff\xfe"))  # noqa: PTH118, PTH211
    wait_for(lambda: "UNAVAILABLE" in calls.states(polled, model).values())
    assert "outside" in calls.index(polled, model)[""][1]


def gone(repo: Path) -> Callable[[], object]:
    place = repo.rename(repo.parent / "elsewhere")
    return lambda: place.rename(repo)


def emptied(repo: Path) -> Callable[[], object]:
    back = gone(repo)
    repo.mkdir()

    def restore() -> None:
        repo.rmdir()
        back()

    return restore


def a_file(repo: Path) -> Callable[[], object]:
    back = gone(repo)
    repo.touch()

    def restore() -> None:
        repo.unlink()
        back()

    return restore


def test_a_repository_that_is_gone_for_a_while_takes_nothing_away(tmp_path: Path) -> None:
    repo = tmp_path / "models"
    written.write(repo, "fraud", 1)
    written.write(repo, "spam", 2)
    with polling(repo) as server:
        for loses in (gone, emptied, a_file):
            before = _losses(server)
            restore = loses(repo)
            wait_for(lambda before=before: _losses(server) > before)
            for _ in range(100):
                assert calls.infer(server, "fraud") == ("1", 1)
                assert calls.infer(server, "spam") == ("2", 2)
            assert _losses(server) == before + 1
            assert server.http("/readyz")[0] == 200
            restore()
            looked_again(server)
        assert calls.loads(server, "fraud", "ok") == 1
        # What is really deleted goes, and the server is ready without it.
        written.remove(repo / "spam")
        wait_for(lambda: not calls.index(server, "spam"))
        assert server.http("/readyz")[0] == 200
        assert calls.health(server, "") == "SERVING"


def _losses(server: ServerProcess) -> int:
    return sum(each["event"] == "repository cannot be read" for each in list(server.events))


def test_a_polled_repository_may_begin_empty_or_with_broken_models(tmp_path: Path) -> None:
    repo = tmp_path / "models"
    repo.mkdir()
    with polling(repo) as server:
        written.write(repo, "fraud", 1)
        serves(server, "fraud", "1")
        assert calls.infer(server, "fraud") == ("1", 1)
