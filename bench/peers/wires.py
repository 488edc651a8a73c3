"""What goes over the wire to a server and comes back: the Open Inference Protocol, or the server's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from numpy.typing import NDArray

from bench.fraud_model import METHOD
from bench.model_inputs import OUTPUT
from penstock.infer_tensors import decode_outputs, encode_infer_request
from penstock.pb import inference_pb2


@dataclass(frozen=True)
class Wire:
    """How a model's inputs become a request's bytes, and an answer's bytes its outputs by their names.

    `method` is the path of a model's calls. `is_json`: bodies over HTTP/1.1, and not messages over gRPC.
    """

    label: str
    method: Callable[[str], str]
    encode: Callable[[str, Mapping[str, NDArray[Any]]], bytes]
    decode: Callable[[bytes], Mapping[str, NDArray[Any]]]
    is_json: bool = False


def _oip_encode(model: str, inputs: Mapping[str, NDArray[Any]]) -> bytes:
    return encode_infer_request(model, "", "", inputs, ())


def _oip_decode(answer: bytes) -> dict[str, NDArray[Any]]:
    return decode_outputs(inference_pb2.ModelInferResponse.FromString(answer))


def _torchserve_messages() -> tuple[type[Any], type[Any]]:
    """PredictionsRequest and PredictionResponse, as far as they are used here."""
    file = descriptor_pb2.FileDescriptorProto(
        name="torchserve_inference.proto", package="org.pytorch.serve.grpc.inference", syntax="proto3"
    )
    field = descriptor_pb2.FieldDescriptorProto
    request = file.message_type.add(name="PredictionsRequest")
    entry = request.nested_type.add(name="InputEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    entry.field.add(name="value", number=2, type=field.TYPE_BYTES, label=field.LABEL_OPTIONAL)
    request.field.add(name="model_name", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    request.field.add(
        name="input",
        number=3,
        type=field.TYPE_MESSAGE,
        label=field.LABEL_REPEATED,
        type_name=f".{file.package}.PredictionsRequest.InputEntry",
    )
    response = file.message_type.add(name="PredictionResponse")
    response.field.add(name="prediction", number=1, type=field.TYPE_BYTES, label=field.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    classes = [
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.{name}"))
        for name in ("PredictionsRequest", "PredictionResponse")
    ]
    return classes[0], classes[1]


_PredictionsRequest, _PredictionResponse = _torchserve_messages()


def _torchserve_encode(model: str, inputs: Mapping[str, NDArray[Any]]) -> bytes:
    raw = {name: array.tobytes() for name, array in inputs.items()}
    serialized: bytes = _PredictionsRequest(model_name=model, input=raw).SerializeToString()
    return serialized


def _torchserve_decode(answer: bytes) -> dict[str, NDArray[Any]]:
    scores = np.frombuffer(_PredictionResponse.FromString(answer).prediction, np.float32)
    return {OUTPUT: scores.reshape(-1, 1)}


def _json_encode(_model: str, inputs: Mapping[str, NDArray[Any]]) -> bytes:
    return json.dumps({name: array.tolist() for name, array in inputs.items()}).encode()


def _json_decode(answer: bytes) -> dict[str, NDArray[Any]]:
    return {name: np.asarray(values, np.float32) for name, values in json.loads(answer).items()}


OIP = Wire("Open Inference, gRPC", lambda _model: METHOD, _oip_encode, _oip_decode)
TORCHSERVE = Wire(
    "its own gRPC, raw bytes",
    lambda _model: "/org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions",
    _torchserve_encode,
    _torchserve_decode,
)
JSON = Wire("JSON, HTTP/1.1", lambda model: f"/{model}", _json_encode, _json_decode, is_json=True)
