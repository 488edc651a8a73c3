"""Servers: one of its own for every test that stops it, fills it, or counts what it did, and one for the others."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import models
from tests.gate import Gate
from tests.server_process import ServerProcess

QUEUE_ROWS = 4


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """Of the model `gated`."""
    return Gate(tmp_path)


@pytest.fixture
def server(tmp_path: Path, gate: Gate) -> Iterator[ServerProcess]:
    """Models: `mlp`; `gated`, one row a batch and QUEUE_ROWS in the queue; `raises`; `bad_output`."""
    repository = tmp_path / "models"
    models.write_mlp(repository)
    models.write_raises(repository)
    models.write_bad_output(repository)
    models.write_gated(repository, gate, queue_capacity_rows=QUEUE_ROWS)
    with ServerProcess(repository) as process:
        yield process


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """Where a test writes its models."""
    return tmp_path / "models"


@pytest.fixture(scope="session")
def two_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of `mlp` and `raises`."""
    repo = tmp_path_factory.mktemp("models")
    models.write_mlp(repo)
    models.write_raises(repo)
    return repo


@pytest.fixture(scope="session")
def standing_server(two_models: Path) -> Iterator[ServerProcess]:
    """Of `two_models`, for tests that leave it as it was."""
    with ServerProcess(two_models) as running:
        yield running
