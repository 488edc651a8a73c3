"""CPU time of a process and of all that it started, from /proc. Linux alone."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Places in /proc/PID/stat after the name, which ends with the last parenthesis: user and system time of the
# process, and of its children that have ended.
_TIMES = slice(11, 15)


def tree_cpu_s(pid: int) -> float:
    """User and system time of the whole process tree so far, in steps of a tick (10 ms) for each process."""
    return sum(_cpu_s(each) for each in tree(pid))


def tree(pid: int) -> list[int]:
    """The process and all that it started. Raises FileNotFoundError where there is no such process."""
    found = [pid]
    for each in found:
        try:
            tasks = list(Path(f"/proc/{each}/task").iterdir())
        except FileNotFoundError:
            if each == pid:
                raise
            # Ended since its parent named it.
            continue
        for task in tasks:
            with suppress(FileNotFoundError, ProcessLookupError):
                found += map(int, (task / "children").read_text().split())
    return found


def _cpu_s(pid: int) -> float:
    """None for a process that has ended: its time is its parent's by now."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields[_TIMES])) / _TICKS_PER_S
