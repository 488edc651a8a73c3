"""Decoding beside TensorFlow: the 40-feature row by penstock and by tf.io.parse_example.

`python -m bench.decode` runs both in turn, in CPU time, prints a table and writes it to bench/results/decode.md.
TensorFlow has an environment of its own (bench/tensorflow_setup.sh) and a process of its own; without it nothing is
measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench import feature_row, machine
from bench.process_cpu import machine_cpu_s, own_cpu_s, tree_cpu_s
from penstock._fastpath import ModelSpec

_ROOT = Path(__file__).parents[1]
_RESULTS = Path(__file__).parent / "results" / "decode.md"
_PYTHON = _ROOT / "build/tensorflow/bin/python"
# How many times TensorFlow's CPU time a row penstock is to be, by the rows of a request.
_AIMS = {64: 6.0, 1: 100.0}
# What one run takes about, so that the clock's own cost does not show.
_RUN_S = 0.25
# Above it, the figures say more about the others than about decoding.
_MOST_OTHERS_CORES = 0.1
EXAMPLES, COLUMNS = "penstock, tf.Example", "penstock, columns"

# Runs a way so many times on a request of so many rows and gives the CPU time of all, in seconds.
Run = Callable[[int], float]
# CPU seconds a row of each round, by way and rows.
Figures = Mapping[tuple[str, int], Sequence[float]]


@dataclass(frozen=True)
class TensorFlow:
    """The process with TensorFlow in it."""

    process: subprocess.Popen[str]
    version: str
    runs: Sequence[tuple[str, int]]

    def run(self, way: str, rows: int, repeats: int) -> float:
        """CPU seconds of all repeats."""
        return float(_ask(self.process, [way, rows, repeats]))


def main() -> None:
    arguments = _arguments()
    if not _PYTHON.exists():
        print("bench.decode: TensorFlow is not there (bench/tensorflow_setup.sh installs it), skipped")
        return
    circumstances = machine.circumstances("bench.decode")
    with tempfile.TemporaryDirectory() as folder, _tensorflow(Path(folder)) as tensorflow:
        circumstances["TensorFlow"] = f"{tensorflow.version}, one thread between and one within operations"
        figures, others_cores = _measure(_runs(Path(folder), tensorflow), arguments.rounds, tensorflow)
    text = _report(circumstances, figures, others_cores)
    print(text)
    if arguments.output is not None:
        arguments.output.parent.mkdir(exist_ok=True)
        arguments.output.write_text(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.decode", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="rounds, of which the medians are given (9)")
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--output", type=Path, default=_RESULTS, help="file (bench/results/decode.md)")
    target.add_argument(
        "--dry-run", dest="output", action="store_const", const=None, help="print, write no file"
    )
    return parser.parse_args()


@contextmanager
def _tensorflow(folder: Path) -> Iterator[TensorFlow]:
    for rows in _AIMS:
        records = feature_row.records(rows)
        (folder / f"records-{rows}").write_text("\n".join(record.hex() for record in records))
    (folder / "work.json").write_text(json.dumps({**feature_row.described(), "rows": list(_AIMS)}))
    command = [str(_PYTHON), str(Path(__file__).parent / "decode_tensorflow.py"), str(folder)]
    with subprocess.Popen(  # noqa: S603 - installed by bench/tensorflow_setup.sh
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            ready = _answer(process)
            runs = [(str(way), int(rows)) for way, rows in ready["runs"]]
            _check(folder, ready["ways"], runs)
            yield TensorFlow(process, ready["version"], runs)
        finally:
            process.kill()


def _ask(process: subprocess.Popen[str], question: object) -> Any:
    if process.stdin is None:
        raise RuntimeError("TensorFlow's process cannot be asked")
    process.stdin.write(json.dumps(question) + "\n")
    process.stdin.flush()
    return _answer(process)


def _answer(process: subprocess.Popen[str]) -> Any:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise RuntimeError("TensorFlow's process ended; run bench/decode_tensorflow.py by hand to see why")
    return json.loads(line)


def _spec(folder: Path) -> ModelSpec:
    """The row with integers hashed as decimal text, for TensorFlow hashes nothing but text."""
    path = folder / "features"
    if not path.exists():
        feature_row.write_model_folder(path, ints="text")
    return ModelSpec.load(path)


def _check(folder: Path, ways: Sequence[str], runs: Sequence[tuple[str, int]]) -> None:
    """Every way of TensorFlow's gives penstock's ids, and its floats but for what 32-bit arithmetic rounds away."""
    spec = _spec(folder)
    for way, rows in runs:
        for request in (feature_row.examples_request(rows), feature_row.columns_request(rows)):
            dense, *ids = (np.from_dlpack(array) for array in spec.transform(request))
            with np.load(folder / f"tensors-{rows}-{ways.index(way)}.npz") as tensors:
                np.testing.assert_allclose(tensors["arr_0"], dense, rtol=1e-6, atol=1e-6, err_msg=way)
                for number, mine in enumerate(ids, start=1):
                    np.testing.assert_array_equal(tensors[f"arr_{number}"], mine, err_msg=way)


def _runs(folder: Path, tensorflow: TensorFlow) -> dict[tuple[str, int], Run]:
    spec = _spec(folder)

    def by_penstock(request: bytes) -> Run:
        def run(repeats: int) -> float:
            started = time.process_time()
            for _ in range(repeats):
                spec.transform(request)
            return time.process_time() - started

        return run

    def by_tensorflow(way: str, rows: int) -> Run:
        return lambda repeats: tensorflow.run(way, rows, repeats)

    mine = {
        (way, rows): by_penstock(made(rows))
        for way, made in (
            (EXAMPLES, feature_row.examples_request),
            (COLUMNS, feature_row.columns_request),
        )
        for rows in _AIMS
    }
    return mine | {(way, rows): by_tensorflow(way, rows) for way, rows in tensorflow.runs}


def _measure(
    runs: Mapping[tuple[str, int], Run], rounds: int, tensorflow: TensorFlow
) -> tuple[Figures, float]:
    """The figures, and how many cores other processes kept busy meanwhile."""
    repeats = {which: max(1, round(_RUN_S / (run(20) / 20))) for which, run in runs.items()}
    figures: dict[tuple[str, int], list[float]] = {which: [] for which in runs}

    def others_s() -> float:
        return machine_cpu_s() - own_cpu_s() - tree_cpu_s(tensorflow.process.pid)

    started, others = time.monotonic(), others_s()
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for (way, rows), run in runs.items():
            count = repeats[way, rows]
            figures[way, rows].append(run(count) / count / rows)
    return figures, (others_s() - others) / (time.monotonic() - started)


def _report(circumstances: Mapping[str, str], figures: Figures, others_cores: float) -> str:
    rounds = min(map(len, figures.values()))
    lines = [
        "# Decoding beside TensorFlow",
        "",
        "Written by `python -m bench.decode`; bench/README.md says what the figures mean.",
        "",
        *(f"- {name}: {value}" for name, value in circumstances.items()),
        f"- rounds: {rounds}, interleaved; outputs equal",
        "",
        "| rows a request | way | CPU µs a row | times penstock's CPU |",
        "| ---: | --- | ---: | ---: |",
        *(_row(way, rows, figures) for rows in _AIMS for way, of in figures if of == rows),
        "",
        "Medians, with the least and the most of all rounds behind; ratios, to the same rows as tf.Example, are taken",
        "round by round.",
        "",
        f"- Other processes kept {others_cores:.2f} cores busy; a quiet machine: at most {_MOST_OTHERS_CORES}.",
        *(_verdict(rows, figures, quiet=others_cores <= _MOST_OTHERS_CORES) for rows in _AIMS),
    ]
    return "\n".join(lines) + "\n"


def _row(way: str, rows: int, figures: Figures) -> str:
    these = [cpu_s * 1e6 for cpu_s in figures[way, rows]]
    times = "–" if way == EXAMPLES else f"{_times(way, rows, figures):.2f} ×"
    return f"| {rows} | {way} | {median(these):.2f} ({min(these):.2f} … {max(these):.2f}) | {times} |"


def _times(way: str, rows: int, figures: Figures) -> float:
    return median(
        theirs / mine for theirs, mine in zip(figures[way, rows], figures[EXAMPLES, rows], strict=True)
    )


def _verdict(rows: int, figures: Figures, *, quiet: bool) -> str:
    ways = [way for way, of in figures if of == rows and way not in {EXAMPLES, COLUMNS}]
    best = min(ways, key=lambda way: median(figures[way, rows]))
    times = _times(best, rows, figures)
    verdict = (
        ("met" if times >= _AIMS[rows] else "missed") if quiet else "not judged, the machine was not quiet"
    )
    return (
        f"- {rows} rows: {times:.1f} times TensorFlow's best, {best}; at least {_AIMS[rows]:.0f}: {verdict}."
    )


if __name__ == "__main__":
    main()
