"""Durations as Go writes them: `1h15m`, `500ms`, `0`."""

from __future__ import annotations

import re

_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")


def parse(text: str) -> int:
    """Nanoseconds. Raises ValueError for what Go's time.ParseDuration refuses, and for less than nothing."""
    text = text.strip()
    if text == "0":
        return 0
    parts = list(_PART.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text.removeprefix("+"):
        raise ValueError(f"found {text!r}, allowed: a duration such as 500ms, 20s or 1h15m")
    return sum(round(float(part[1]) * _NS[part[2]]) for part in parts)


def text_of(ns: int) -> str:
    """As Go prints it."""
    if ns == 0:
        return "0s"
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if ns < size * 1_000:
            return f"{_decimal(ns, size)}{unit}"
    hours, rest = divmod(ns, _NS["h"])
    minutes, rest = divmod(rest, _NS["m"])
    seconds = f"{_decimal(rest, 10**9)}s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def _decimal(number: int, of: int) -> str:
    whole, part = divmod(number, of)
    digits = str(part).rjust(len(str(of)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
