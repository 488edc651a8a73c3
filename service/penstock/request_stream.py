"""One stream of requests: each gets one answer, in order unless the request says otherwise.

What the bytes say is the form's business (`stream_forms`), how an answer comes about the engine's. No grpc here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial

from penstock.errors import CallFailed
from penstock.stream_forms import Head, StreamForm


@dataclass(eq=False, slots=True)
class _Request:
    """A request of the stream: its head, and the ticket and future of its call."""

    head: Head
    future: asyncio.Future[bytes]
    ticket: int = 0


class RequestStream:
    """Runs one stream, on the event loop; at most `max_in_flight` requests are read and not answered.

    A request counts until its answer has been taken, so a caller who does not read stops being read.
    """

    def __init__(
        self,
        form: StreamForm,
        submit: Callable[[bytes, asyncio.Future[bytes]], int],
        cancel: Callable[[int], None],
        max_in_flight: int,
    ) -> None:
        """`submit` starts a call and gives its ticket, `cancel` takes the ticket of one nobody waits for."""
        self.drained = False
        self._form = form
        self._submit = submit
        self._cancel = cancel
        self._room = asyncio.Semaphore(max_in_flight)
        self._reader: asyncio.Task[None] | None = None
        self._read_all = False
        self._open: dict[_Request, None] = {}
        self._in_order: deque[_Request] = deque()
        self._answered: asyncio.Queue[_Request | None] = asyncio.Queue()

    async def answers(self, requests: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Serialized responses, one a request, until `requests` ends and all are answered."""
        reader = self._reader = asyncio.create_task(self._read(requests))
        # Not a `finally` of the task: one that is cancelled before its first step never gets there.
        reader.add_done_callback(self._has_read_all)
        if self.drained:
            reader.cancel()
        try:
            while (request := await self._answered.get()) is not None:
                yield self._answer(request)
                self._room.release()
            if not self.drained:
                await reader
        finally:
            reader.cancel()
            for request in self._open:
                self._cancel(request.ticket)

    def drain(self) -> None:
        """Reads no more; what was read is answered, then the answers end."""
        self.drained = True
        if self._reader is not None:
            self._reader.cancel()

    async def _read(self, requests: AsyncIterator[bytes]) -> None:
        # A request is read when there is room for it: what waits, waits in the transport.
        while await self._room.acquire():
            raw = await anext(requests, None)
            if raw is None:
                return
            self._accept(raw)

    def _has_read_all(self, _: asyncio.Task[None]) -> None:
        self._read_all = True
        self._end_if_answered()

    def _accept(self, raw: bytes) -> None:
        request = _Request(self._form.head(raw), asyncio.get_running_loop().create_future())
        self._open[request] = None
        if not request.head.unordered:
            self._in_order.append(request)
        request.ticket = self._submit(raw, request.future)
        request.future.add_done_callback(partial(self._settled, request))

    def _settled(self, request: _Request, future: asyncio.Future[bytes]) -> None:
        # asyncio logs a failure that nobody has looked at, which is what a caller who leaves would make of it.
        future.exception()
        del self._open[request]
        if request.head.unordered:
            self._answered.put_nowait(request)
        while self._in_order and self._in_order[0] not in self._open:
            self._answered.put_nowait(self._in_order.popleft())
        self._end_if_answered()

    def _end_if_answered(self) -> None:
        if self._read_all and not self._open:
            self._answered.put_nowait(None)

    def _answer(self, request: _Request) -> bytes:
        failure = request.future.exception()
        if failure is None:
            return self._form.answer(request.future.result())
        if isinstance(failure, CallFailed):
            return self._form.failure(request.head.id, failure)
        raise failure
