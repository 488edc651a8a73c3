"""build → serve → drain → stop: the life of a serving process, and the one place where its parts meet.

Threads: the event loop's, which answers RPCs; one that loads the models and ends; the model threads
(`runtime`); and the engine's own for metrics and probes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
import uvloop

from penstock import certificates, doors, health, log, repository
from penstock._fastpath import Calls, Engine, __version__
from penstock.certificates import Certificates
from penstock.config import Settings
from penstock.doors import Doors
from penstock.errors import CallFailed
from penstock.health import Health
from penstock.open_streams import OpenStreams
from penstock.pb import feature_statistics_pb2, inference_pb2, prediction_pb2, probe_pb2
from penstock.reflection import Reflection
from penstock.repository import Model
from penstock.rest_calls import RestCalls
from penstock.rpc_handlers import rpc_handlers
from penstock.servicer import (
    RAW_METHODS,
    UNSERVED,
    FeatureStatisticsServicer,
    InferenceServicer,
    PredictionServicer,
    ProbeServicer,
    Served,
)

_INFERENCE = inference_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
_PREDICTION = prediction_pb2.DESCRIPTOR.services_by_name["Prediction"]
_FEATURE_STATISTICS = feature_statistics_pb2.DESCRIPTOR.services_by_name["FeatureStatistics"]
_PROBE = probe_pb2.DESCRIPTOR.services_by_name["Probe"]
_HEALTH = "grpc.health.v1.Health"

# How long the end of the last accepted call may go unnoticed.
_DRAIN_LOOK_S = 0.01
# For answers that are settled but not yet written when the time to drain is over.
_LAST_WRITES_S = 1.0
# For answers that are written but not yet read when the connections are cut.
_LAST_READS_S = 0.1
# Model threads end with their queue at once, unless a model does not return.
_JOIN_TIMEOUT_S = 1.0


def serve(settings: Settings) -> NoReturn:
    """Serves until SIGTERM or SIGINT, and ends the process with code 0.

    Raises RepositoryError, ListenError or TlsError before anything is served.
    """
    models = repository.scan(settings.repository)
    tls = certificates.from_settings(settings)
    # On uvloop a call behind grpc.aio costs less CPU than on asyncio's own loop.
    uvloop.run(_Server(settings, models, tls).run())
    raise AssertionError


@dataclass(frozen=True)
class _Parts:
    """What listens, and the services that have a life of their own."""

    grpc_server: grpc.aio.Server  # which would end with its last reference
    doors: Doors
    health: Health
    streams: OpenStreams
    metrics_port: int
    # The event loop's tasks that are no RPCs.
    tasks: frozenset[asyncio.Task[Any]]


class _Server:
    """One serving process. Its coroutines run in order: build, serve, drain, stop."""

    def __init__(self, settings: Settings, models: dict[str, Model], tls: Certificates | None) -> None:
        self._settings = settings
        self._models = models
        self._certificates = tls
        self._draining = False
        self._engine = Engine(
            default_timeout_ms=settings.default_timeout_ms,
            max_timeout_ms=settings.max_timeout_ms,
            max_send_bytes=settings.max_send_bytes,
            server_version=__version__,
            linger=settings.door == "grpcio",
            feature_statistics_every=settings.feature_statistics_every,
        )

    async def run(self) -> NoReturn:
        """Ends the process in the end."""
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        calls = self._engine.calls(CallFailed)
        loop.add_reader(calls.fileno(), calls.deliver)
        parts = await self._build(calls)
        loading = self._start_loading(parts)
        watching = asyncio.create_task(self._watch_certificates(parts))
        await stop.wait()
        watching.cancel()
        await self._drain(parts)
        # The loop goes on refusing calls meanwhile.
        if await asyncio.to_thread(self._stop, loading):
            log.info("stopped", forced=False)
        else:
            log.warning("stopped", forced=True)
        # At once: an interpreter that ends would answer CANCELLED to calls that still come, as the grpcio server's
        # `stop` does, and would be aborted by a thread that comes back from a model. A connection that is cut is
        # UNAVAILABLE to its caller.
        os._exit(0)

    async def _build(self, calls: Calls) -> _Parts:
        """Everything that listens. It is alive from here on, and ready once the models are."""
        settings = self._settings
        served = Served(
            self._models, __version__, self._not_ready, self._engine.statistics, settings.settings_rpcs
        )
        streams = OpenStreams(calls.cancel, settings.max_stream_in_flight)
        server = grpc.aio.server(options=doors.server_options(settings))
        inference = rpc_handlers(_INFERENCE, InferenceServicer(served, calls, streams), RAW_METHODS, UNSERVED)
        # In the order in which they are looked through for a call's method.
        server.add_generic_rpc_handlers(
            (
                inference,
                rpc_handlers(_PREDICTION, PredictionServicer(calls, streams), RAW_METHODS),
                rpc_handlers(_PROBE, ProbeServicer(served)),
                rpc_handlers(
                    _FEATURE_STATISTICS, FeatureStatisticsServicer(served, self._engine.feature_statistics)
                ),
            )
        )
        healths = Health()
        healths.add_to(server)
        if settings.reflection:
            services = (_INFERENCE, _PREDICTION, _PROBE, _FEATURE_STATISTICS)
            Reflection([*(service.full_name for service in services), _HEALTH]).add_to(server)
        for model in self._models.values():
            # A call may come before the loading thread gets to the model.
            self._engine.set_unavailable(model.name, None, f"version {model.version} is loading")
            _announce(healths, model)
        rest = RestCalls(inference, asyncio.get_running_loop())
        listening = doors.listen(server, self._engine, settings, self._certificates, rest.ask)
        try:
            metrics_port = self._engine.serve_metrics(settings.metrics_host, settings.metrics_port)
        except OSError as error:
            raise doors.listen_error(settings.metrics_host, settings.metrics_port, error) from error
        await server.start()
        tasks = frozenset(asyncio.all_tasks())
        loading = [f"{model.name}/{model.version}" for model in self._models.values()]
        log.info(
            "listening",
            door=settings.door,
            host=settings.host,
            port=listening.port,
            **_http(listening),
            metrics_port=metrics_port,
            loading=loading,
        )
        return _Parts(server, listening, healths, streams, metrics_port, tasks)

    def _start_loading(self, parts: _Parts) -> threading.Thread:
        loop = asyncio.get_running_loop()

        def publish() -> None:
            loop.call_soon_threadsafe(self._publish, parts)

        def load_all() -> None:
            for model in self._models.values():
                model.load(self._engine, self._settings.intra_op_threads, publish)
                publish()
            loop.call_soon_threadsafe(self._report, parts)

        loading = threading.Thread(target=load_all, name="loading", daemon=True)
        loading.start()
        return loading

    async def _watch_certificates(self, parts: _Parts) -> None:
        if self._certificates is not None:
            await self._certificates.watch(parts.doors.set_tls)

    def _publish(self, parts: _Parts) -> None:
        """Tells every place where readiness can be asked."""
        ready = not self._not_ready()
        self._engine.set_ready(ready)
        parts.health.set_ready(ready)
        for model in self._models.values():
            _announce(parts.health, model)

    def _report(self, parts: _Parts) -> None:
        models = [f"{model.name}/{model.version}" for model in self._models.values() if model.ready]
        failed = [f"{model.name}/{model.version}" for model in self._models.values() if model.failure]
        fields: dict[str, Any] = {
            "host": self._settings.host,
            "port": parts.doors.port,
            **_http(parts.doors),
            "metrics_port": parts.metrics_port,
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

    async def _drain(self, parts: _Parts) -> None:
        """Not ready; after a while no new calls; the accepted ones finish, or are failed when time is over."""
        settings = self._settings
        self._draining = True
        self._engine.set_ready(False)
        parts.health.drain()
        log.info("draining", in_flight=self._engine.in_flight(), timeout_s=settings.drain_timeout_s)
        await asyncio.sleep(settings.drain_delay_s)
        self._engine.drain()
        parts.doors.drain()
        parts.streams.drain()
        parts.health.close()
        # The port stays open, and the engine refuses what comes.
        until = time.monotonic() + settings.drain_timeout_s
        while self._engine.in_flight() and time.monotonic() < until:  # noqa: ASYNC110 - counted in Rust, no event
            await asyncio.sleep(_DRAIN_LOOK_S)
        if failed := self._engine.fail_all("the server is stopping"):
            log.warning("drain timeout", failed=failed)
        # Those that are here now: callers who try again at once would have it wait for ever.
        if rpcs := asyncio.all_tasks() - parts.tasks:
            await asyncio.wait(rpcs, timeout=_LAST_WRITES_S)
        await asyncio.to_thread(parts.doors.close, _LAST_WRITES_S)
        await asyncio.sleep(_LAST_READS_S)

    def _stop(self, loading: threading.Thread) -> bool:
        until = time.monotonic() + _JOIN_TIMEOUT_S
        ended = [model.stop(self._engine, until - time.monotonic()) for model in self._models.values()]
        return all(ended) and not loading.is_alive()


def _http(listening: Doors) -> dict[str, int]:
    """The HTTP port for the log, where there is one."""
    return {} if listening.http is None else {"http_port": listening.http.port}


def _announce(healths: Health, model: Model) -> None:
    healths.set(health.model(model.name), serving=model.ready)
    healths.set(health.model(model.name, model.version), serving=model.ready)
