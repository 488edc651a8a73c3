"""One real server at the fast door, with one I/O thread.

What a hostile connection costs others shows most where all share a thread.
"""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests import models
from tests.connection import connection
from tests.server_process import ServerProcess

# Of CPU. Long enough that what is sent behind a running batch finds it running.
SLOW_MS = 1000


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Models: `echo`, FP32 of any length; `slow`, one row a batch."""
    repository: Path = tmp_path_factory.mktemp("models")
    models.write_echo(repository)
    models.write_slow(repository, SLOW_MS)
    with ServerProcess(repository, "--door", "fast", "--io-threads", "1") as process:
        assert process.serving["event"] == "serving"
        yield process


@pytest.fixture
def good(server: ServerProcess) -> Iterator[grpc.Channel]:
    """Somebody else's connection, which must not be lost."""
    with connection(server) as channel:
        yield channel
