"""`penstock repository`, and the clients' methods, against a server that lets callers load models."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock import AsyncClient, CallError, Client
from tests import models
from tests.server_process import ServerProcess, penstock


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    models.write_mlp(tmp_path)
    with ServerProcess(tmp_path, "--model-control", "explicit") as process:
        yield process


def test_a_model_is_loaded_shown_and_unloaded_by_command(server: ServerProcess) -> None:
    shown = penstock("repository", server.address)
    assert (shown.returncode, shown.stdout) == (0, "no model is loaded\n")
    loaded = penstock("repository", server.address, "--load", "mlp")
    assert (loaded.returncode, loaded.stderr) == (0, "")
    assert loaded.stdout.splitlines() == ["model  version  state", "mlp    1        READY"]
    unloaded = penstock("repository", server.address, "--unload", "mlp")
    assert unloaded.stdout == "no model is loaded\n"
    again = penstock("repository", server.address, "--unload", "mlp")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == 'penstock: NOT_FOUND: Model "mlp" is not in the repository.\n'


def test_a_version_that_does_not_load_is_shown_with_its_reason(server: ServerProcess) -> None:
    (server.repository / "mlp" / "1" / "model.pt").write_bytes(b"no model")
    loaded = penstock("repository", server.address, "--load", "mlp")
    assert loaded.returncode == 1
    assert "FAILED_PRECONDITION" in loaded.stderr
    shown = penstock("repository", server.address, "--json").stdout
    assert '"state": "UNAVAILABLE"' in shown
    assert "mlp/1/model.pt does not load" in shown


def test_both_clients_load_and_unload(server: ServerProcess) -> None:
    with Client(server.address) as client:
        client.load_model("mlp")
        assert [each.state for each in client.repository_index().models] == ["READY"]
        client.unload_model("mlp")
        with pytest.raises(CallError, match="NOT_FOUND"):
            client.load_model("other")

    async def asynchronously() -> list[str]:
        async with AsyncClient(server.address) as client:
            await client.load_model("mlp")
            index = await client.repository_index()
            await client.unload_model("mlp")
            return [each.state for each in index.models]

    assert asyncio.run(asynchronously()) == ["READY"]
