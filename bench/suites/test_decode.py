"""Decoding and packing of the 40-feature row, beside the same work in plain protobuf and numpy (tests/reference).

Both get the same bytes and end at numpy arrays; the arrays are compared before anything is timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from bench import feature_row
from penstock._fastpath import ModelSpec
from penstock.pb import prediction_pb2
from tests import reference

Arrays = list[NDArray[Any]]
Way = Callable[[bytes], Arrays]

# Over the plain way, for 64 rows. The aim of 25 is for examples; columns spare the plain way a map a row.
_LEAST_SPEEDUP = {"examples": 25.0, "columns": 20.0}
_REQUESTS = {"examples": feature_row.examples_request, "columns": feature_row.columns_request}
_ROUNDS = 9
# What one round of either way takes about, so that the clock's own cost does not show.
_ROUND_S = 0.02

forms = pytest.mark.parametrize("form", list(_REQUESTS))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model folder of the 40-feature row."""
    path = tmp_path_factory.mktemp("repository") / "features"
    feature_row.write_model_folder(path)
    return path


@pytest.fixture(scope="module")
def ways(folder: Path) -> dict[str, Way]:
    """From a request's bytes to the arguments of forward, by the name of the way."""
    spec = ModelSpec.load(folder)
    model = reference.Model.load(folder)

    def by_penstock(request: bytes) -> Arrays:
        return [np.from_dlpack(array) for array in spec.transform(request)]

    def by_protobuf_and_numpy(request: bytes) -> Arrays:
        parsed = prediction_pb2.PredictRequest.FromString(request)
        return [tensor.array for tensor in reference.transform(model, parsed)]

    return {"penstock": by_penstock, "protobuf+numpy": by_protobuf_and_numpy}


def _assert_alike(ways: dict[str, Way], request: bytes) -> None:
    expected = ways["protobuf+numpy"](request)
    for got, wanted in zip(ways["penstock"](request), expected, strict=True):
        assert got.dtype == wanted.dtype
        np.testing.assert_array_equal(got, wanted)


@forms
@pytest.mark.parametrize("rows", [1, 64])
@pytest.mark.parametrize("way", ["penstock", "protobuf+numpy"])
def test_decode(benchmark: BenchmarkFixture, ways: dict[str, Way], way: str, rows: int, form: str) -> None:
    request = _REQUESTS[form](rows)
    _assert_alike(ways, request)
    benchmark.group = f"decode {rows} row{'s' if rows > 1 else ''} as {form}"
    benchmark.extra_info["rows"] = rows
    benchmark(ways[way], request)


@pytest.mark.speed
@forms
def test_64_rows_are_decoded_many_times_as_fast_as_by_protobuf_and_numpy(
    ways: dict[str, Way], form: str, record_property: Callable[[str, object], None]
) -> None:
    request = _REQUESTS[form](64)
    _assert_alike(ways, request)
    repeats = {name: max(1, round(_ROUND_S / _cpu_s(way, request, 3))) for name, way in ways.items()}
    speedups = []
    for _ in range(_ROUNDS):
        cpu_s = {name: _cpu_s(way, request, repeats[name]) for name, way in ways.items()}
        speedups.append(cpu_s["protobuf+numpy"] / cpu_s["penstock"])
    record_property("speedup", median(speedups))
    print(
        f"64 rows as {form}: {median(speedups):.1f} times as fast ({min(speedups):.1f} … {max(speedups):.1f})"
    )
    assert median(speedups) >= _LEAST_SPEEDUP[form]


def _cpu_s(way: Way, request: bytes, repeats: int) -> float:
    """CPU time of one run on this thread, which other processes do not change as they change wall-clock time."""
    started = time.thread_time()
    for _ in range(repeats):
        way(request)
    return (time.thread_time() - started) / repeats
