"""`penstock bench --curve`: how a server answers at 10, 20, … 150 % of its peak, one open loop after the other.

Finds the peak (`curve_peak`), then offers each load for the same time, every call due at a time that nothing moves.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from penstock.errors import PenstockError
from penstock.load import curve_peak
from penstock.load.report import go_name
from penstock.load.run import Amount, Arrivals, Question, Steps, carried_out
from penstock.load.server_meter import Meter, Reading

SHARES = tuple(percent / 100 for percent in range(10, 160, 10))
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
# Of the whole time.
_PROBING = 0.2
# The meter looks this long before the last call of a point is due, since then the load is still on.
_EARLY_S = 0.2
# No run is this long.
_MOST_CALLS = 2**62

Progress: TypeAlias = Callable[[str], object]


class CurveError(PenstockError):
    """A server that has no curve, since it answers nothing."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """`duration_s` is for the peak and all points; a call is good that is answered OK within `deadline_s`."""

    connections: int
    threads: int
    arrivals: Arrivals
    duration_s: float
    deadline_s: float
    meter: Meter

    @property
    def point_s(self) -> float:
        """How long each load is offered."""
        return self.duration_s * (1 - _PROBING) / len(SHARES)

    @property
    def probe_s(self) -> float:
        """How long each probe of the peak takes."""
        return self.duration_s * _PROBING / len(curve_peak.steps(self.connections))


def measured(asked: Question, wanted: Wanted, progress: Progress) -> dict[str, Any]:
    """The whole curve, as curve.json has it. Raises LoadError, MeterError or CurveError."""
    found = []
    for probe in curve_peak.probes(wanted.connections, lambda in_flight: _closed(asked, wanted, in_flight)):
        progress(f"{probe.in_flight} calls under way: {probe.per_s:,.0f} answered a second")
        found.append(probe)
    peak = max(found, key=lambda probe: probe.per_s)
    if peak.per_s == 0:
        raise CurveError(f"{asked.server.target} answered no call of {asked.calls.path} OK: it has no curve")
    points = []
    for share in SHARES:
        points.append(_point(asked, wanted, share, peak.per_s * share))
        progress(_line(points[-1]))
    return {
        "method": asked.calls.path.lstrip("/"),
        "target": asked.server.target,
        "arrivals": wanted.arrivals,
        "connections": wanted.connections,
        "deadline_s": wanted.deadline_s,
        "timeout_s": asked.calls.timeout_s,
        "point_s": wanted.point_s,
        "peak": {"rule": curve_peak.RULE, **asdict(peak), "probes": [asdict(probe) for probe in found]},
        "points": points,
    }


def _line(point: dict[str, Any]) -> str:
    p99_us = point["latency_us"]["p99"]
    latency = "no answer" if p99_us is None else f"p99 {p99_us / 1e3:,.2f} ms"
    return (
        f"{point['share_of_peak']:.0%} of the peak, {point['offered_per_s']:,.0f} calls a second: "
        f"{point['goodput_per_s']:,.0f} good, {latency}"
    )


def _amount(wanted: Wanted, workers: int, rate: Steps | None, duration_s: float) -> Amount:
    return Amount(
        connections=wanted.connections,
        threads=wanted.threads,
        workers=Steps(workers),
        rate=rate,
        trace=None,
        arrivals=wanted.arrivals,
        unbounded=rate is not None,
        total=_MOST_CALLS,
        duration_s=duration_s,
        stop="wait",
        skip_first=0,
        count_errors=False,
        most_details=0,
        sample_every=0,
    )


def _closed(asked: Question, wanted: Wanted, in_flight: int) -> float:
    outcome, _ = carried_out(asked, _amount(wanted, in_flight, None, wanted.probe_s), None)
    return outcome.statuses.get("OK", 0) * 1e9 / outcome.took_ns


class _Looks:
    """Looks at the server as a point begins and as it ends, with the calls answered by then."""

    def __init__(self, meter: Meter, duration_s: float) -> None:
        self._meter = meter
        self._late_s = max(duration_s - _EARLY_S, duration_s / 2)
        self._first = meter.read() if meter.is_there else None
        self._last: tuple[Reading, int] | None = None

    def watch(self, settled: int, _failed: int, elapsed_s: float) -> None:
        if self._first and not self._last and elapsed_s >= self._late_s:
            self._last = self._meter.read(), settled

    def told(self, settled: int) -> dict[str, Any] | None:
        """Rates between both looks; `settled` are all calls, for a point that ended before it was looked at again."""
        if self._first is None:
            return None
        last, answered = self._last or (self._meter.read(), settled)
        cpu_cores = _rate(self._first, last, self._first.cpu_s, last.cpu_s)
        took_s = last.at_s - self._first.at_s
        per_request = cpu_cores * took_s * 1e6 / answered if cpu_cores is not None and answered else None
        return {
            "cpu_cores": cpu_cores,
            "cpu_us_per_request": per_request,
            "load_ratio": last.load_ratio,
            "model_threads_busy": _rate(self._first, last, self._first.model_busy_s, last.model_busy_s),
        }


def _rate(first: Reading, last: Reading, before: float | None, after: float | None) -> float | None:
    if before is None or after is None:
        return None
    return (after - before) / max(last.at_s - first.at_s, 1e-9)


def _point(asked: Question, wanted: Wanted, share: float, rate: float) -> dict[str, Any]:
    looks = _Looks(wanted.meter, wanted.point_s)
    cpu_s = time.process_time()
    amount = _amount(wanted, wanted.connections, Steps(rate), wanted.point_s)
    outcome, _ = carried_out(asked, amount, looks.watch)
    cpu_s = time.process_time() - cpu_s
    good = outcome.buckets([round(wanted.deadline_s * 1e9), 2**63])[0]
    return {
        "share_of_peak": share,
        "offered_per_s": rate,
        "calls": outcome.count,
        "due_but_not_sent": outcome.unsent,
        "statuses": {go_name(code): calls for code, calls in outcome.statuses.items()},
        "errors": {what: calls for _, what, calls in outcome.errors},
        "answered_ok_per_s": outcome.statuses.get("OK", 0) / wanted.point_s,
        "good": good,
        "goodput_per_s": good / wanted.point_s,
        "latency_us": {
            name: outcome.latency_ns(quantile) / 1e3 if outcome.latencies else None
            for name, quantile in QUANTILES.items()
        },
        "sent_late_us": {name: outcome.lag_ns(quantile) / 1e3 for name, quantile in QUANTILES.items()},
        "took_s": outcome.took_ns / 1e9,
        "generator_cpu_us_per_call": cpu_s * 1e6 / outcome.count if outcome.count else None,
        "server": looks.told(outcome.count),
    }
