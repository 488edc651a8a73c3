"""build → serve → drain → stop: the life of a serving process, and the one place where its parts meet.

Threads: the event loop's, which answers RPCs; one that loads the models and ends; the model threads
(`runtime`); and the engine's own for metrics and probes.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
import uvloop

from penstock import certificates, doors, health, log, repository, traffic_servicer
from penstock._fastpath import Calls, Engine, __version__
from penstock.certificates import Certificates
from penstock.config import Settings
from penstock.doors import Doors
from penstock.errors import CallFailed
from penstock.health import Health
from penstock.open_streams import OpenStreams
from penstock.pb import feature_statistics_pb2, inference_pb2, prediction_pb2, probe_pb2
from penstock.reflection import Reflection
from penstock.repository import Repository
from penstock.repository.first import First
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
from penstock.traffic import Traffic
from penstock.traffic_servicer import TrafficServicer

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
    begin = repository.first(settings.repository, settings.model_control, settings.load_models)
    tls = certificates.from_settings(settings)
    # What is imported by now stays. A collection that walked all of torch would hold the interpreter's lock for 50 to
    # 100 ms, at some moment while models serve.
    gc.collect()
    gc.freeze()
    # On uvloop a call behind grpc.aio costs less CPU than on asyncio's own loop.
    uvloop.run(_Server(settings, begin, tls).run())
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

    def __init__(self, settings: Settings, begin: First, tls: Certificates | None) -> None:
        self._settings = settings
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
        # What listens, once it does.
        self._parts: _Parts | None = None
        self._traffic = Traffic(self._engine)
        self._repository = Repository(
            begin, self._engine, settings.intra_op_threads, self._changed, self._traffic
        )

    async def run(self) -> NoReturn:
        """Ends the process in the end."""
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        calls = self._engine.calls(CallFailed)
        loop.add_reader(calls.fileno(), calls.deliver)
        self._loop = loop
        parts = await self._build(calls)
        self._parts = parts
        poll_s = self._settings.repository_poll_s if self._settings.model_control == "poll" else None
        self._repository.start(self._loaded, poll_s)
        watching = asyncio.create_task(self._watch_certificates(parts))
        judging = asyncio.create_task(self._traffic.watch())
        await stop.wait()
        watching.cancel()
        judging.cancel()
        await self._drain(parts)
        # The loop goes on refusing calls meanwhile.
        if await asyncio.to_thread(self._repository.stop, _JOIN_TIMEOUT_S):
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
        models = self._repository
        served = Served(
            __version__,
            models.registry.statuses,
            self._engine.resolve,
            self._not_ready,
            self._engine.statistics,
            models if settings.model_control == "explicit" else None,
            settings.settings_rpcs,
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
        # Whoever can say which version answers controls models.
        control = settings.model_control == "explicit"
        if control:
            servicer = TrafficServicer(self._traffic, self._engine)
            server.add_generic_rpc_handlers((rpc_handlers(traffic_servicer.SERVICE, servicer),))
        healths = Health()
        healths.add_to(server)
        if settings.reflection:
            services = [_INFERENCE, _PREDICTION, _PROBE, _FEATURE_STATISTICS]
            services += [traffic_servicer.SERVICE] if control else []
            Reflection([*(service.full_name for service in services), _HEALTH]).add_to(server)
        # Calls may come before the loading thread gets to their model.
        models.announce()
        healths.set_models(self._healths())
        rest = RestCalls(inference, asyncio.get_running_loop())
        listening = doors.listen(server, self._engine, settings, self._certificates, rest.ask)
        try:
            metrics_port = self._engine.serve_metrics(settings.metrics_host, settings.metrics_port)
        except OSError as error:
            raise doors.listen_error(settings.metrics_host, settings.metrics_port, error) from error
        await server.start()
        tasks = frozenset(asyncio.all_tasks())
        loading = [f"{candidate.name}/{candidate.version}" for candidate in models.waiting]
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

    async def _watch_certificates(self, parts: _Parts) -> None:
        if self._certificates is not None:
            await self._certificates.watch(parts.doors.set_tls)

    def _changed(self) -> None:
        """A version has changed its state; on whichever thread changed it."""
        if (parts := self._parts) is not None:
            self._loop.call_soon_threadsafe(self._publish, parts)

    def _publish(self, parts: _Parts) -> None:
        """Tells every place where readiness can be asked."""
        ready = not self._not_ready()
        self._engine.set_ready(ready)
        parts.health.set_ready(ready)
        parts.health.set_models(self._healths())

    def _healths(self) -> dict[health.Name, bool]:
        """Each model and each version by the name that health is asked for, and whether it serves."""
        healths: dict[health.Name, bool] = {}
        for candidate in self._repository.waiting:
            healths[health.model(candidate.name)] = False
            healths[health.model(candidate.name, candidate.version)] = False
        for status in self._repository.registry.statuses():
            name = health.model(status.name)
            healths[name] = healths.get(name, False) or status.ready
            if status.version:
                healths[health.model(status.name, status.version)] = status.ready
        return healths

    def _loaded(self) -> None:
        """Each of the first models has been tried; on the loading thread."""
        if (parts := self._parts) is not None:
            # Behind the news of the last of them, so that the server is as ready as the log says.
            self._loop.call_soon_threadsafe(self._report, parts)

    def _report(self, parts: _Parts) -> None:
        statuses = self._repository.registry.statuses()
        models = [f"{status.name}/{status.version}" for status in statuses if status.ready]
        failed = [
            f"{status.name}/{status.version}" for status in statuses if not status.ready and status.reason
        ]
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
        return "the server is stopping" if self._draining else self._repository.not_ready()

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


def _http(listening: Doors) -> dict[str, int]:
    """The HTTP port for the log, where there is one."""
    return {} if listening.http is None else {"http_port": listening.http.port}
