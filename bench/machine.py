"""What every figure must be read with: machine, versions, commit, command and load."""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_PACKAGES = ("penstock", "grpcio", "torch", "uvloop", "numpy", "protobuf")


def circumstances(module: str) -> dict[str, str]:
    """What a report begins with, asked before anything is measured; `module` is what `python -m` runs."""
    load_average = " ".join(f"{load:.2f}" for load in os.getloadavg())
    return {
        "machine": f"{cpu_model()}, {len(os.sched_getaffinity(0))} cores, {_memory_gib():.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{package} {version(package)}" for package in _PACKAGES),
        "commit": commit(),
        "command": shlex.join(["python", "-m", module, *sys.argv[1:]]),
        "load average at start": load_average,
    }


def cpu_model() -> str:
    """The processor as it names itself."""
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def commit() -> str:
    """The commit, and whether what is measured differs from it."""
    short = _git("rev-parse", "--short", "HEAD").strip()
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", "service", "fastpath", "bench")
    return f"{short} with uncommitted changes" if changed else short


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - git alone
