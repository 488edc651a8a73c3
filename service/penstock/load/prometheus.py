"""ghz's metrics as Prometheus text, for a push gateway or a file that is scraped.

Names and values are ghz's: nanoseconds, but seconds in the bounds of the histogram. Its buckets are cumulative here, as
Prometheus reads them, and labels have underscores where options have hyphens.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from penstock.load.report import Report

_OF_SCHEDULES = ("start", "end", "step", "step-duration", "max-duration", "schedule")


def text(report: Report, reported: dict[str, Any]) -> str:
    """All metrics of one run."""
    labels = _labels(report, reported)
    outcome = report.outcome
    gauges = {
        "count": report.count,
        "total": report.total_ns,
        "average": report.average_ns,
        "fastest": outcome.fastest_ns,
        "slowest": outcome.slowest_ns,
        "rps": report.rps,
    }
    lines = [line for name, value in gauges.items() for line in _gauge(name, value, labels)]
    lines += _histogram(report, labels)
    lines += _summary(report, labels)
    lines += _gauge("errors", sum(report.errors.values()), labels)
    return "\n".join(lines) + "\n"


def _gauge(name: str, value: float, labels: dict[str, str]) -> Iterator[str]:
    yield f"# TYPE ghz_run_{name} gauge"
    yield f"ghz_run_{name}{_braced(labels)} {value}"


def _histogram(report: Report, labels: dict[str, str]) -> Iterator[str]:
    name = "ghz_run_histogram"
    yield f"# TYPE {name} histogram"
    below = 0
    for edge_s, calls, _ in report.histogram:
        below += calls
        yield f"{name}_bucket{_braced(labels | {'le': repr(edge_s)})} {below}"
    yield f"{name}_bucket{_braced(labels | {'le': '+Inf'})} {below}"
    yield f"{name}_sum{_braced(labels)} {report.average_ns * report.count}"
    yield f"{name}_count{_braced(labels)} {below}"


def _summary(report: Report, labels: dict[str, str]) -> Iterator[str]:
    name = "ghz_run_latency"
    yield f"# TYPE {name} summary"
    for percentage, ns in report.latencies:
        yield f"{name}{_braced(labels | {'quantile': repr(percentage / 100)})} {ns}"
    yield f"{name}_sum{_braced(labels)} {report.average_ns * report.count}"
    yield f"{name}_count{_braced(labels)} {report.count}"


def _labels(report: Report, reported: dict[str, Any]) -> dict[str, str]:
    left_out = {"name", "data", "metadata"}
    for what in ("load", "concurrency"):
        if reported[f"{what}-schedule"] == "const":
            left_out |= {f"{what}-{part}" for part in _OF_SCHEDULES}
    labels = {"name": report.options.name, "end_reason": report.outcome.ended}
    for name, value in reported.items():
        if name not in left_out:
            labels[name.replace("-", "_")] = _plain(value)
    return labels | {_label(tag): value for tag, value in (report.options.tags or {}).items()}


def _label(tag: str) -> str:
    """A tag's name with what no label may have taken out."""
    name = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in tag)
    return name if name[:1].isalpha() else f"tag_{name}"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(value)
    return str(value) if not isinstance(value, float) or math.isfinite(value) else ""


def _braced(labels: dict[str, str]) -> str:
    pairs = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
