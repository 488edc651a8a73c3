"""A server's process and all that it started: paused, resumed, weighed, ended. Linux alone."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from bench.process_cpu import tree

_LOOK_S = 0.02
_KB = 1024 / 1e6


def pause(pid: int) -> None:
    """Stops the tree where it stands: it takes no CPU time until it is resumed."""
    stopped: set[int] = set()
    # A process may start another before its own turn comes.
    while new := set(tree(pid)) - stopped:
        _signal(new, signal.SIGSTOP)
        stopped |= new


def resume(pid: int) -> None:
    _signal(tree(pid), signal.SIGCONT)


def end(pid: int, patience_s: float) -> None:
    """Asks the process to end, gives it time, and kills what is left of its tree.

    The caller waits for its child. What is killed may be left to the caller as a child of its own
    (`launcher.adopt_orphans`); see `end_all_children`.
    """
    try:
        those = tree(pid)
    except FileNotFoundError:
        return
    _signal(those, signal.SIGCONT)
    _signal([pid], signal.SIGTERM)
    until = time.monotonic() + patience_s
    while is_running(pid) and time.monotonic() < until:
        those = tree(pid)
        time.sleep(_LOOK_S)
    _signal([each for each in those if is_running(each)], signal.SIGKILL)


def end_all_children() -> None:
    """Kills and reaps whatever still runs below the calling process."""
    while below := tree(os.getpid())[1:]:
        _signal(below, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(-1, 0)


def memory_mb(pid: int) -> float:
    """What the tree holds for itself: anonymous and shared memory, a page that several share counted once.

    Pages of files, such as libraries, are not in it: they belong to all servers on the machine.
    """
    return sum(map(_own_mb, tree(pid)))


def _own_mb(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(kb) for kb in re.findall(r"^Pss_(?:Anon|Shmem):\s*(\d+) kB$", text, re.MULTILINE)) * _KB


def is_running(pid: int) -> bool:
    """Whether it is there, and more than an entry that waits for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _signal(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
