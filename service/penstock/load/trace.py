"""A trace: the times of calls as they came once, to be replayed."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from penstock.errors import ConfigError

_OPTION = "--load-trace"
# Files are read whole.
_MOST_STARTS = 50_000_000


def starts_s(path: str, column: str, speed: float) -> list[float]:
    """Seconds from the first call's start, ascending; `speed` times as fast as they came. Raises ConfigError.

    A time a line, in seconds or by RFC 3339; or a CSV file with a head, and `column` in it.
    """
    times = _times(path, column)
    if not times:
        raise ConfigError(f"{_OPTION}: {path} has no times")
    for (_, before), (line, after) in itertools.pairwise(times):
        if after < before:
            raise ConfigError(
                f"{_OPTION}: {path}:{line}: found a time before the one above it, allowed: ascending times"
            )
    first = times[0][1]
    return [(time - first) / speed for _, time in times]


def _times(path: str, column: str) -> list[tuple[int, float]]:
    """Each with the number of its line."""
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            if column:
                return [(line, _time(path, line, text)) for line, text in _column(path, file, column)]
            lines = itertools.islice(enumerate(file, 1), _MOST_STARTS)
            return [(line, _time(path, line, text)) for line, text in lines if text.strip()]
    except OSError as error:
        raise ConfigError(f"{_OPTION}: {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{_OPTION}: {path} is no text in UTF-8") from None


def _column(path: str, file: Iterable[str], column: str) -> list[tuple[int, str]]:
    rows = csv.DictReader(file)
    names = rows.fieldnames or []
    if column not in names:
        raise ConfigError(f"{_OPTION}-column: {path} has no column {column}; it has {', '.join(names)}")
    return [(rows.line_num, row[column] or "") for row in itertools.islice(rows, _MOST_STARTS)]


def _time(path: str, line: int, text: str) -> float:
    text = text.strip()
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ConfigError(
            f"{_OPTION}: {path}:{line}: found {text[:64]!r}, allowed: seconds, or a time such as 2026-01-31T12:00:00.5Z"
        )
    return moment.timestamp()
