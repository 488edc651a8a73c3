"""The programs of bench/native, built in release mode when they are asked for."""

from __future__ import annotations

import subprocess
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_BUILT = _ROOT / "target" / "release"


def is_built(*names: str) -> bool:
    """Whether asking for these programs takes no time."""
    return all((_BUILT / name).exists() for name in names)


def program(name: str) -> Path:
    """`floor` or `openloop`, built from its sources as they are now; needs cargo."""
    command = ["cargo", "build", "--release", "--quiet", "--package", "bench-native", "--bin", name]
    if name == "floor":
        # Without what it does not need of penstock.
        command.append("--no-default-features")
    subprocess.run(command, cwd=_ROOT, check=True)  # noqa: S603 - cargo alone
    return _BUILT / name
