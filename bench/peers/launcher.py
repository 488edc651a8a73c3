"""`python -m bench.peers.launcher COMMAND…` becomes the command, which then adopts what its own processes leave behind.

So all that a server started stays in the tree under its process, which is where its CPU time is counted and where it is
stopped, also what has made itself a daemon. And it is told to end when the benchmark is gone, however that went.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

# prctl(2). Both outlast execve.
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Makes this process the parent of those below it whose own parents end. Raises OSError."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) was refused")


if __name__ == "__main__":
    adopt_orphans()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - what a server is started by
