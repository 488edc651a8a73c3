"""build → serve → drain → stop: the life of a serving process, and the one place where its parts meet.

Threads: the event loop's, which answers RPCs; one that loads the models and ends; the model threads
(`runtime`); and the engine's own for metrics and probes.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any

import grpc
import uvloop

from penstock import health, log, repository
from penstock._fastpath import Calls, Engine, __version__
from penstock.config import Settings
from penstock.errors import CallFailed, ListenError
from penstock.health import Health
from penstock.open_streams import OpenStreams
from penstock.pb import inference_pb2, prediction_pb2, probe_pb2
from penstock.reflection import Reflection
from penstock.repository import Model
from penstock.rpc_handlers import rpc_handlers
from penstock.servicer import RAW_METHODS, InferenceServicer, PredictionServicer, ProbeServicer, Served
from penstock.stream_forms import MAX_ADDED_BYTES

_INFERENCE = inference_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
_PREDICTION = prediction_pb2.DESCRIPTOR.services_by_name["Prediction"]
_PROBE = probe_pb2.DESCRIPTOR.services_by_name["Probe"]
_HEALTH = "grpc.health.v1.Health"

# Calls that outlive their connection's age; a client that sets no deadline gets less than this anyway.
_CONNECTION_AGE_GRACE_MS = 60_000
# A peer that is gone without a word is found within 80 s.
_KEEPALIVE_TIME_MS = 60_000
_KEEPALIVE_TIMEOUT_MS = 20_000
# An open socket that never speaks HTTP/2 is closed; what linkerd gives a protocol to show itself.
_HANDSHAKE_TIMEOUT_MS = 10_000
# Tokens and trace contexts take a part of it. Beyond the first some calls are refused RESOURCE_EXHAUSTED, the more
# the larger, beyond the second all; both are also grpc's defaults, stated so that a new grpc cannot move them.
_METADATA_SOFT_BYTES = 8 * 1024
_METADATA_HARD_BYTES = 16 * 1024
# A client may ping once in this time while no data flows, calls or none; one that does so earlier three times loses
# its connection (GOAWAY, ENHANCE_YOUR_CALM).
_PING_INTERVAL_MS = 300_000
_PING_STRIKES = 2
# How long the end of the last accepted call may go unnoticed.
_DRAIN_LOOK_S = 0.01
# For answers that are settled but not yet written when the time to drain is over.
_LAST_WRITES_S = 1.0
# Model threads end with their queue at once, unless a model does not return.
_JOIN_TIMEOUT_S = 1.0


def serve(settings: Settings) -> int:
    """Serves until SIGTERM or SIGINT; gives the exit code.

    Raises RepositoryError or ListenError before anything is served.
    """
    models = repository.scan(settings.repository)
    # A grpc.aio handler that answers empty bytes took 297 µs of server CPU on uvloop and 360 µs on
    # asyncio's own loop; with a future that is settled in bulk 305 and 335 (medians of 5 runs of
    # 14,000 calls, 64 in flight, 2 cores shared with the load).
    ended = uvloop.run(_Server(settings, models).run())
    if not ended:
        # A thread that comes back from a model while Python is being torn down would end it with an abort.
        log.warning("stopped", forced=True)
        os._exit(0)
    log.info("stopped", forced=False)
    return 0


@dataclass(frozen=True)
class _Doors:
    """What listens: the gRPC server and the services that have a life of their own."""

    grpc_server: grpc.aio.Server
    health: Health
    streams: OpenStreams
    port: int
    metrics_port: int


class _Server:
    """One serving process. Its coroutines run in order: build, serve, drain, stop."""

    def __init__(self, settings: Settings, models: dict[str, Model]) -> None:
        self._settings = settings
        self._models = models
        self._draining = False
        self._engine = Engine(
            default_timeout_ms=settings.default_timeout_ms,
            max_timeout_ms=settings.max_timeout_ms,
            max_send_bytes=settings.max_send_bytes,
            server_version=__version__,
        )

    async def run(self) -> bool:
        """Gives whether every thread has ended, so that the interpreter can."""
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        calls = self._engine.calls(CallFailed)
        loop.add_reader(calls.fileno(), calls.deliver)
        doors = await self._build(calls)
        loading = self._start_loading(doors)
        await stop.wait()
        await self._drain(doors)
        loop.remove_reader(calls.fileno())
        return self._stop(loading)

    async def _build(self, calls: Calls) -> _Doors:
        """Everything that listens. It is alive from here on, and ready once the models are."""
        settings = self._settings
        served = Served(self._models, __version__, self._not_ready)
        streams = OpenStreams(calls.cancel, settings.max_stream_in_flight)
        server = grpc.aio.server(options=grpc_options(settings))
        # In the order in which they are looked through for a call's method.
        server.add_generic_rpc_handlers(
            (
                rpc_handlers(_INFERENCE, InferenceServicer(served, calls, streams), RAW_METHODS),
                rpc_handlers(_PREDICTION, PredictionServicer(calls, streams), RAW_METHODS),
                rpc_handlers(_PROBE, ProbeServicer(served)),
            )
        )
        healths = Health()
        healths.add_to(server)
        if settings.reflection:
            services = (_INFERENCE.full_name, _PREDICTION.full_name, _PROBE.full_name, _HEALTH)
            Reflection(services).add_to(server)
        for model in self._models.values():
            # A call may come before the loading thread gets to the model.
            self._engine.set_unavailable(model.name, None, f"version {model.version} is loading")
            _announce(healths, model)
        port = _listen(server, settings)
        try:
            metrics_port = self._engine.serve_metrics(settings.metrics_host, settings.metrics_port)
        except OSError as error:
            raise _listen_error(settings.metrics_host, settings.metrics_port, error) from error
        await server.start()
        loading = [f"{model.name}/{model.version}" for model in self._models.values()]
        log.info("listening", host=settings.host, port=port, metrics_port=metrics_port, loading=loading)
        return _Doors(server, healths, streams, port, metrics_port)

    def _start_loading(self, doors: _Doors) -> threading.Thread:
        loop = asyncio.get_running_loop()

        def publish() -> None:
            loop.call_soon_threadsafe(self._publish, doors)

        def load_all() -> None:
            for model in self._models.values():
                model.load(self._engine, self._settings.intra_op_threads, publish)
                publish()
            loop.call_soon_threadsafe(self._report, doors)

        loading = threading.Thread(target=load_all, name="loading", daemon=True)
        loading.start()
        return loading

    def _publish(self, doors: _Doors) -> None:
        """Tells every place where readiness can be asked."""
        ready = not self._not_ready()
        self._engine.set_ready(ready)
        doors.health.set_ready(ready)
        for model in self._models.values():
            _announce(doors.health, model)

    def _report(self, doors: _Doors) -> None:
        models = [f"{model.name}/{model.version}" for model in self._models.values() if model.ready]
        failed = [f"{model.name}/{model.version}" for model in self._models.values() if model.failure]
        fields: dict[str, Any] = {
            "host": self._settings.host,
            "port": doors.port,
            "metrics_port": doors.metrics_port,
            "models": models,
        }
        if failed:
            log.error("serving, but not ready", **fields, failed=failed)
        else:
            log.info("serving", **fields)

    def _not_ready(self) -> str:
        if self._draining:
            return "the server is stopping"
        for model in self._models.values():
            if not model.ready:
                return model.failure or f"model {model.name} is loading"
        return ""

    async def _drain(self, doors: _Doors) -> None:
        """Not ready; after a while no new calls; the accepted ones finish, or are failed when time is over."""
        settings = self._settings
        self._draining = True
        self._engine.set_ready(False)
        doors.health.drain()
        log.info("draining", in_flight=self._engine.in_flight(), timeout_s=settings.drain_timeout_s)
        await asyncio.sleep(settings.drain_delay_s)
        self._engine.drain()
        doors.streams.drain()
        doors.health.close()
        # The port stays open meanwhile: what reaches a grpc server that stops is answered CANCELLED, by the
        # engine UNAVAILABLE.
        until = time.monotonic() + settings.drain_timeout_s
        while self._engine.in_flight() and time.monotonic() < until:  # noqa: ASYNC110 - counted in Rust, no event
            await asyncio.sleep(_DRAIN_LOOK_S)
        if failed := self._engine.fail_all("the server is stopping"):
            log.warning("drain timeout", failed=failed)
        await doors.grpc_server.stop(_LAST_WRITES_S)

    def _stop(self, loading: threading.Thread) -> bool:
        until = time.monotonic() + _JOIN_TIMEOUT_S
        ended = [model.stop(self._engine, until - time.monotonic()) for model in self._models.values()]
        return all(ended) and not loading.is_alive()


def _announce(healths: Health, model: Model) -> None:
    healths.set(health.model(model.name), serving=model.ready)
    healths.set(health.model(model.name, model.version), serving=model.ready)


def grpc_options(settings: Settings) -> list[tuple[str, int]]:
    """The channel arguments of the server, which whatever is compared with it must have too."""
    return [
        ("grpc.max_receive_message_length", settings.max_receive_bytes),
        # The engine holds answers to the setting; a stream wraps each in a message that is a little larger.
        ("grpc.max_send_message_length", settings.max_send_bytes + MAX_ADDED_BYTES),
        ("grpc.max_concurrent_streams", settings.max_concurrent_streams),
        # grpc spreads it by 10 percent, so that clients that came together do not come again together.
        ("grpc.max_connection_age_ms", settings.max_connection_age_s * 1000),
        ("grpc.max_connection_age_grace_ms", _CONNECTION_AGE_GRACE_MS),
        ("grpc.keepalive_time_ms", _KEEPALIVE_TIME_MS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
        # Idle connections too: those of peers that are gone are what piles up.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", _PING_INTERVAL_MS),
        ("grpc.http2.max_ping_strikes", _PING_STRIKES),
        ("grpc.max_metadata_size", _METADATA_SOFT_BYTES),
        ("grpc.absolute_max_metadata_size", _METADATA_HARD_BYTES),
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_TIMEOUT_MS),
        # Two servers on one port would each get half of the calls, and neither would say so.
        ("grpc.so_reuseport", 0),
    ]


def _listen(server: grpc.aio.Server, settings: Settings) -> int:
    host, port = settings.host, settings.port
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    _check_free(host, port)
    try:
        return server.add_insecure_port(address)
    except RuntimeError as error:
        raise ListenError(f"{address}: cannot be listened on: {error}") from error


def _check_free(host: str, port: int) -> None:
    """Raises ListenError with the operating system's reason, which grpc keeps to itself."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
            trial.listen(1)
    except OSError as error:
        raise _listen_error(host, port, error) from error


def _listen_error(host: str, port: int, error: OSError) -> ListenError:
    hint = "; another process listens there" if error.errno == errno.EADDRINUSE else ""
    return ListenError(f"{host}:{port}: cannot be listened on: {error.strerror or error}{hint}")
