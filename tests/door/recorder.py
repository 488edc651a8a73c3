"""A servicer that does what a test's call asks, and remembers what it saw."""
# ruff: noqa: ARG002 - gRPC says what a handler is given

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

ECHO, STREAM, HOLD, FAIL = "/test.Echo/Echo", "/test.Echo/Stream", "/test.Echo/Hold", "/test.Echo/Fail"


class Recorder(grpc.GenericRpcHandler):
    """Each method once, and what it has seen.

    Attributes:
        metadata: of the last call.
        time_left: of the last call, in seconds; None: it has no deadline.
        open: calls that have begun and not ended.
        most_open: how many there were at a time.

    """

    def __init__(self) -> None:
        self.metadata: list[tuple[str, str | bytes]] = []
        self.time_left: float | None = None
        self.open = 0
        self.most_open = 0
        self.changed = asyncio.Condition()
        self.release = asyncio.Event()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The call's handler; none for a method that there is not."""
        method = handler_call_details.method
        if method in {ECHO, HOLD, FAIL}:
            return grpc.unary_unary_rpc_method_handler(
                {ECHO: self._echo, HOLD: self._hold, FAIL: self._fail}[method]
            )
        return grpc.stream_stream_rpc_method_handler(self._stream) if method == STREAM else None

    async def wait_until_open(self, count: int) -> None:
        """Waits until so many calls are open; whoever waits in vain ends by its own limit."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.open == count)

    async def _count(self, by: int) -> None:
        async with self.changed:
            self.open += by
            self.most_open = max(self.most_open, self.open)
            self.changed.notify_all()

    def _see(self, context: Any) -> None:
        self.metadata = [(str(key), value) for key, value in context.invocation_metadata()]
        self.time_left = context.time_remaining()

    async def _echo(self, message: bytes, context: Any) -> bytes:
        self._see(context)
        echoed = [(key, value) for key, value in self.metadata if key.startswith("x-echo")]
        await context.send_initial_metadata(echoed)
        context.set_trailing_metadata([(f"x-trailing-{key}", value) for key, value in echoed])
        return message

    async def _hold(self, message: bytes, context: Any) -> bytes:
        self._see(context)
        await self._count(1)
        try:
            await self.release.wait()
        finally:
            await asyncio.shield(self._count(-1))
        return message

    async def _fail(self, message: bytes, context: Any) -> bytes:
        context.set_trailing_metadata([("x-why", "as asked"), ("x-why-bin", b"\x00\xff")])
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "50 % of the\nmessage: é")
        raise AssertionError

    async def _stream(self, messages: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for message in messages:
            yield message
