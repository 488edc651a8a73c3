"""RPCs of the inference service that are asked for at the HTTP port: gRPC's handlers, with JSON around them.

So both are one implementation: what an RPC answers, and what it refuses in which words, is the servicer's to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from penstock import log
from penstock.errors import CallFailed
from penstock.plain_json import text
from penstock.rest_forms import FORMS, Path, read_object

if TYPE_CHECKING:
    from grpc import GenericRpcHandler, StatusCode

_DEADLINE_EXCEEDED = 4
_INTERNAL = 13
_LATE = "The call's time is over."
_SERVICE = "inference.GRPCInferenceService"
_PUSHBACK = "grpc-retry-pushback-ms"


class Reply(Protocol):
    """Where an answer goes: `_fastpath.HttpReply`."""

    def send(self, json: bytes, /) -> None:
        """The answer's body."""

    def refuse(self, code: int, message: str, pushback_ms: int | None = None, /) -> None:
        """GRPC's code, and a sentence."""


class RestCalls:
    """The way from the HTTP port's threads to the handlers, which belong to an event loop."""

    def __init__(self, handlers: GenericRpcHandler, loop: asyncio.AbstractEventLoop) -> None:
        self._handlers: Any = handlers
        self._loop = loop
        # An event loop itself keeps no task alive.
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(  # noqa: PLR0913, PLR0917 - what a call is
        self,
        method: str,
        repository: str,
        name: str,
        version: str,
        body: bytes,
        timeout_s: float | None,
        reply: Reply,
    ) -> None:
        """From any thread; the answer goes to `reply`."""
        path = Path(repository, name, version)
        self._loop.call_soon_threadsafe(self._begin, method, path, body, timeout_s, reply)

    def _begin(self, method: str, path: Path, body: bytes, timeout_s: float | None, reply: Reply) -> None:
        if timeout_s is not None and timeout_s <= 0:
            # What answers without waiting would be in time all the same.
            reply.refuse(_DEADLINE_EXCEEDED, _LATE)
            return
        task = self._loop.create_task(self._run(method, path, body, timeout_s, reply))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, method: str, path: Path, body: bytes, timeout_s: float | None, reply: Reply) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                reply.send(await self._answer(method, path, body, timeout_s))
        except CallFailed as failure:
            reply.refuse(failure.code, failure.message, failure.pushback_ms)
        except TimeoutError:
            reply.refuse(_DEADLINE_EXCEEDED, _LATE)
        except Exception as error:  # noqa: BLE001 - the caller is told, and the log has it
            log.error("call failed", cause=error, method=method)
            reply.refuse(_INTERNAL, "The call failed; the server's log says why.")

    async def _answer(self, method: str, path: Path, body: bytes, timeout_s: float | None) -> bytes:
        form = FORMS[method]
        request = form.request(path, read_object(body)).SerializeToString()
        handler = self._handlers.service(_Called(f"/{_SERVICE}/{method}"))
        answer = await handler.unary_unary(request, _Context(self._loop, timeout_s))
        return text(form.answer(answer))


@dataclass(frozen=True, slots=True)
class _Called:
    """What gRPC tells of a call to who looks for its handler."""

    method: str
    invocation_metadata: tuple[()] = ()


class _Context:
    """What the RPCs behind FORMS ask of gRPC's `ServicerContext`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout_s: float | None) -> None:
        self._loop = loop
        self._until = None if timeout_s is None else loop.time() + timeout_s

    def time_remaining(self) -> float | None:
        """Seconds, or None where the caller set no deadline."""
        return None if self._until is None else max(0.0, self._until - self._loop.time())

    def invocation_metadata(self) -> tuple[()]:
        """HTTP's headers are not gRPC's metadata."""
        return ()

    async def abort(
        self, code: StatusCode, details: str = "", trailing_metadata: Sequence[tuple[str, str | bytes]] = ()
    ) -> NoReturn:
        """Ends the call; HTTP has no place for other trailers than the pushback."""
        pushback = next((int(value) for name, value in trailing_metadata if name == _PUSHBACK), None)
        raise CallFailed(code.value[0], details, pushback_ms=pushback)
