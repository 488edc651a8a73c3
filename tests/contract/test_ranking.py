"""What a request shares among its rows reaches the model once, and each row finds it again."""

from random import Random
from typing import Any

import numpy as np
import pytest

from penstock import FeatureSpec
from penstock.pb import inference_pb2_grpc, prediction_pb2_grpc
from penstock.pb import prediction_pb2 as pb
from tests.contract.tensors import outputs, raw_request
from tests.contract.test_predict import arrays, fill
from tests.server_process import ServerProcess

Stub = prediction_pb2_grpc.PredictionStub
Row = dict[str, list[Any]]

USER: Row = {"age": [30.0], "country": [b"DE"], "likes": [1, 2, 3, 4]}
PRICES = [1.0, 2.5, 4.0]
SCORES = [30_000 + 100 + 10 * (2 + 3 + 4) + price for price in PRICES]


def examples(context: Row | None, rows: list[Row]) -> pb.PredictRequest:
    request = pb.PredictRequest(model_name="ranking")
    if context is not None:
        fill(request.context, context)
    for row in rows:
        fill(request.examples.add(), row)
    return request


def columns(context: Row) -> pb.PredictRequest:
    request = pb.PredictRequest(model_name="ranking")
    fill(request.context, context)
    request.columns.add(name="price").floats.value.extend(PRICES)
    return request


def rows(**shared: list[Any]) -> list[Row]:
    return [{"price": [price], **shared} for price in PRICES]


def answer(prediction: Stub, request: pb.PredictRequest) -> tuple[list[float], set[int]]:
    got = arrays(prediction.Predict(request, timeout=60))
    return got["score"].tolist(), set(got["users"].tolist())


@pytest.mark.parametrize("request_", [examples(USER, rows()), columns(USER)], ids=["examples", "columns"])
def test_a_user_in_the_context_reaches_the_model_once(prediction: Stub, request_: pb.PredictRequest) -> None:
    assert answer(prediction, request_) == (SCORES, {1})


def test_a_user_in_every_row_has_a_row_each(prediction: Stub) -> None:
    assert answer(prediction, examples(None, rows(**USER))) == (SCORES, {3})


def test_a_user_partly_in_the_rows_has_a_row_each(prediction: Stub) -> None:
    """Rows that lack what others have get the default."""
    mixed = rows()
    mixed[1]["age"] = [20.0]
    context = {name: USER[name] for name in ("country", "likes")}
    scores = [SCORES[0] + 10_000, SCORES[1] - 10_000, SCORES[2] + 10_000]
    assert answer(prediction, examples(context, mixed)) == (scores, {3})


def test_a_list_partly_in_the_rows_has_a_row_each(prediction: Stub) -> None:
    mixed = rows()
    mixed[2]["likes"] = [5]
    context = {name: USER[name] for name in ("age", "country")}
    scores = [SCORES[0] - 90, SCORES[1] - 90, SCORES[2] - 40]
    assert answer(prediction, examples(context, mixed)) == (scores, {3})


def test_a_request_without_a_user_shares_the_defaults(prediction: Stub) -> None:
    assert answer(prediction, examples(None, rows())) == ([40_000 + price for price in PRICES], {1})


def test_open_inference_tensors_have_a_user_in_every_row(
    inference: inference_pb2_grpc.GRPCInferenceServiceStub,
) -> None:
    request = raw_request(
        "ranking",
        ("price", "FP32", np.array(PRICES, np.float32)),
        ("age", "FP32", np.full(3, 30.0, np.float32)),
        ("likes", "INT64", np.full((3, 4), [1, 2, 3, 4])),
    )
    assert outputs(inference.ModelInfer(request))["score"].tolist() == [score - 100 for score in SCORES]


def test_requests_that_share_a_batch_keep_each_its_user(prediction: Stub) -> None:
    random = Random(2)
    users = [float(random.randint(1, 9)) for _ in range(60)]
    requests = [
        examples({"age": [age], "likes": [random.randint(0, 9)] * random.randint(1, 3)}, rows()[: 1 + at % 3])
        for at, age in enumerate(users)
    ]
    calls = [prediction.Predict.future(request, timeout=60) for request in requests]
    for request, age, call in zip(requests, users, calls, strict=True):
        liked = sum(request.context.features.feature["likes"].int64_list.value)
        expected = [1000 * age + 10 * liked + price for price in PRICES[: len(request.examples)]]
        assert arrays(call.result())["score"].tolist() == expected


def test_training_rows_give_a_user_each_and_a_context_gives_one_however_many_rows(
    server: ServerProcess,
) -> None:
    spec = FeatureSpec.load(server.repository / "ranking")
    flat = spec.transform([{"price": price, "age": 30.0} for price in PRICES])
    assert flat["user"].tolist() == [[30.0, 0.0]] * 3
    assert flat["request"].tolist() == [0, 1, 2]
    many = spec.transform({"price": [1.0] * 10_000}, context={"age": 30.0, "likes": [7, 8]})
    assert many["user"].tolist() == [[30.0, 0.0]]
    assert (many["likes"].tolist(), many["likes_offsets"].tolist()) == ([7, 8], [0, 2])
    assert not many["request"].any()
    assert many["item"].shape == many["request"].shape == (10_000,)
