"""Has a run made by the extension, and watches it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from penstock import _fastpath
from penstock._fastpath import LoadOutcome
from penstock.channel import Tls
from penstock.errors import ConfigError, PenstockError
from penstock.fast_transport import grpc_root_certificates
from penstock.load import methods, reflected
from penstock.load.messages import messages, metadata
from penstock.load.methods import Method
from penstock.load.options import Options
from penstock.load.report import DETAILED, MOST_DETAILS, Report, reported_total

Arrivals: TypeAlias = Literal["uniform", "poisson"]
# Told the calls that are over, those that failed, and the seconds since the start.
Watcher: TypeAlias = Callable[[int, int, float], object]

_WATCH_EVERY_S = 0.1
# ghz takes what gRPC can carry.
_MAX_RECEIVE_BYTES = 2**31 - 1


class LoadError(PenstockError):
    """A run that cannot begin: the server cannot be reached, or is asked for what cannot be sent."""


@dataclass(frozen=True, slots=True)
class Server:
    """The server, and how it is reached."""

    target: str
    authority: str | None
    root_certificates: bytes | None
    private_key: bytes | None
    certificate_chain: bytes | None
    connect_timeout_s: float
    keepalive_s: float | None
    max_receive_bytes: int = _MAX_RECEIVE_BYTES


@dataclass(frozen=True, slots=True)
class Calls:
    """What is sent."""

    path: str
    messages: list[list[bytes]]
    streams: bool
    metadata: list[list[tuple[str, str]]]
    timeout_s: float | None
    compressed: bool


@dataclass(frozen=True, slots=True)
class Steps:
    """A number over time: `start`, and `step` more every `every_s`, until `end` or `until_s`; no step: a constant."""

    start: float
    step: float = 0.0
    every_s: float = 1.0
    end: float | None = None
    until_s: float | None = None


@dataclass(frozen=True, slots=True)
class Amount:
    """How much, and for how long."""

    connections: int
    threads: int
    workers: Steps
    rate: Steps | None
    arrivals: Arrivals
    unbounded: bool
    total: int
    duration_s: float | None
    stop: str
    skip_first: int
    count_errors: bool
    most_details: int


@dataclass(frozen=True, slots=True)
class Question:
    """What calls send, and where to."""

    server: Server
    calls: Calls


def found_method(options: Options) -> Method:
    """The method by whatever declares it. Raises MethodError or ConfigError."""
    if options.proto:
        return methods.of_proto(options.call, Path(options.proto), options.import_paths)
    if options.protoset:
        return methods.of_protoset(options.call, Path(options.protoset))
    asked = (options.reflect_metadata or {}).items()
    timeout_s = _seconds(options.connect_timeout) or 10.0
    return reflected.of_server(options.call, _address(options), _tls(options), asked, timeout_s)


def run(options: Options, arrivals: Arrivals, watch: Watcher | None) -> Report:
    """One run to its end, or to Ctrl-C, with which a report comes too. Raises LoadError, MethodError or ConfigError."""
    outcome, started_ns = carried_out(question(options), amount(options, arrivals), watch)
    return Report(options, outcome, started_ns)


def question(options: Options) -> Question:
    """What each call of a run sends, and where to. Raises MethodError or ConfigError."""
    method = found_method(options)
    descriptor = method.descriptor
    if options.stream_call_count and descriptor.server_streaming and not descriptor.client_streaming:
        raise ConfigError(f"--stream-call-count: {options.call} takes one message")
    calls = Calls(
        path=method.path,
        messages=messages(options, method),
        streams=descriptor.client_streaming or descriptor.server_streaming,
        metadata=metadata(options, method),
        timeout_s=_seconds(options.timeout),
        compressed=options.enable_compression,
    )
    return Question(_server(options), calls)


def carried_out(asked: Question, amount: Amount, watch: Watcher | None) -> tuple[LoadOutcome, int]:
    """What came of a run, and when it began (ns since 1970); Ctrl-C ends it early. Raises LoadError."""
    try:
        load = _fastpath.LoadRun(asked.server, asked.calls, amount)
    except (ValueError, RuntimeError) as error:
        raise LoadError(str(error)) from None
    started_ns = time.time_ns() - round(load.counts()[2] * 1e9)
    try:
        while not load.wait(_WATCH_EVERY_S):
            if watch:
                watch(*load.counts())
    except KeyboardInterrupt:
        load.stop()
    return load.outcome(), started_ns


def _seconds(ns: int) -> float | None:
    return ns / 1e9 if ns else None


def _address(options: Options) -> str:
    return options.host.removeprefix("http://").strip()


def _tls(options: Options) -> Tls | None:
    return None if options.insecure else reflected.tls_of(options.cacert, options.cert, options.key)


def _server(options: Options) -> Server:
    tls = _tls(options)
    return Server(
        target=_address(options),
        authority=options.authority or None,
        root_certificates=(tls.root_certificates or grpc_root_certificates()) if tls else None,
        private_key=tls.private_key if tls else None,
        certificate_chain=tls.certificate_chain if tls else None,
        connect_timeout_s=_seconds(options.connect_timeout) or 10.0,
        keepalive_s=_seconds(options.keepalive),
    )


def amount(options: Options, arrivals: Arrivals) -> Amount:
    """How much a run of these options sends, and for how long."""
    rate = Steps(options.rps) if options.rps else None
    if options.load_schedule != "const":
        rate = _steps(options, "load")
    climbs = options.concurrency_schedule != "const"
    return Amount(
        connections=options.connections,
        threads=max(options.cpus, 1),
        workers=_steps(options, "concurrency") if climbs else Steps(options.concurrency),
        rate=rate,
        arrivals=arrivals,
        unbounded=options.asynchronous,
        total=options.total if options.max_duration else reported_total(options),
        duration_s=_seconds(options.max_duration or options.duration),
        stop=options.duration_stop,
        skip_first=options.skip_first,
        count_errors=options.count_errors,
        most_details=MOST_DETAILS if options.format in DETAILED else 0,
    )


def _steps(options: Options, what: str) -> Steps:
    def of(part: str) -> int:
        return int(getattr(options, f"{what}_{part}"))

    line = getattr(options, f"{what}_schedule") == "line"
    return Steps(
        start=of("start"),
        step=of("step"),
        every_s=1.0 if line else of("step_duration") / 1e9,
        end=of("end") or None,
        until_s=_seconds(of("max_duration")),
    )
