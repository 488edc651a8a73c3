"""How far long work on many rows is: a line on stderr, or a callback."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO, TypeAlias

# None: a line where stderr is a terminal; True: a line in any case; False: nothing; a callable gets rows done and rows.
Progress: TypeAlias = bool | Callable[[int, int], object] | None

# Work that is done before anybody wonders shows no line.
_SHOWN_AFTER_S = 1.0
_WIDTH = 30


class ProgressLine:
    """`what  43 %  ███       430,000 of 1,000,000 rows, 1,234,000 rows/s`, rewritten in place."""

    def __init__(self, what: str, rows: int, out: TextIO, shown_after_s: float = _SHOWN_AFTER_S) -> None:
        self._what = what
        self._rows = rows
        self._out = out
        self._shown_after_s = shown_after_s
        self._started = time.monotonic()
        self._shown = False

    def __call__(self, done: int) -> None:
        """Writes the line anew; the last one, with all rows done, stays."""
        elapsed_s = time.monotonic() - self._started
        if elapsed_s < self._shown_after_s:
            return
        share = done / max(self._rows, 1)
        bar = "█" * int(_WIDTH * share)
        end = "\n" if done >= self._rows else ""
        self._out.write(
            f"\r{self._what} {share:4.0%} {bar:<{_WIDTH}} {done:,} of {self._rows:,} rows, "
            f"{done / max(elapsed_s, 1e-9):,.0f} rows/s{end}"
        )
        self._out.flush()
        self._shown = not end

    def close(self) -> None:
        """Leaves a line that was not finished."""
        if self._shown:
            self._out.write("\n")
            self._out.flush()


def watcher(what: str, rows: int, progress: Progress) -> Callable[[int], object] | None:
    """What is told the rows done, now and then; None where nobody wants to know."""
    if callable(progress):
        told = progress
        return lambda done: told(done, rows)
    if progress is True:
        return ProgressLine(what, rows, sys.stderr, shown_after_s=0.0)
    if progress is None and sys.stderr.isatty():
        return ProgressLine(what, rows, sys.stderr)
    return None
