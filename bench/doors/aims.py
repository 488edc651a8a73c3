"""What penstock's door must reach, and whether it has: one row an aim, in the order of the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from bench.doors.cases import ALONE, CROWD, FLOOR, MANY, PLAIN, PREDICT, TRITON, WIDE
from bench.doors.figures import Results, figures, spread

# Less than a leak of one byte a call over ten million, and more than an allocator moves by itself.
MOST_GROWTH_MB = 8.0
_ENOUGH_IN_FLIGHT = 9_900


@dataclass(frozen=True)
class Aim:
    """A limit on a figure of one door; `figures` gives one for each round, or none where it was not measured."""

    work: str
    must: str
    figures: Callable[[Results, str], list[float]]
    limit: float
    form: str
    unit: str
    at_least: bool = False

    def verdict(self, results: Results, door: str) -> str:
        """The figure, and whether its median is within the limit."""
        found = self.figures(results, door)
        if not found:
            return "not measured"
        met = median(found) >= self.limit if self.at_least else median(found) <= self.limit
        return f"{spread(found, self.form)}{self.unit}: {'met' if met else '**missed**'}"


def _cpu_us(case: str) -> Callable[[Results, str], list[float]]:
    return lambda results, door: figures(results.of(case, door), lambda one: one.cpu_us)


def _times_less(case: str, other: str) -> Callable[[Results, str], list[float]]:
    return lambda results, door: results.ratios(case, other, door)


def _rows_per_s(results: Results, door: str) -> list[float]:
    return [one.rows_per_s / 1e6 for one in results.of(WIDE.name, door)]


def _row_us(results: Results, door: str) -> list[float]:
    return [one.cpu_us * one.requests_per_s / one.rows_per_s for one in results.of(WIDE.name, door)]


def _above_floor_us(results: Results, door: str) -> list[float]:
    pairs = zip(results.of(PREDICT.name, door), results.of(PREDICT.name, FLOOR), strict=False)
    return [one.cpu_us - floor.cpu_us for one, floor in pairs]


def _alone_over_floor(results: Results, door: str) -> list[float]:
    """How many of the floor's p50 are left of the door's when the bare model call is taken off."""
    triples = zip(
        figures(results.of(ALONE.name, door), lambda one: one.p50_us),
        figures(results.of(ALONE.name, FLOOR), lambda one: one.p50_us),
        results.model_call_us,
        strict=False,
    )
    return [(p50 - model) / floor for p50, floor, model in triples]


def _open_loop_p99_ms(results: Results, door: str) -> list[float]:
    # A call that was not answered has no latency: it is as late as can be.
    return [float("inf") if one.errors else one.p99_us / 1e3 for one in results.open_loop.get(door, ())]


def _above_torch_mb(results: Results, door: str) -> list[float]:
    memory = results.memory.get(door)
    # Some calls may be on their way to the server or from it when it is asked for their number.
    enough = memory is not None and memory.in_flight >= _ENOUGH_IN_FLIGHT
    return [memory.above_torch_mb] if memory and enough else []


def _growth_mb(results: Results, door: str) -> list[float]:
    return [results.memory[door].growth_mb] if door in results.memory else []


_FRAUD, _FLOORS = "fraud-1", " × floor"
_CROWD = f"{_FRAUD}, 8 connections × 32 in flight"
_MANY, _WIDE = f"{_FRAUD}, 16 × 4", "fraud-64, 16 × 4"
_PREDICT, _ALONE = "features-1 (Predict), 16 × 4", f"{_FRAUD}, one in flight"

AIMS = (
    Aim(_CROWD, "CPU ≤ 1.8 × floor", lambda r, d: r.ratios(CROWD.name, d, FLOOR), 1.8, ".2f", _FLOORS),
    Aim(
        _CROWD, "CPU ≤ 1/50 of plain grpc.aio", _times_less(CROWD.name, PLAIN), 50, ".0f", " times less", True
    ),
    Aim(_MANY, "CPU ≤ 8 µs", _cpu_us(MANY.name), 8.0, ".1f", " µs"),
    Aim(_MANY, "CPU ≤ 1/12 of Triton", _times_less(MANY.name, TRITON), 12, ".1f", " times less", True),
    Aim(_WIDE, "CPU ≤ 0.35 µs a row", _row_us, 0.35, ".2f", " µs"),
    Aim(_WIDE, "≥ 2 million rows a second", _rows_per_s, 2.0, ".2f", " million", True),
    Aim(_PREDICT, "CPU ≤ floor + 6 µs", _above_floor_us, 6.0, ".1f", " µs above"),
    Aim(_ALONE, "p50 ≤ 2.5 × floor's + the bare model call", _alone_over_floor, 2.5, ".2f", _FLOORS),
    Aim(_ALONE, "CPU ≤ 1/6 of Triton", _times_less(ALONE.name, TRITON), 6, ".1f", " times less", True),
    Aim(_ALONE, "CPU ≤ 1/6 of plain grpc.aio", _times_less(ALONE.name, PLAIN), 6, ".1f", " times less", True),
    Aim(f"{_FRAUD}, open loop, 70 % of its own peak", "p99 ≤ 2 ms", _open_loop_p99_ms, 2.0, ".2f", " ms"),
    Aim("memory, 10,000 in flight", "≤ 150 MB above import torch", _above_torch_mb, 150, ".0f", " MB"),
    Aim(
        "memory, over all calls",
        f"flat (≤ {MOST_GROWTH_MB:.0f} MB)",
        _growth_mb,
        MOST_GROWTH_MB,
        ".1f",
        " MB",
    ),
)
