"""The programs of bench/native, built in release mode when they are asked for."""

from __future__ import annotations

import subprocess
from pathlib import Path

_ROOT = Path(__file__).parents[1]


def program(name: str) -> Path:
    """`floor` or `openloop`, built from its sources as they are now; needs cargo."""
    command = ["cargo", "build", "--release", "--quiet", "--package", "bench-native", "--bin", name]
    subprocess.run(command, cwd=_ROOT, check=True)  # noqa: S603 - cargo alone
    return _ROOT / "target" / "release" / name
