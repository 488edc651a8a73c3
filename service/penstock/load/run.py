"""Has a run made by the extension, and watches it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, TypeAlias

from penstock import _fastpath
from penstock._fastpath import LoadOutcome
from penstock.channel import Tls
from penstock.errors import PenstockError
from penstock.fast_transport import grpc_root_certificates
from penstock.load import content_check, methods, reflected
from penstock.load.content_check import Check
from penstock.load.messages import messages, metadata
from penstock.load.methods import Method
from penstock.load.options import Options
from penstock.load.parts import Parts
from penstock.load.report import DETAILED, MOST_DETAILS, Report, reported_total
from penstock.load.trace import starts_s

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
    certificate_name: str | None
    root_certificates: bytes | None
    unchecked: bool
    private_key: bytes | None
    certificate_chain: bytes | None
    connect_timeout_s: float
    keepalive_s: float | None
    max_receive_bytes: int = _MAX_RECEIVE_BYTES


@dataclass(frozen=True, slots=True)
class Streams:
    """How calls that stream go about it; `call_count` 0: all messages."""

    requests: bool
    answers: bool
    interval_s: float | None
    call_duration_s: float | None
    call_count: int
    dynamic: bool


@dataclass(frozen=True, slots=True)
class Calls:
    """What is sent."""

    path: str
    messages: list[list[Parts]]
    streams: Streams
    metadata: list[list[tuple[str, Parts]]]
    timeout_s: float | None
    compressed: bool
    name: str
    utc_offset_s: int


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
    trace: list[float] | None
    arrivals: Arrivals
    unbounded: bool
    total: int
    duration_s: float | None
    stop: str
    skip_first: int
    count_errors: bool
    most_details: int
    sample_every: int


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
    reached = reflected.Reached(_address(options), _tls(options), options.cname, unchecked=options.skip_tls)
    return reflected.of_server(options.call, reached, asked, timeout_s)


def run(options: Options, arrivals: Arrivals, watch: Watcher | None) -> Report:
    """One run to its end, or to Ctrl-C, with which a report comes too. Raises LoadError, MethodError or ConfigError."""
    method = found_method(options)
    check = content_check.of(options, method)
    outcome, started_ns = carried_out(question(options, method), amount(options, arrivals), watch, check)
    return Report(options, outcome, started_ns, check)


def question(options: Options, method: Method) -> Question:
    """What each call of a run sends, and where to. Raises MethodError or ConfigError."""
    streams = Streams(
        requests=method.descriptor.client_streaming,
        answers=method.descriptor.server_streaming,
        interval_s=_seconds(options.stream_interval),
        call_duration_s=_seconds(options.stream_call_duration),
        call_count=options.stream_call_count,
        dynamic=options.stream_dynamic_messages,
    )
    offset = datetime.now().astimezone().utcoffset() or timedelta()
    calls = Calls(
        path=method.path,
        messages=messages(options, method),
        streams=streams,
        metadata=metadata(options, method),
        timeout_s=_seconds(options.timeout),
        compressed=options.enable_compression,
        name=options.name,
        utc_offset_s=round(offset.total_seconds()),
    )
    return Question(_server(options), calls)


def carried_out(
    asked: Question, amount: Amount, watch: Watcher | None, check: Check | None = None
) -> tuple[LoadOutcome, int]:
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
            if check:
                check.look_at(load.samples())
    except KeyboardInterrupt:
        load.stop()
    outcome = load.outcome()
    if check:
        check.look_at(load.samples())
    return outcome, started_ns


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
        certificate_name=options.cname or None,
        root_certificates=(tls.root_certificates or grpc_root_certificates()) if tls else None,
        unchecked=options.skip_tls and tls is not None,
        private_key=tls.private_key if tls else None,
        certificate_chain=tls.certificate_chain if tls else None,
        connect_timeout_s=_seconds(options.connect_timeout) or 10.0,
        keepalive_s=_seconds(options.keepalive),
    )


def amount(options: Options, arrivals: Arrivals) -> Amount:
    """How much a run of these options sends, and for how long."""
    rate = Steps(options.rps) if options.rps else None
    trace = None
    if options.load_schedule == "trace":
        trace = starts_s(options.load_trace, options.load_trace_column, options.load_trace_speed)
    elif options.load_schedule != "const":
        rate = _steps(options, "load")
    climbs = options.concurrency_schedule != "const"
    return Amount(
        connections=options.connections,
        threads=max(options.cpus, 1),
        workers=_steps(options, "concurrency") if climbs else Steps(options.concurrency),
        rate=rate,
        trace=trace,
        arrivals=arrivals,
        unbounded=options.asynchronous,
        total=options.total if options.max_duration else reported_total(options),
        duration_s=_seconds(options.max_duration or options.duration),
        stop=options.duration_stop,
        skip_first=options.skip_first,
        count_errors=options.count_errors,
        most_details=MOST_DETAILS if options.format in DETAILED else 0,
        sample_every=options.expect_every if options.expect else 0,
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
