"""Ages until a time that each row has, that the context has, or that is the time of the request."""

import time
from typing import Any

import numpy as np
import pytest

from penstock import FeatureSpec
from penstock._fastpath import RequestError
from penstock.pb import inference_pb2_grpc, prediction_pb2_grpc
from penstock.pb import prediction_pb2 as pb
from tests.contract.tensors import outputs, raw_request
from tests.contract.test_predict import arrays, fill
from tests.server_process import ServerProcess

Stub = prediction_pb2_grpc.PredictionStub

NOW_MS = 1_700_000_000_500
POSTED = [1_699_999_000, 1_700_000_000, 1_700_000_100]


def examples(*now_ms: int | None, context_ms: int | None = None) -> pb.PredictRequest:
    request = pb.PredictRequest(model_name="ages")
    if context_ms is not None:
        fill(request.context, {"now": [context_ms]})
    for posted, now in zip(POSTED, now_ms, strict=True):
        row: dict[str, list[Any]] = {"posted": [posted]}
        fill(request.examples.add(), row if now is None else row | {"now": [now]})
    return request


def columns(*now_ms: int | None, context_ms: int | None = None) -> pb.PredictRequest:
    request = pb.PredictRequest(model_name="ages")
    if context_ms is not None:
        fill(request.context, {"now": [context_ms]})
    request.columns.add(name="posted").ints.value.extend(POSTED)
    if any(now is not None for now in now_ms):
        column = request.columns.add(name="now", row_lengths=[int(now is not None) for now in now_ms])
        column.fixed_ints.value.extend(now for now in now_ms if now is not None)
    return request


FORMS = pytest.mark.parametrize("form", [examples, columns])


def ages(prediction: Stub, request: pb.PredictRequest) -> np.ndarray:
    return arrays(prediction.Predict(request, timeout=60))["ages"]


def until(now_ms: list[int]) -> list[float]:
    return [(now - posted * 1000) / 1000 for now, posted in zip(now_ms, POSTED, strict=True)]


@FORMS
def test_each_row_may_have_a_time_of_its_own(prediction: Stub, form: Any) -> None:
    times = [NOW_MS, NOW_MS + 1, NOW_MS - 1]
    got = ages(prediction, form(*times))
    assert got[:, 0].tolist() == until(times)
    assert got[:, 1].tolist() == [now / 1000 for now in times]


@FORMS
def test_the_context_may_have_the_time_of_all_rows(prediction: Stub, form: Any) -> None:
    got = ages(prediction, form(None, None, None, context_ms=NOW_MS))
    assert got[:, 0].tolist() == until([NOW_MS] * 3)


@FORMS
def test_otherwise_it_is_when_the_server_received_the_request_one_time_for_all_rows(
    prediction: Stub, form: Any
) -> None:
    before = time.time_ns() // 1_000_000
    got = ages(prediction, form(None, None, None))
    after = time.time_ns() // 1_000_000
    (now,) = {round(age * 1000) for age in got[:, 1].tolist()}
    assert before <= now <= after
    assert got[:, 0].tolist() == until([now] * 3)


@FORMS
def test_rows_without_a_time_beside_rows_with_one_have_the_requests(prediction: Stub, form: Any) -> None:
    before = time.time_ns() // 1_000_000
    got = ages(prediction, form(None, NOW_MS, None))
    after = time.time_ns() // 1_000_000
    assert got[1, 1] == NOW_MS / 1000
    assert got[0, 1] == got[2, 1]
    assert before <= round(got[0, 1] * 1000) <= after


def test_open_inference_tensors_have_the_same_default(
    inference: inference_pb2_grpc.GRPCInferenceServiceStub,
) -> None:
    posted = ("posted", "INT64", np.array(POSTED))
    before = time.time_ns() // 1_000_000
    got = outputs(inference.ModelInfer(raw_request("ages", posted)))["ages"]
    after = time.time_ns() // 1_000_000
    assert before <= round(got[0, 1] * 1000) <= after
    given = raw_request("ages", posted, ("now", "INT64", np.full(3, NOW_MS)))
    assert outputs(inference.ModelInfer(given))["ages"][:, 0].tolist() == until([NOW_MS] * 3)


def test_a_stream_reads_the_clock_for_each_of_its_requests(prediction: Stub) -> None:
    seen: list[int] = []

    def requests() -> Any:
        for _ in range(2):
            seen.append(time.time_ns() // 1_000_000)
            yield examples(None, None, None)

    answers = [arrays(answer.response)["ages"] for answer in prediction.PredictStream(requests(), timeout=60)]
    for sent, got in zip(seen, answers, strict=True):
        assert round(got[0, 1] * 1000) >= sent


@pytest.mark.parametrize("rows", [[{"posted": 1}, {"posted": 2, "now": 3}], {"posted": [1, 2]}])
def test_offline_the_time_must_be_given(server: ServerProcess, rows: Any) -> None:
    spec = FeatureSpec.load(server.repository / "ages")
    with pytest.raises(RequestError) as refused:
        spec.transform(rows)
    assert str(refused.value) == (
        'Feature "now" in row 0 is missing; its default is the time of the request, and here is none: '
        "give it in the rows or the context."
    )
    assert spec.transform(
        rows if isinstance(rows, dict) else [{"posted": 1}, {"posted": 2}], {"now": NOW_MS}
    )["ages"][:, 0].tolist() == [NOW_MS / 1000 - 1, NOW_MS / 1000 - 2]
