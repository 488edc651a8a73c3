"""What a server's model is given is what `FeatureSpec.transform` gives, for every operation."""

import re
from typing import Any

import numpy as np

from penstock import FeatureSpec
from penstock.pb import prediction_pb2 as pb
from penstock.pb import prediction_pb2_grpc
from tests.contract.repository import OPERATIONS_OUTPUTS
from tests.contract.test_predict import arrays, fill
from tests.operations.strategies import SAMPLES
from tests.server_process import ServerProcess

NAN, INF = float("nan"), float("inf")
ROWS: list[dict[str, list[Any]]] = [
    {},
    {
        "amount": [4.0],
        "embedding": [3.0, 0.0, 4.0],
        "opened": [1_700_000_000],
        "time": [1_709_164_800],
        "active": [1],
    },
    {
        "amount": [NAN],
        "embedding": [NAN, 1.0, 2.0],
        "opened": [-1],
        "country": [b"fr"],
        "device": [b"\x00\xff"],
    },
    {"amount": [-INF], "embedding": [0.0, 0.0, 0.0], "city": ["Köln".encode()], "country": [b"nowhere"]},
    {
        "amount": [999.5],
        "items": [7, -1, 300, 70_000, 5, 6],
        "tags": [b"a", b"b", b"c"],
        "liked": [1, 2, 499],
    },
    {"amount": [-0.0], "items": [-1], "tags": [b""], "liked": [1, 501]},
    {"amount": [INF], "items": [1_000_000, 1_000_001], "device": [b"phone"], "liked": [0] * 9, "time": [-1]},
]


def request() -> pb.PredictRequest:
    made = pb.PredictRequest(model_name="operations")
    for row in ROWS:
        fill(made.examples.add(), row)
    return made


def test_the_server_gives_its_model_what_transform_gives_offline(
    prediction: prediction_pb2_grpc.PredictionStub, server: ServerProcess
) -> None:
    got = arrays(prediction.Predict(request()))
    records = [example.SerializeToString() for example in request().examples]
    offline = FeatureSpec.load(server.repository / "operations").transform(records)
    # NaN comes through too, of the vector that has one.
    assert np.isnan(offline["dense"]).any()
    offline["recent"] = (offline["recent"].astype(np.uint32) << np.uint32(16)).view(np.float32)
    ends = offline.pop("history_offsets")
    offline["history_lengths"] = np.diff(ends)
    offline["history_sum"] = np.diff(np.concatenate([[0], np.cumsum(offline.pop("history"))])[ends])
    assert set(offline) == set(OPERATIONS_OUTPUTS) == set(got)
    for name, tensor in offline.items():
        served = got[name].astype(tensor.dtype)
        assert np.array_equal(served, tensor, equal_nan=tensor.dtype.kind == "f"), name
        assert np.array_equal(np.signbit(served), np.signbit(tensor)) or tensor.dtype.kind != "f", name


def test_the_models_of_this_test_have_every_operation(server: ServerProcess) -> None:
    text = (server.repository / "operations" / "model.toml").read_text(encoding="utf-8")
    assert set(SAMPLES) | {"age"} <= set(re.findall(r"\{ (\w+) = \{", text))
