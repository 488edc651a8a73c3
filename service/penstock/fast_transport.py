"""The clients' hot calls over the extension's own channel, which costs a Python caller a twentieth of grpcio's.

It speaks unary gRPC to one server, by name, address or Unix socket; it goes straight there, whatever proxy the
environment names.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from pathlib import Path
from typing import Any

from penstock import _fastpath
from penstock.call_error import closed_error, failure_told
from penstock.channel import (
    KEEPALIVE_TIME_MS,
    KEEPALIVE_TIMEOUT_MS,
    MAX_MESSAGE_BYTES,
    ChannelOptions,
    Tls,
    Transport,
)


def fast_channel(
    target: str, tls: Tls | bool, options: ChannelOptions, transport: Transport
) -> _fastpath.Channel | None:
    """The channel; None where grpcio is asked for, or "auto" meets what grpcio alone does.

    Raises ValueError where "fast" is asked for and cannot be had, and for certificates that cannot be read.
    """
    if transport not in ("auto", "fast", "grpcio"):
        raise ValueError(f"found transport={transport!r}, allowed: 'auto', 'fast' or 'grpcio'")
    if transport == "grpcio":
        return None
    obstacle = ""
    if options:
        obstacle = "grpc channel options are given"
    elif not _fastpath.Channel.takes(target):
        obstacle = f"the target {target!r} is no host:port, and no unix:path"
    if obstacle and transport == "fast":
        raise ValueError(f"transport='fast' cannot be had: {obstacle}")
    if obstacle:
        return None
    certificates = tls if isinstance(tls, Tls) else Tls()
    roots = None if tls is False else certificates.root_certificates or grpc_root_certificates()
    return _fastpath.Channel(
        target,
        failure_told,
        root_certificates=roots,
        private_key=certificates.private_key,
        certificate_chain=certificates.certificate_chain,
        max_receive_bytes=MAX_MESSAGE_BYTES,
        max_send_bytes=MAX_MESSAGE_BYTES,
        keepalive_time_ms=KEEPALIVE_TIME_MS,
        keepalive_timeout_ms=KEEPALIVE_TIMEOUT_MS,
    )


def grpc_root_certificates() -> bytes:
    """Those that come with grpcio, so that both transports trust the same; read without importing it."""
    spec = importlib.util.find_spec("grpc")
    folders = (spec.submodule_search_locations if spec else None) or ()
    for folder in folders:
        with contextlib.suppress(OSError):
            return (Path(folder) / "_cython" / "_credentials" / "roots.pem").read_bytes()
    raise ValueError("tls=True: grpcio's root certificates are not installed; give Tls(root_certificates=…)")


class FastTransport:
    """For threads."""

    def __init__(self, channel: _fastpath.Channel) -> None:
        self._channel = channel
        self.send = channel.call
        self.many = channel.many
        self.close = channel.close


class AsyncFastTransport:
    """For one running event loop at a time."""

    def __init__(self, channel: _fastpath.Channel) -> None:
        self._channel = channel
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def send(self, method: str, request: bytes, timeout_s: float) -> asyncio.Future[bytes]:
        """The answer to one call, to be awaited at once. Raises CallError, here or there."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._attach(loop)
        return self._calls.call(method, request, timeout_s)

    def gone(self, answer: Any) -> None:
        """Nobody waits any more for what `send` gave: its call is cancelled."""
        self._calls.cancel(answer)

    async def close(self) -> None:
        """Ends the channel; calls under way are cancelled."""
        self._closed = True
        self._detach()
        self._channel.close()

    def _attach(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._closed:
            raise closed_error()
        self._detach()
        self._calls = self._channel.loop_calls(loop)
        loop.add_reader(self._calls.fileno(), self._calls.deliver)
        self._loop = loop

    def _detach(self) -> None:
        loop, self._loop = self._loop, None
        # What waits in a loop that is closed waits for ever, whatever is done.
        if loop is not None and not loop.is_closed():
            loop.remove_reader(self._calls.fileno())
            self._calls.close()
