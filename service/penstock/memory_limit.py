"""How much memory the process may still take: limits of its cgroup and those above it, and what the machine has.

A container that goes over its limit is killed, with every model in it; a model that would not fit is refused instead.
Control groups of both versions: https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/memory.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from penstock.errors import ModelLoadError

_ROOT = Path("/")
_MB = 1_000_000
# Version 1 says "no limit" by a number near 2^63.
_NO_LIMIT_BYTES = 1 << 60


@dataclass(frozen=True)
class _Files:
    """Where one version of control groups keeps its figures."""

    mount: str
    limit: str
    used: str
    # In memory.stat: file pages, which the kernel drops before it kills.
    reclaimable: tuple[str, str]


_V2 = _Files("sys/fs/cgroup", "memory.max", "memory.current", ("inactive_file", "active_file"))
_V1 = _Files(
    "sys/fs/cgroup/memory",
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    ("total_inactive_file", "total_active_file"),
)


@dataclass(frozen=True)
class Room:
    """What is left below one limit."""

    left_bytes: int
    limit_bytes: int
    limit: str  # "limit of its control group", "memory of the machine"


def check(called: str, needed_bytes: int, *, soon_free_bytes: int = 0, root: Path = _ROOT) -> None:
    """Raises ModelLoadError where this much more memory would go over a limit.

    `soon_free_bytes` are in use now and being freed; `root` is where /proc and /sys are.
    """
    room = tightest(root)
    if room is not None and needed_bytes > (left_bytes := room.left_bytes + soon_free_bytes):
        raise ModelLoadError(
            f"{called} needs {_mb(needed_bytes)} but only {_mb(max(left_bytes, 0))} of the"
            f" {_mb(room.limit_bytes)} {room.limit} are left; raise the limit or unload another model first"
        )


def tightest(root: Path = _ROOT) -> Room | None:
    """The limit that leaves the least; None where the system tells of none."""
    return min((*_of_groups(root), *_of_machine(root)), key=lambda room: room.left_bytes, default=None)


def _of_groups(root: Path) -> Iterator[Room]:
    for line in _lines(root / "proc/self/cgroup"):
        # number:controllers:path; version 2 has number 0 and no controllers.
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            yield from _of_one(root, _V2, path)
        elif "memory" in controllers.split(","):
            yield from _of_one(root, _V1, path)


def _of_one(root: Path, files: _Files, path: str) -> Iterator[Room]:
    """Of the group and all above it. In a container, the path may be the host's; then the mount's own group counts."""
    group = PurePosixPath(path.lstrip("/"))
    for each in (group, *group.parents):
        if ".." in each.parts:
            continue
        room = _room(root / files.mount / each, files)
        if room is not None:
            yield room


def _room(group: Path, files: _Files) -> Room | None:
    limit, used = (_number(next(_lines(group / name), "")) for name in (files.limit, files.used))
    if limit is None or used is None or limit >= _NO_LIMIT_BYTES:
        return None
    figures = dict(line.split(maxsplit=1) for line in _lines(group / "memory.stat") if " " in line)
    reclaimable = sum(_number(figures.get(name, "")) or 0 for name in files.reclaimable)
    return Room(limit - max(used - reclaimable, 0), limit, "limit of its control group")


def _of_machine(root: Path) -> Iterator[Room]:
    figures = dict(line.split(":", maxsplit=1) for line in _lines(root / "proc/meminfo") if ":" in line)
    total, available = (
        _number(figures.get(name, "").removesuffix("kB")) for name in ("MemTotal", "MemAvailable")
    )
    if total is not None and available is not None:
        yield Room(available * 1024, total * 1024, "memory of the machine")


def _lines(file: Path) -> Iterator[str]:
    try:
        text = file.read_text()
    except OSError:
        return
    yield from text.splitlines()


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() else None


def _mb(number: int) -> str:
    return f"{number / _MB:,.0f} MB" if number >= _MB else f"{number / _MB:.2f} MB"
