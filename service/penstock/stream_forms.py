"""What the streaming methods write differently: how a request's head is read, and how its answer is written.

Raw bytes on both sides: of a request only what the stream itself needs is read, the rest is the engine's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from penstock.errors import CallFailed
from penstock.pb import inference_pb2 as oip
from penstock.pb import prediction_pb2


@dataclass(frozen=True, slots=True)
class Head:
    """What a stream reads of a request; of one that does not parse, the defaults, and the engine refuses it."""

    id: str = ""
    unordered: bool = False


@dataclass(frozen=True, slots=True)
class StreamForm:
    """The messages of one streaming method.

    Attributes:
        head: of a serialized request.
        answer: the serialized response that holds an answer of the engine.
        failure: the serialized response that tells the request of this id why it has no answer.

    """

    head: Callable[[bytes], Head]
    answer: Callable[[bytes], bytes]
    failure: Callable[[str, CallFailed], bytes]


# Most bytes that a form adds to an answer of the engine: tag and length, and what follows an inference.
MAX_ADDED_BYTES = 64


def _reduced(message: Any, *names: str) -> type[Any]:
    """A message of these fields alone, so that a request's rows are skipped and not built."""
    whole = descriptor_pb2.DescriptorProto()
    message.DESCRIPTOR.CopyToProto(whole)
    head = descriptor_pb2.FileDescriptorProto(name="head.proto", syntax="proto3")
    head.message_type.add(name="Head", field=(field for field in whole.field if field.name in names))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(head)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Head"))


def _embedded(tag: int, *parts: bytes) -> bytes:
    """A message as a field of another one: tag, length, and the message, which protobuf lets one append to."""
    length = sum(map(len, parts))
    head = bytearray((tag,))
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return b"".join((head, *parts))


_PredictHead = _reduced(prediction_pb2.PredictRequest, "id", "unordered")
_PREDICT_RESPONSE_TAG = 0x0A  # PredictStreamResponse.response


def _predict_head(raw: bytes) -> Head:
    try:
        head = _PredictHead.FromString(raw)
    except DecodeError:
        return Head()
    return Head(head.id, head.unordered)


def _predict_answer(predict_response: bytes) -> bytes:
    return _embedded(_PREDICT_RESPONSE_TAG, predict_response)


def _predict_failure(request_id: str, failure: CallFailed) -> bytes:
    error = prediction_pb2.PredictError(
        id=request_id,
        code=failure.code,
        message=failure.message,
        retry_pushback_ms=failure.pushback_ms or 0,
    )
    return prediction_pb2.PredictStreamResponse(error=error).SerializeToString()


_InferHead = _reduced(oip.ModelInferRequest, "id")
_INFER_RESPONSE_TAG = 0x12  # ModelStreamInferResponse.infer_response
# Triton says of each response on a stream whether it is its request's last. Here every one is.
_FINAL = {"triton_final_response": oip.InferParameter(bool_param=True)}
_FINAL_BYTES = oip.ModelInferResponse(parameters=_FINAL).SerializeToString()


def _infer_head(raw: bytes) -> Head:
    try:
        return Head(_InferHead.FromString(raw).id)
    except DecodeError:
        return Head()


def _infer_answer(infer_response: bytes) -> bytes:
    return _embedded(_INFER_RESPONSE_TAG, infer_response, _FINAL_BYTES)


def _infer_failure(request_id: str, failure: CallFailed) -> bytes:
    response = oip.ModelInferResponse(id=request_id, parameters=_FINAL)
    return oip.ModelStreamInferResponse(
        error_message=failure.message, infer_response=response
    ).SerializeToString()


PREDICT = StreamForm(_predict_head, _predict_answer, _predict_failure)
INFER = StreamForm(_infer_head, _infer_answer, _infer_failure)
