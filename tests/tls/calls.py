"""A server with TLS, and calls to it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from penstock.pb import health_pb2, health_pb2_grpc
from tests.connection import OPTIONS
from tests.server_process import ServerProcess
from tests.tls.authority import Authority, Identity

LIMIT_S = 30


@dataclass(frozen=True)
class TlsServer:
    """The process, and the files that hold its certificate and key."""

    process: ServerProcess
    paths: tuple[Path, Path]

    @staticmethod
    def files(folder: Path) -> tuple[Path, Path]:
        return folder / "certificate.pem", folder / "key.pem"

    @staticmethod
    def write(paths: tuple[Path, Path], identity: Identity) -> None:
        """Replaces the files, each at once, as a secret's volume does."""
        for path, content in zip(paths, (identity.chain, identity.key), strict=True):
            new = path.with_suffix(".new")
            new.write_bytes(content)
            os.replace(new, path)  # noqa: PTH105 - Path.replace says less plainly that it is at once

    @property
    def address(self) -> str:
        return self.process.address

    def count(self, event: str) -> int:
        """How often an event has been logged."""
        return sum(each["event"] == event for each in list(self.process.events))

    @contextmanager
    def channel(self, trusts: Authority, identity: Identity | None = None) -> Iterator[grpc.Channel]:
        """A connection of its own."""
        credentials = grpc.ssl_channel_credentials(
            trusts.pem, identity.key if identity else None, identity.chain if identity else None
        )
        with grpc.secure_channel(self.address, credentials, OPTIONS) as channel:
            yield channel

    def status(self, trusts: Authority, identity: Identity | None = None) -> grpc.StatusCode:
        """How a call over a new connection ends."""
        with self.channel(trusts, identity) as channel:
            return check(channel)


def check(channel: grpc.Channel) -> grpc.StatusCode:
    """How a health check ends."""
    stub = health_pb2_grpc.HealthStub(channel)
    call = stub.Check.future(health_pb2.HealthCheckRequest(), timeout=LIMIT_S)
    return call.code()


def context(trusts: Authority, *protocols: str) -> ssl.SSLContext:
    """What a client of Python's own brings, with these protocols to choose from."""
    made = ssl.create_default_context(cadata=trusts.pem.decode())
    if protocols:
        made.set_alpn_protocols(list(protocols))
    return made
