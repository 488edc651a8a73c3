"""One real server with TLS and one that asks clients for certificates, at each door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import models
from tests.server_process import ServerProcess
from tests.tls.authority import Authority, Identity
from tests.tls.calls import TlsServer

DOORS = ("grpcio", "fast")


@pytest.fixture(scope="session", params=DOORS)
def door(request: pytest.FixtureRequest) -> str:
    """The name of the door."""
    return str(request.param)


@pytest.fixture(scope="session")
def authority() -> Authority:
    """Who signs everything that is good."""
    return Authority("good")


@pytest.fixture(scope="session")
def stranger() -> Authority:
    """Whom nobody trusts."""
    return Authority("good")


@pytest.fixture(scope="session")
def caller(authority: Authority) -> Identity:
    """A client's good certificate."""
    return authority.issue(uri="spiffe://example.org/caller", dns="caller.example.org")


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    models.write_echo(folder)
    return folder


@pytest.fixture(scope="session")
def server(
    door: str, repository: Path, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TlsServer]:
    """Clients need no certificate."""
    yield from _serve(door, repository, authority, tmp_path_factory.mktemp("tls"), client_ca=False)


@pytest.fixture(scope="session")
def strict_server(
    door: str, repository: Path, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TlsServer]:
    """Clients need a certificate of the authority's."""
    yield from _serve(door, repository, authority, tmp_path_factory.mktemp("tls"), client_ca=True)


def _serve(
    door: str, repository: Path, authority: Authority, folder: Path, *, client_ca: bool
) -> Iterator[TlsServer]:
    files = TlsServer.files(folder)
    TlsServer.write(files, authority.issue())
    (folder / "ca.pem").write_bytes(authority.pem)
    flags = ["--tls-certificate", str(files[0]), "--tls-key", str(files[1])]
    flags += ["--tls-client-ca", str(folder / "ca.pem")] if client_ca else []
    with ServerProcess(repository, "--door", door, *flags) as process:
        yield TlsServer(process, files)
