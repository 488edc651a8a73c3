"""ModelStreamInfer as raw bytes: the call, what is sent on it, and what must come back byte for byte."""

import queue
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np

from penstock.pb import inference_pb2 as oip
from tests.contract.tensors import raw_request

STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"
# ModelInferResponse.parameters: "triton_final_response" is true. It is the last field of every answer.
FINAL = b"\x22\x1b\x0a\x15triton_final_response\x12\x02\x08\x01"


def stream(channel: grpc.Channel, requests: Iterator[bytes], **options: Any) -> Any:
    """The call: an iterator of raw answers."""
    method = channel.stream_stream(STREAM, request_serializer=bytes, response_deserializer=bytes)
    return method(requests, **({"timeout": 60} | options))


def field(tag: int, content: bytes) -> bytes:
    """A field of protobuf that has a length."""
    length, size = len(content), bytearray()
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([tag, *size, length]) + content


def answered(infer_response: bytes) -> bytes:
    """The answer on the stream, from the one that ModelInfer gives."""
    return field(0x12, infer_response + FINAL)


def failed(message: str, request_id: str = "") -> bytes:
    """The answer to a request that fails: the sentence of ModelInfer's status, and the id unless it is empty."""
    identifier = field(0x1A, request_id.encode()) if request_id else b""
    return field(0x0A, message.encode()) + field(0x12, identifier + FINAL)


def ids(answers: list[bytes]) -> list[str]:
    return [oip.ModelStreamInferResponse.FromString(raw).infer_response.id for raw in answers]


def rows(model: str, *numbers: float, **fields: Any) -> bytes:
    """A request of one number a row."""
    request = raw_request(model, ("x", "FP32", np.array(numbers, np.float32)), **fields)
    return request.SerializeToString()


def echo(row_count: int, **fields: Any) -> oip.ModelInferRequest:
    return raw_request("echo_fp32", ("x", "FP32", np.zeros((row_count, 3), np.float32)), **fields)


class Conversation:
    """Requests that are sent one by one; the stream stays open until `end`."""

    def __init__(self, channel: grpc.Channel, **options: Any) -> None:
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.call = stream(channel, iter(self._outgoing.get, None), **options)

    def send(self, *requests: bytes) -> None:
        for request in requests:
            self._outgoing.put(request)

    def end(self) -> None:
        self._outgoing.put(None)
