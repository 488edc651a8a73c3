"""Results that are kept: `bench/results/MACHINE/COMMIT.json`, which pytest-benchmark reads to compare.

Small: statistics of all rounds, without the rounds. The newest ten of a machine are kept.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"
MOST_FILES = 10
MOST_BYTES = 60_000
_MACHINE = ("machine", "system", "python_version")
_CPU = ("brand_raw", "count")
_COMMIT = ("id", "time", "dirty")
# Enough for any comparison of what is measured with an error of percents.
_DIGITS = 5


def shorten_machine(machine_info: dict[str, Any]) -> None:
    """Leaves what figures depend on."""
    cpu = {name: machine_info["cpu"].get(name) for name in _CPU}
    for name in list(machine_info):
        if name not in _MACHINE:
            del machine_info[name]
    machine_info["cpu"] = cpu


def shorten(result: dict[str, Any]) -> None:
    """Takes out each benchmark's single rounds and settings, and digits that mean nothing."""
    result["commit_info"] = {name: result["commit_info"].get(name) for name in _COMMIT}
    for benchmark in result["benchmarks"]:
        del benchmark["params"]
        benchmark["options"] = {"timer": benchmark["options"]["timer"]}
        stats = benchmark["stats"]
        stats.pop("data", None)
        for name, value in stats.items():
            if isinstance(value, float):
                stats[name] = float(f"{value:.{_DIGITS}g}")


def machine_name(model: str, cores: int) -> str:
    """The name of a machine's folder: `amd-epyc-2-cores`."""
    words = re.sub(r"\((R|TM)\)|\bprocessor\b|\bCPU\b|@.*", " ", model, flags=re.IGNORECASE)
    slug = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
    return f"{slug}-{cores}-cores"


def keep(result: dict[str, Any], machine: str, commit: str, results: Path = RESULTS) -> Path:
    """Writes a result, and removes the oldest beyond the most that are kept. Raises ValueError for a large one."""
    text = _written(result)
    if len(text.encode()) > MOST_BYTES:
        raise ValueError(f"the result has {len(text.encode()):,} bytes, allowed: {MOST_BYTES:,}")
    folder = results / machine
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{commit}.json"
    file.write_text(text)
    for old in sorted(folder.glob("*.json"), key=_measured_at)[:-MOST_FILES]:
        old.unlink()
    return file


def _written(result: dict[str, Any]) -> str:
    """As JSON with a benchmark a line, so that changes are seen line by line."""
    head = json.dumps(
        {name: value for name, value in result.items() if name != "benchmarks"}, ensure_ascii=False
    )
    benchmarks = ",\n".join(json.dumps(each, ensure_ascii=False) for each in result["benchmarks"])
    return f'{head[:-1]}, "benchmarks": [\n{benchmarks}\n]}}\n'


def _measured_at(file: Path) -> str:
    return str(json.loads(file.read_text())["datetime"])
