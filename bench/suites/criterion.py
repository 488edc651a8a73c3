"""What criterion measures where only Rust reaches it, read from its files under target/criterion."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_CRITERION = _ROOT / "target" / "criterion"
_WARM_UP_S, _MEASUREMENT_S = 0.5, 1.5


@dataclass(frozen=True)
class Measured:
    """A benchmark of `cargo bench --bench program`, by the path of its folder: group, function and parameter."""

    program: str
    path: str
    rows: int

    def __str__(self) -> str:
        return self.path.replace("_", " ")

    def samples_s(self) -> list[float]:
        """Seconds of one iteration, of each sample."""
        found = json.loads((_CRITERION / self.path / "new" / "sample.json").read_text())
        return [ns / count * 1e-9 for ns, count in zip(found["times"], found["iters"], strict=True)]


def run(benchmarks: Sequence[Measured]) -> None:
    """Measures anew, with cargo; the first time it builds the programs."""
    for benchmark in benchmarks:
        (_CRITERION / benchmark.path / "new" / "sample.json").unlink(missing_ok=True)
    programs = dict.fromkeys(benchmark.program for benchmark in benchmarks)
    command = [
        *("cargo", "bench", "--quiet", "--package", "fastpath"),
        *(part for program in programs for part in ("--bench", program)),
        *("--", "--noplot", "--warm-up-time", str(_WARM_UP_S), "--measurement-time", str(_MEASUREMENT_S)),
    ]
    subprocess.run(command, cwd=_ROOT, check=True)  # noqa: S603 - cargo alone
