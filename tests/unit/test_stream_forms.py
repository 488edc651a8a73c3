"""The bytes of a stream: what is read of a request, and how answers and failures are written."""

from __future__ import annotations

import pytest

from penstock.errors import CallFailed
from penstock.pb import inference_pb2 as oip
from penstock.pb import prediction_pb2
from penstock.stream_forms import INFER, MAX_ADDED_BYTES, PREDICT, Head

FINAL = b"\x22\x1b\x0a\x15triton_final_response\x12\x02\x08\x01"
# At the edges of a length of one, two, three and four bytes, those of FINAL included.
SIZES = [0, 1, 98, 99, 127, 128, 16_354, 16_355, 100_000, 2_097_122, 2_097_123]


def test_of_a_predict_request_the_stream_reads_id_and_unordered() -> None:
    request = prediction_pb2.PredictRequest(model_name="m", id="ü", unordered=True)
    request.examples.add().features.feature["x"].float_list.value.append(1.0)
    assert PREDICT.head(request.SerializeToString()) == Head("ü", unordered=True)
    assert PREDICT.head(b"") == Head("", unordered=False)


def test_of_an_infer_request_the_stream_reads_the_id() -> None:
    request = oip.ModelInferRequest(model_name="m", id="ü", raw_input_contents=[bytes(100_000)])
    request.inputs.add(name="x", datatype="FP32", shape=[1])
    assert INFER.head(request.SerializeToString()) == Head("ü")


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        pytest.param(b"", "", id="empty"),
        pytest.param(b"\x1a\x01a\x1a\x01b", "b", id="the_last_of_two"),
        pytest.param(b"\x1a\x01a\x2a\x01\xff", "a", id="an_input_that_does_not_parse"),
        pytest.param(b"\x1a\x01a\x0a\x01\xff", "a", id="a_model_name_that_is_no_text"),
        pytest.param(b"\x1a\x01a\x0a\xff", "", id="a_field_cut_short"),
        pytest.param(b"\x1a\x01\xff", "", id="no_text"),
        pytest.param(b"\x1a\x01a\x18\x01", "a", id="a_number_is_another_field"),
        pytest.param(b"\xff" * 11, "", id="no_message"),
    ],
)
def test_the_id_is_that_of_a_message_whose_own_fields_can_be_read_to_the_end(raw: bytes, found: str) -> None:
    assert INFER.head(raw) == Head(found)


@pytest.mark.parametrize("size", SIZES)
def test_a_prediction_is_the_field_response_of_its_message(size: int) -> None:
    response = prediction_pb2.PredictResponse(id="a" * size)
    raw = PREDICT.answer(response.SerializeToString())
    assert raw == prediction_pb2.PredictStreamResponse(response=response).SerializeToString()


@pytest.mark.parametrize("size", SIZES)
def test_an_inference_is_the_field_infer_response_with_the_parameter_that_says_it_is_final(size: int) -> None:
    response = oip.ModelInferResponse(model_name="m", raw_output_contents=[bytes(size)])
    raw = INFER.answer(response.SerializeToString())
    assert raw.endswith(FINAL)
    assert len(raw) <= response.ByteSize() + MAX_ADDED_BYTES
    response.parameters["triton_final_response"].bool_param = True
    assert oip.ModelStreamInferResponse.FromString(raw) == oip.ModelStreamInferResponse(
        infer_response=response
    )


def test_a_failed_prediction_tells_id_code_message_and_pushback() -> None:
    raw = PREDICT.failure("a", CallFailed(14, "the queue is full", None, 25))
    error = prediction_pb2.PredictError(id="a", code=14, message="the queue is full", retry_pushback_ms=25)
    assert raw == prediction_pb2.PredictStreamResponse(error=error).SerializeToString()
    assert PREDICT.failure("a", CallFailed(5, "no")) == b"\x12\x09\x0a\x01a\x10\x05\x1a\x02no"


def test_a_failed_inference_tells_message_and_id() -> None:
    assert INFER.failure("7", CallFailed(5, "no")) == b"\x0a\x02no\x12\x20\x1a\x017" + FINAL
    assert INFER.failure("", CallFailed(5, "no")) == b"\x0a\x02no\x12\x1d" + FINAL
