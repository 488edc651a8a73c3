"""The clients' calls over grpcio's channels: all methods, and whatever the fast transport does not offer."""

from __future__ import annotations

import queue
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from penstock.call_error import CallError, closed_error, failure_of
from penstock.channel import ChannelOptions, Tls, channel_options


class GrpcioTransport:
    """For threads. Starts grpcio's machinery at the first call, not before."""

    def __init__(self, target: str, tls: Tls | bool, options: ChannelOptions) -> None:
        self._target = target
        self._tls = tls
        self._options = channel_options(options)
        self._lock = threading.Lock()
        self._closed = False
        self._channel: grpc.Channel | None = None
        self._methods: dict[str, Any] = {}

    def send(self, method: str, request: bytes, timeout_s: float) -> bytes:
        """The answer to one call. Raises CallError."""
        try:
            answer: bytes = self._method(method)(request, timeout=timeout_s)
        except grpc.RpcError as error:
            failure = failure_of(error)
        else:
            return answer
        raise failure

    def many(self) -> GrpcioManyCalls:
        """An end for one thread that has many calls under way."""
        return GrpcioManyCalls(self._method)

    def close(self) -> None:
        """Ends the channel; calls under way fail CANCELLED."""
        with self._lock:
            self._closed = True
            if self._channel is not None:
                self._channel.close()

    def _method(self, name: str) -> Any:
        method = self._methods.get(name)
        if method is None or self._closed:
            with self._lock:
                if self._closed:
                    raise closed_error()
                if self._channel is None:
                    self._channel = _channel(grpc, self._target, self._tls, self._options)
                method = self._methods.setdefault(name, self._channel.unary_unary(name))
        return method


class GrpcioManyCalls:
    """The calls of one thread; what `_fastpath.ManyCalls` is for the fast transport."""

    def __init__(self, method: Callable[[str], Any]) -> None:
        self._method = method
        self._under_way: dict[int, Any] = {}
        self._ended: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()

    def submit(self, method: str, token: int, message: bytes, timeout_s: float) -> None:
        """Begins a call; `token` is its name in the replies."""
        call = self._method(method).future(message, timeout=timeout_s)
        self._under_way[token] = call
        call.add_done_callback(lambda ended: self._ended.put((token, ended)))

    def wait(self, at_most_s: float | None = None) -> list[tuple[int, bytes | CallError]]:
        """The replies that are there, once there is one; none where no call is under way, or none came in time."""
        if not self._under_way:
            return []
        try:
            ended = [self._ended.get(timeout=at_most_s)]
        except queue.Empty:
            return []
        while not self._ended.empty():
            ended.append(self._ended.get())
        for token, _ in ended:
            del self._under_way[token]
        return [(token, _outcome(call)) for token, call in ended]

    def close(self) -> None:
        """Cancels what is under way."""
        for call in self._under_way.values():
            call.cancel()


class AsyncGrpcioTransport:
    """For one running event loop."""

    def __init__(self, target: str, tls: Tls | bool, options: ChannelOptions) -> None:
        self._target = target
        self._tls = tls
        self._options = channel_options(options)
        self._closed = False
        self._channel: grpc.aio.Channel | None = None
        self._methods: dict[str, Callable[..., Awaitable[bytes]]] = {}

    async def send(self, method: str, request: bytes, timeout_s: float) -> bytes:
        """The answer to one call. Raises CallError."""
        if self._closed:
            raise closed_error()
        if method not in self._methods:
            if self._channel is None:
                self._channel = _channel(grpc.aio, self._target, self._tls, self._options)
            self._methods[method] = self._channel.unary_unary(method)
        try:
            return await self._methods[method](request, timeout=timeout_s)
        except grpc.RpcError as error:
            failure = failure_of(error)
        raise failure

    def gone(self, answer: Any) -> None:
        """Nobody waits any more for what `send` gave; grpcio has seen it by itself."""

    async def close(self) -> None:
        """Ends the channel; calls under way are cancelled."""
        self._closed = True
        if self._channel is not None:
            await self._channel.close()


def _outcome(call: Any) -> bytes | CallError:
    error = call.exception()
    if error is not None:
        return failure_of(error)
    answer: bytes = call.result()
    return answer


def _channel(library: Any, target: str, tls: Tls | bool, options: ChannelOptions) -> Any:
    if tls is False:
        return library.insecure_channel(target, options)
    certificates = tls if isinstance(tls, Tls) else Tls()
    credentials = grpc.ssl_channel_credentials(
        certificates.root_certificates, certificates.private_key, certificates.certificate_chain
    )
    return library.secure_channel(target, credentials, options)
