"""One real server at the fast door, with one I/O thread.

What a hostile connection costs others shows most where all share a thread.
"""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests import models
from tests.connection import connection
from tests.gate import Gate
from tests.server_process import ServerProcess


@pytest.fixture(scope="session")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """Holds the runs of the model `gated`."""
    return Gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture(scope="session")
def server(gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Models: `echo`, FP32 of any length; `gated`, one row a batch."""
    repository: Path = tmp_path_factory.mktemp("models")
    models.write_echo(repository)
    models.write_gated(repository, gate)
    with ServerProcess(repository, "--door", "fast", "--io-threads", "1") as process:
        assert process.serving["event"] == "serving"
        yield process


@pytest.fixture
def good(server: ServerProcess) -> Iterator[grpc.Channel]:
    """Somebody else's connection, which must not be lost."""
    with connection(server) as channel:
        yield channel
