"""CPU time of a process and of all that it started, and of the whole machine, from /proc. Linux alone."""

from __future__ import annotations

import os
import time
from pathlib import Path

from penstock.load.process_tree import tree, tree_cpu_s

__all__ = ["machine_cpu_s", "own_cpu_s", "tree", "tree_clock_s", "tree_cpu_s"]

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def tree_clock_s(pid: int) -> float:
    """The same to the nanosecond, without what processes that have ended took: for loads of a fraction of a second."""
    return sum(time.clock_gettime(_clock(each)) for each in tree(pid))


def own_cpu_s() -> float:
    """User and system time of this process, and of its children that have ended, so far."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def machine_cpu_s() -> float:
    """Time that the machine's cores were not idle so far; what a hypervisor took from them is not in it."""
    _cpu, *values = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    user, nice, system, _idle, _iowait, irq, softirq = map(int, values[:7])
    return (user + nice + system + irq + softirq) / _TICKS_PER_S


def _clock(pid: int) -> int:
    """The number of a process's CPU clock, as clock_getcpuclockid(3) makes it: of all its threads, by the scheduler."""
    return (~pid << 3) | 2
