"""The parts of a request's way, without a server: decode, pack, queue, encode, and the transform of training rows.

Times of criterion are of Rust alone; the others are of calls from Python.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench import feature_row, transform
from bench.fraud_model import FEATURES
from bench.suites import criterion
from bench.suites.criterion import Measured
from bench.suites.figure_clock import criterion_time
from penstock import FeatureSpec
from penstock.infer_tensors import encode_infer_request
from penstock.pb import inference_pb2

MEASURED = (
    *(
        Measured("decode", f"decode and pack/{form}/{rows}", rows)
        for form in ("examples", "columns")
        for rows in (1, 64)
    ),
    *(Measured("ranking", f"ranking 500, once/{part}/columns", 500) for part in ("decode", "pack")),
    *(Measured("batch", f"queue/push, take, settle/{requests}", requests) for requests in (1, 64)),
    *(
        Measured("batch", f"encode/{method}/{requests}", requests)
        for method in ("ModelInfer", "Predict")
        for requests in (1, 64)
    ),
)
_TRAINING_ROWS = 20_000


@pytest.fixture(scope="module")
def measured_by_criterion() -> None:
    criterion.run(MEASURED)


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("measured_by_criterion")
@pytest.mark.benchmark(timer=criterion_time)
@pytest.mark.parametrize("measured", MEASURED, ids=str)
def test_criterion(benchmark: BenchmarkFixture, measured: Measured) -> None:
    samples = iter(measured.samples_s())
    count = len(measured.samples_s())
    benchmark.group = f"micro, {measured.path.split('/')[0]}"
    benchmark.pedantic(lambda: criterion_time.tell(next(samples)), rounds=count)
    benchmark.extra_info["rows"] = measured.rows


@pytest.mark.parametrize("threads", [1, None], ids=["1-thread", "all-cores"])
def test_transform(benchmark: BenchmarkFixture, tmp_path: Path, threads: int | None) -> None:
    feature_row.write_model_folder(tmp_path / feature_row.NAME)
    spec = FeatureSpec.load(tmp_path / feature_row.NAME)
    table = transform.rows_table(_TRAINING_ROWS)
    benchmark.group = f"micro, transform of {_TRAINING_ROWS:,} training rows"
    tensors = benchmark(spec.transform, table, threads=threads, progress=False)
    assert {name: len(tensor) for name, tensor in tensors.items()} == dict.fromkeys(
        ("dense", "ids", "lists"), _TRAINING_ROWS
    )
    few = spec.transform(table.slice(0, 100), threads=1, progress=False)
    for name, tensor in few.items():
        np.testing.assert_array_equal(tensors[name][:100], tensor)


@pytest.mark.parametrize("rows", [1, 64])
def test_client_encodes_a_request(benchmark: BenchmarkFixture, rows: int) -> None:
    values = np.random.default_rng(rows).standard_normal((rows, FEATURES), np.float32)
    benchmark.group = "micro, a client's tensors"
    request = benchmark(encode_infer_request, "fraud", "", "", {"x": values}, ())
    parsed = inference_pb2.ModelInferRequest.FromString(request)
    assert parsed.raw_input_contents[0] == values.tobytes()
