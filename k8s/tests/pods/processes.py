"""The servers' processes as the node sees them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One server; `pod` is its pod's uid."""

    pid: int
    pod: str

    def status(self) -> dict[str, str]:
        """/proc/PID/status by name."""
        lines = (_PROC / str(self.pid) / "status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def mounts(self) -> dict[str, str]:
        """Where what is mounted, with its options."""
        lines = (_PROC / str(self.pid) / "mounts").read_text().splitlines()
        return {fields[1]: fields[3] for fields in (line.split() for line in lines)}


def servers() -> list[Process]:
    """Every `penstock serve` of a pod, one a pod."""
    found = []
    for folder in _PROC.iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
            groups = (folder / "cgroup").read_text()
        except OSError:
            # It has ended meanwhile.
            continue
        if b"serve" in command and "/pod" in groups:
            found.append(Process(int(folder.name), groups.rsplit("/pod", 1)[1].split("/", 1)[0]))
    return found
