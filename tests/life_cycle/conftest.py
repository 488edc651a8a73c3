"""One server for each way of control, which tests share by having models of their own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.life_cycle import written
from tests.server_process import ServerProcess

POLL_S = "0.1"
_names = itertools.count(1)


@pytest.fixture
def model() -> str:
    """A name that no other test has."""
    return f"model{next(_names)}"


@pytest.fixture(scope="session")
def explicit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Loads what it is told to; began with nothing, though `unasked` is there."""
    repo = tmp_path_factory.mktemp("explicit") / "models"
    written.write(repo, "unasked", 1)
    with ServerProcess(repo, "--model-control", "explicit") as server:
        yield server
        assert server.process.poll() is None
        assert server.other_lines == []


@pytest.fixture(scope="session")
def polled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Follows its folders; `stays` is there from the start and nobody's."""
    repo = tmp_path_factory.mktemp("polled") / "models"
    written.write(repo, "stays", 1)
    with polling(repo) as server:
        yield server
        assert server.process.poll() is None
        assert server.other_lines == []


def polling(repo: Path, *flags: str) -> ServerProcess:
    """A server that follows these folders."""
    return ServerProcess(repo, "--model-control", "poll", "--repository-poll-s", POLL_S, *flags)
