"""The streams that are open on this server: where each one runs, and how all of them end when the server stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import grpc

from penstock.request_stream import RequestStream
from penstock.rpc_handlers import Context, abort
from penstock.stream_forms import StreamForm


class OpenStreams:
    """The open streams of all streaming methods. For the event loop alone."""

    def __init__(self, cancel: Callable[[int], None], max_in_flight: int) -> None:
        """`cancel` takes the ticket of a call nobody waits for; `max_in_flight` is that of each stream."""
        self._cancel = cancel
        self._max_in_flight = max_in_flight
        self._streams: set[RequestStream] = set()
        self._drained = False

    async def run(
        self,
        form: StreamForm,
        submit: Callable[[bytes, float | None, asyncio.Future[bytes]], int],
        requests: AsyncIterator[bytes],
        context: Context,
    ) -> None:
        """Answers what comes on a stream, to its end; the stream's deadline is each request's."""

        def submit_in_time(raw: bytes, future: asyncio.Future[bytes]) -> int:
            return submit(raw, context.time_remaining(), future)

        stream = RequestStream(form, submit_in_time, self._cancel, self._max_in_flight)
        if self._drained:
            stream.drain()
        self._streams.add(stream)
        try:
            async with aclosing(stream.answers(requests)) as answers:
                async for answer in answers:
                    await context.write(answer)
        finally:
            self._streams.discard(stream)
        if stream.drained:
            await abort(context, grpc.StatusCode.UNAVAILABLE, "the server is stopping")

    def drain(self) -> None:
        """Ends the open streams, once what they have sent is answered, and those to come."""
        self._drained = True
        for stream in self._streams:
            stream.drain()
