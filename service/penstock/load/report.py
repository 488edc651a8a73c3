"""What a run comes to, in the terms of ghz's report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from penstock._fastpath import LoadOutcome
from penstock.load.content_check import Check
from penstock.load.options import ENDLESS, Options

PERCENTAGES = (10, 25, 50, 75, 90, 95, 99)
_BUCKETS = 10
# ghz keeps as many calls one by one.
MOST_DETAILS = 1_000_000
# The formats that have a line a call.
DETAILED = frozenset({"json", "pretty", "csv", "html", "influx-details"})

# As grpc-go, and so ghz, writes the codes.
_GO_NAMES = {"OK": "OK", "CANCELLED": "Canceled"}


def go_name(code: str) -> str:
    """`INVALID_ARGUMENT` as Go has it: `InvalidArgument`."""
    return _GO_NAMES.get(code) or "".join(word.capitalize() for word in code.split("_"))


@dataclass(frozen=True, slots=True)
class Detail:
    """One call."""

    ended_ns: int  # since 1970
    latency_ns: int
    status: str
    error: str


class Report:
    """One run. Latencies are in nanoseconds; those of failed calls count where `--count-errors` says so."""

    def __init__(
        self, options: Options, outcome: LoadOutcome, started_ns: int, check: Check | None = None
    ) -> None:
        self.options = options
        self.outcome = outcome
        self.check = check
        self.date_ns = time.time_ns()
        self._started_ns = started_ns
        self._errors = [
            f"rpc error: code = {go_name(code)} desc = {what}" for code, what, _ in outcome.errors
        ]

    @property
    def count(self) -> int:
        """All calls, failed or not."""
        return self.outcome.count

    @property
    def total_ns(self) -> int:
        """How long the run took."""
        return self.outcome.took_ns

    @property
    def average_ns(self) -> int:
        """Of all calls."""
        return self.outcome.sum_ns // self.count if self.count else 0

    @property
    def rps(self) -> float:
        """Calls a second."""
        return self.count / (self.total_ns / 1e9) if self.count else 0.0

    @property
    def statuses(self) -> dict[str, int]:
        """Calls by status."""
        return {go_name(code): calls for code, calls in self.outcome.statuses.items()}

    @property
    def errors(self) -> dict[str, int]:
        """Failed calls by what is wrong."""
        counts = (calls for _, _, calls in self.outcome.errors)
        return dict(sorted(zip(self._errors, counts, strict=True), key=lambda pair: -pair[1]))

    @property
    def latencies(self) -> list[tuple[int, int]]:
        """Percentages with their latencies."""
        if not self.outcome.latencies:
            return []
        return [(percentage, self.outcome.latency_ns(percentage / 100)) for percentage in PERCENTAGES]

    @property
    def histogram(self) -> list[tuple[float, int, float]]:
        """Upper bounds in seconds, with the calls up to each and above the one before, and their share."""
        latencies = self.outcome.latencies
        if not latencies:
            return []
        fastest, slowest = self.outcome.fastest_ns, self.outcome.slowest_ns
        edges = [fastest + (slowest - fastest) * place // _BUCKETS for place in range(_BUCKETS + 1)]
        counts = self.outcome.buckets(edges)
        return [(edge / 1e9, calls, calls / latencies) for edge, calls in zip(edges, counts, strict=True)]

    def details(self) -> Iterator[Detail]:
        """Calls in the order in which they ended, a million at most."""
        for ended_ns, latency_ns, code, error in self.outcome.details():
            what = self._errors[error] if error >= 0 else ""
            yield Detail(self._started_ns + ended_ns, latency_ns, go_name(code), what)


def reported_total(options: Options) -> int:
    """Calls that were asked for."""
    return ENDLESS if options.duration or options.max_duration else options.total


def timestamp(ns: int, *, fraction: bool) -> str:
    """RFC 3339 in local time, as Go writes it."""
    moment = datetime.fromtimestamp(ns // 10**9).astimezone()
    zone = moment.strftime("%z")
    zone = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
    digits = f".{ns % 10**9:09}".rstrip("0").rstrip(".") if fraction else ""
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + digits + zone


def reported_options(options: Options, data: Any, metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """The options as ghz's JSON has them: some are left out where they ask for nothing."""
    line, climbing = (getattr(options, f"{what}_schedule") == "line" for what in ("load", "concurrency"))
    always: dict[str, Any] = {
        "insecure": options.insecure,
        "load-schedule": options.load_schedule,
        "load-start": options.load_start,
        "load-end": options.load_end,
        "load-step": options.load_step,
        "load-step-duration": 10**9 if line else options.load_step_duration,
        "load-max-duration": options.load_max_duration,
        "concurrency-schedule": options.concurrency_schedule,
        "concurrency-start": options.concurrency_start,
        "concurrency-end": options.concurrency_end,
        "concurrency-step": options.concurrency_step,
        "concurrency-step-duration": 10**9 if climbing else options.concurrency_step_duration,
        "concurrency-max-duration": options.concurrency_max_duration,
        "binary": bool(options.binary or options.binary_file),
        "CPUs": options.cpus,
    }
    where_given: dict[str, Any] = {
        "call": options.call,
        "host": options.host,
        "proto": options.proto,
        "protoset": options.protoset,
        "import-paths": _import_paths(options),
        "enable-compression": options.enable_compression,
        "cacert": options.cacert,
        "cert": options.cert,
        "key": options.key,
        "cname": options.cname,
        "skipTLS": options.skip_tls,
        "load-trace": options.load_trace,
        "authority": options.authority,
        "rps": options.rps,
        "concurrency": options.concurrency,
        "total": reported_total(options),
        "async": options.asynchronous,
        "connections": options.connections,
        "duration": options.max_duration or options.duration,
        "timeout": options.timeout,
        "dial-timeout": options.connect_timeout,
        "keepalive": options.keepalive,
        "data": data,
        "metadata": metadata,
        "name": options.name,
        "skipFirst": options.skip_first,
        "count-errors": options.count_errors,
    }
    return {name: value for name, value in where_given.items() if value} | always


def _import_paths(options: Options) -> list[str]:
    """As ghz looks for imports."""
    if not options.proto:
        return []
    folder = str(Path(options.proto).parent)
    return [*([folder] if folder != "." else []), ".", *options.import_paths]
