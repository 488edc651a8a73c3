"""Without control: what is there at the start serves, whatever becomes of the folders."""

from collections.abc import Callable, Iterator

import grpc
import pytest

from tests.life_cycle import calls, written
from tests.server_process import ServerProcess


@pytest.fixture(scope="module")
def uncontrolled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repo = tmp_path_factory.mktemp("none") / "models"
    written.write(repo, "fraud", 1)
    written.write(repo, "fraud", 2)
    with ServerProcess(repo, "--repository-poll-s", "0.1") as server:
        yield server
        assert server.process.poll() is None


def test_the_highest_version_serves(uncontrolled: ServerProcess) -> None:
    assert calls.infer(uncontrolled, "fraud") == ("2", 2)
    assert calls.index(uncontrolled, "fraud") == {"2": ("READY", "")}


@pytest.mark.parametrize("change", [calls.load, calls.unload])
@pytest.mark.parametrize("model", ["fraud", "nowhere", "../fraud"])
def test_callers_change_nothing_and_are_told_why(
    uncontrolled: ServerProcess, change: Callable[[ServerProcess, str], calls.Refusal | None], model: str
) -> None:
    refusal = change(uncontrolled, model)
    assert refusal is not None
    assert refusal.code is grpc.StatusCode.UNIMPLEMENTED
    assert "--model-control explicit" in refusal.details
    assert calls.infer(uncontrolled, "fraud") == ("2", 2)


def test_files_that_change_later_change_nothing(uncontrolled: ServerProcess) -> None:
    repo = uncontrolled.repository
    written.write(repo, "fraud", 3)
    written.write(repo, "spam", 1)
    written.remove(repo / "fraud" / "2")
    # Longer than several polls would take, by the server's own clock: it answers so many calls meanwhile.
    for _ in range(200):
        assert calls.infer(uncontrolled, "fraud") == ("2", 2)
    written.remove(repo / "fraud")
    for _ in range(200):
        assert calls.infer(uncontrolled, "fraud") == ("2", 2)
    assert calls.index(uncontrolled, "fraud") == {"2": ("READY", "")}
    assert calls.index(uncontrolled, "spam") == {}
    assert calls.loads(uncontrolled, "fraud", "ok") == 1
