"""A million training rows through `FeatureSpec.transform`, beside pandas and numpy doing the same.

`python -m bench.transform` makes the 40-feature row (bench/feature_row.py) a million times, checks that all ways
give the same tensors, runs them in turn, prints a table and writes it to bench/results/transform.md.
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from bench import feature_row, pandas_program
from bench.machine import circumstances
from penstock import FeatureSpec
from penstock._fastpath import cores

Tensors = Mapping[str, NDArray[Any]]
Way = Callable[[], Tensors]

_RESULTS = Path(__file__).parent / "results" / "transform.md"
_BASELINE = "pandas + numpy"
_AIM = 20.0
# What is in the lists: as many as their tensor holds at the most, so that there is padding to write.
_LIST_VALUES = 20
_DISTINCT_STRINGS = 100_000
_DISTINCT_IDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """One way's run: seconds on the clock, CPU seconds of the process, and the growth of its peak memory."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dry-run", action="store_true", help="print, write no file")
    arguments = parser.parse_args()
    told = circumstances("bench.transform")
    with tempfile.TemporaryDirectory() as folder:
        feature_row.write_model_folder(Path(folder) / "features")
        spec = FeatureSpec.load(Path(folder) / "features")
    table = rows_table(arguments.rows)
    ways = _ways(spec, table, table.to_pandas())
    _check(ways)
    runs: dict[str, list[Run]] = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, way in ways.items():
            runs[name].append(_run(way))
    text = _report(told, arguments.rows, runs)
    print(text)
    if not arguments.dry_run:
        _RESULTS.write_text(text)


def rows_table(rows: int) -> pa.Table:
    """The 40-feature row so many times: 32-bit floats, text, and lists of 1 to 20 integers."""
    random = np.random.default_rng(40)
    words = pa.array([f"value_{number}" for number in range(_DISTINCT_STRINGS)])
    columns: dict[str, pa.Array] = {}
    for number in range(20):
        columns[f"float_feature_{number:02}"] = pa.array(random.uniform(0.0, 10.0, rows).astype(np.float32))
    for number in range(15):
        columns[f"string_feature_{number:02}"] = words.take(
            pa.array(random.integers(0, _DISTINCT_STRINGS, rows))
        )
    for number in range(5):
        offsets = np.concatenate([[0], np.cumsum(random.integers(1, _LIST_VALUES + 1, rows))])
        values = random.integers(0, _DISTINCT_IDS, offsets[-1])
        columns[f"list_feature_{number:02}"] = pa.ListArray.from_arrays(
            pa.array(offsets, pa.int32()), pa.array(values)
        )
    return pa.table(columns)


def _ways(spec: FeatureSpec, table: pa.Table, frame: pd.DataFrame) -> dict[str, Way]:
    return {
        _BASELINE: lambda: pandas_program.transform(frame),
        "pyarrow, 1 thread": lambda: spec.transform(table, threads=1, progress=False),
        f"pyarrow, {cores()} threads": lambda: spec.transform(table, progress=False),
        f"pandas, {cores()} threads": lambda: spec.transform(frame, progress=False),
    }


def _check(ways: Mapping[str, Way]) -> None:
    """Every way gives the same tensors, bit for bit."""
    expected = ways[_BASELINE]()
    for name, way in ways.items():
        got = way()
        for tensor, wanted in expected.items():
            if got[tensor].dtype != wanted.dtype or not np.array_equal(got[tensor], wanted):
                raise SystemExit(f"{name} gives another tensor {tensor!r} than {_BASELINE}")


def _run(way: Way) -> Run:
    gc.collect()
    # Linux: the peak begins anew.
    Path("/proc/self/clear_refs").write_text("5")
    before = _status_bytes("VmRSS")
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    tensors = way()
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    peak = _status_bytes("VmHWM") - before
    del tensors
    return Run(wall_s, cpu_s, peak)


def _status_bytes(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


def _report(told: Mapping[str, str], rows: int, runs: Mapping[str, list[Run]]) -> str:
    lines = [
        "# A million rows of training data",
        "",
        "Written by `python -m bench.transform`; bench/README.md says what the figures mean.",
        "",
        *(f"- {key}: {value}" for key, value in told.items()),
        f"- pandas {pd.__version__}, pyarrow {pa.__version__}",
        f"- load average at the end: {' '.join(f'{load:.2f}' for load in os.getloadavg())}",
        "",
        f"{rows:,} rows of 40 features: 20 floats standardized, 15 texts hashed, 5 lists of 1 to 20 integers",
        "hashed and padded.",
        "",
        "| way | s | CPU s | rows/s | peak memory, GiB | times as fast | by CPU |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(_row(name, rows, runs) for name in runs),
        "",
        "Medians of the rounds, with the least and the most behind; the ratios are the median of the rounds' own. All",
        "ways give the same bits. Peak memory is what the run adds to the rows that were there, its tensors among it.",
        "",
        *(_verdict(name, runs) for name in runs if name != _BASELINE),
        "",
    ]
    return "\n".join(lines)


def _row(name: str, rows: int, runs: Mapping[str, list[Run]]) -> str:
    mine = runs[name]
    walls = [run.wall_s for run in mine]
    cells = [
        name,
        f"{median(walls):.2f} ({min(walls):.2f} … {max(walls):.2f})",
        f"{median(run.cpu_s for run in mine):.2f}",
        f"{rows / median(walls):,.0f}",
        f"{median(run.peak_bytes for run in mine) / 2**30:.2f}",
        "–" if name == _BASELINE else _ratios(name, runs, lambda run: run.wall_s),
        "–" if name == _BASELINE else _ratios(name, runs, lambda run: run.cpu_s),
    ]
    return f"| {' | '.join(cells)} |"


def _ratios(name: str, runs: Mapping[str, list[Run]], cost: Callable[[Run], float]) -> str:
    ratios = [cost(base) / cost(run) for base, run in zip(runs[_BASELINE], runs[name], strict=True)]
    return f"{median(ratios):.1f} ({min(ratios):.1f} … {max(ratios):.1f})"


def _verdict(name: str, runs: Mapping[str, list[Run]]) -> str:
    ratio = median(base.wall_s / run.wall_s for base, run in zip(runs[_BASELINE], runs[name], strict=True))
    met = "met" if ratio >= _AIM else "not met"
    return f"- {name}: {ratio:.1f} times as fast as {_BASELINE}; the aim of {_AIM:.0f}: {met}."


if __name__ == "__main__":
    main()
