"""numpy arrays ↔ the tensors of Open Inference messages, with raw contents (little-endian, row-major)."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock import _fastpath
from penstock.pb import inference_pb2

_DATATYPE_OF_DTYPE = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "bfloat16": "BF16",  # the ml_dtypes package gives numpy this one
    "float32": "FP32",
    "float64": "FP64",
}
_DTYPE_OF_DATATYPE = {datatype: dtype for dtype, datatype in _DATATYPE_OF_DTYPE.items()} | {"BF16": "uint16"}
_LENGTH = struct.Struct("<I")


def encode_infer_request(
    model: str, version: str, request_id: str, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]
) -> bytes:
    """A serialized ModelInferRequest. Raises ValueError where an array has a dtype without a datatype."""
    named = inputs if type(inputs) is dict else dict(inputs)
    plain = _fastpath.encode_infer(model, version, request_id, named, outputs)
    if plain is not None:
        return plain
    request = inference_pb2.ModelInferRequest(model_name=model, model_version=version, id=request_id)
    for name, values in inputs.items():
        array = np.asarray(values)
        datatype, raw = _raw(name, array)
        request.inputs.add(name=name, datatype=datatype, shape=array.shape)
        request.raw_input_contents.append(raw)
    for name in outputs:
        request.outputs.add(name=name)
    return request.SerializeToString()


def routing_key(key: str) -> bytes:
    """What is laid behind a serialized ModelInferRequest, so that calls with the same key meet the same version."""
    request = inference_pb2.ModelInferRequest()
    request.parameters["penstock-routing-key"].string_param = key
    return request.SerializeToString()


def decode_outputs(response: inference_pb2.ModelInferResponse) -> dict[str, NDArray[Any]]:
    """The outputs by name, in their order: BYTES as an object array of bytes, BF16 as uint16 bit patterns.

    Numeric arrays are read-only views of the response. Raises ValueError where contents do not fill
    their shape.
    """
    raw = response.raw_output_contents
    return {
        tensor.name: _decoded(tensor.datatype, raw[index]).reshape(tuple(tensor.shape))
        if raw
        else _typed(tensor).reshape(tuple(tensor.shape))
        for index, tensor in enumerate(response.outputs)
    }


def _raw(name: str, array: NDArray[Any]) -> tuple[str, bytes]:
    if array.dtype.kind in "OUST":
        return "BYTES", b"".join(_elements(name, array))
    datatype = _DATATYPE_OF_DTYPE.get(array.dtype.name)
    if datatype is None:
        raise ValueError(f"input {name!r}: no datatype for an array of dtype {array.dtype}")
    return datatype, array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _elements(name: str, array: NDArray[Any]) -> list[bytes]:
    parts: list[bytes] = []
    for element in array.reshape(-1).tolist():
        if not isinstance(element, str | bytes):
            problem = f"input {name!r}: an element is {element!r}; BYTES are made of str and bytes"
            raise ValueError(problem)  # noqa: TRY004 - of the same kind as every other array that cannot go
        data = element.encode() if isinstance(element, str) else element
        parts += (_LENGTH.pack(len(data)), data)
    return parts


def _decoded(datatype: str, raw: bytes) -> NDArray[Any]:
    if datatype != "BYTES":
        return np.frombuffer(raw, _dtype_of(datatype).newbyteorder("<"))
    elements: list[bytes] = []
    position = 0
    while position < len(raw):
        if position + _LENGTH.size > len(raw):
            raise ValueError("a BYTES output ends within an element's length")
        (length,) = _LENGTH.unpack_from(raw, position)
        position += _LENGTH.size
        if position + length > len(raw):
            raise ValueError("a BYTES output ends within an element")
        elements.append(raw[position : position + length])
        position += length
    return _objects(elements)


def _typed(tensor: inference_pb2.ModelInferResponse.InferOutputTensor) -> NDArray[Any]:
    """The values of a tensor with typed contents, as some other servers of the protocol answer."""
    for _, values in tensor.contents.ListFields():
        if tensor.datatype == "BYTES":
            return _objects(list(values))
        return np.array(values, _dtype_of(tensor.datatype))
    return _decoded(tensor.datatype, b"")


def _dtype_of(datatype: str) -> np.dtype[Any]:
    if datatype not in _DTYPE_OF_DATATYPE:
        raise ValueError(f"an output has the datatype {datatype!r}, which is not known")
    return np.dtype(_DTYPE_OF_DATATYPE[datatype])


def _objects(elements: Sequence[bytes]) -> NDArray[Any]:
    array = np.empty(len(elements), object)
    array[:] = elements
    return array
