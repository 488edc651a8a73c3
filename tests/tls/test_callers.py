"""What the servicer behind the fast door is told of a caller's certificate; and handshakes that stall."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import ExitStack

import grpc
import pytest

from tests.door.recorder import ECHO, Recorder
from tests.fast_door import FastDoor, fast_door
from tests.frame_connection import FrameConnection
from tests.tls.authority import Authority, Identity
from tests.tls.calls import context

HEADER = "x-forwarded-client-cert"
# Nothing depends on how long the door waits, only that it does not wait for ever.
PATIENCE_S = 90.0
# A record's head, and nothing of the record.
HALF_HELLO = b"\x16\x03\x01\x02\x00"


def pem(authority: Authority, *, asks: bool) -> tuple[bytes, bytes, bytes | None]:
    """A server's certificate, its key, and whose certificates it asks of clients."""
    identity = authority.issue()
    return identity.chain, identity.key, authority.pem if asks else None


async def told(door: FastDoor, recorder: Recorder, credentials: grpc.ChannelCredentials) -> list[str | bytes]:
    """The header's values as the servicer has them, of a call that brings one of its own."""
    async with grpc.aio.secure_channel(door.address, credentials) as channel:
        await channel.unary_unary(ECHO)(b"", metadata=((HEADER, "URI=spiffe://example.org/somebody-else"),))
    return [value for key, value in recorder.metadata if key == HEADER]


async def test_the_servicer_is_told_the_names_of_a_certificate_and_no_others(
    authority: Authority, caller: Identity
) -> None:
    recorder = Recorder()
    credentials = grpc.ssl_channel_credentials(authority.pem, caller.key, caller.chain)
    async with fast_door(recorder, tls=pem(authority, asks=True)) as door:
        assert await told(door, recorder, credentials) == [
            "URI=spiffe://example.org/caller;DNS=caller.example.org"
        ]


async def test_nobody_can_claim_a_certificate_that_was_not_shown(authority: Authority) -> None:
    recorder = Recorder()
    credentials = grpc.ssl_channel_credentials(authority.pem)
    async with fast_door(recorder, tls=pem(authority, asks=False)) as door:
        assert await told(door, recorder, credentials) == []


@pytest.mark.slow
async def test_handshakes_that_stall_are_given_up(authority: Authority) -> None:
    async with fast_door(Recorder(), tls=pem(authority, asks=False)) as door:

        def stall() -> None:
            with ExitStack() as stack:
                connections = [
                    stack.enter_context(FrameConnection(door.address, preface=b"")),
                    stack.enter_context(FrameConnection(door.address, preface=HALF_HELLO)),
                    stack.enter_context(FrameConnection(_tls_socket(door, authority), preface=b"")),
                ]
                for connection in connections:
                    connection.wait_for_end(PATIENCE_S)

        await asyncio.to_thread(stall)


def _tls_socket(door: FastDoor, authority: Authority) -> ssl.SSLSocket:
    """A socket whose handshake is done, and on which nobody speaks HTTP/2."""
    plain = socket.create_connection(("127.0.0.1", door.door.port), PATIENCE_S)
    return context(authority, "h2").wrap_socket(plain, server_hostname="localhost")
