"""Open Inference tensors as numpy arrays, and back: raw little-endian bytes and typed contents."""

import struct
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.pb import inference_pb2 as oip

# numpy has no bfloat16: BF16 values are their bit patterns.
DTYPES: dict[str, Any] = {
    "FP64": np.dtype("<f8"),
    "FP32": np.dtype("<f4"),
    "FP16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "INT64": np.dtype("<i8"),
    "INT32": np.dtype("<i4"),
    "INT16": np.dtype("<i2"),
    "INT8": np.dtype("i1"),
    "UINT64": np.dtype("<u8"),
    "UINT32": np.dtype("<u4"),
    "UINT16": np.dtype("<u2"),
    "UINT8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
# The list of InferTensorContents that carries each datatype; FP16 and BF16 only come raw.
CONTENTS = {
    "FP64": "fp64_contents",
    "FP32": "fp32_contents",
    "INT64": "int64_contents",
    "INT32": "int_contents",
    "INT16": "int_contents",
    "INT8": "int_contents",
    "UINT64": "uint64_contents",
    "UINT32": "uint_contents",
    "UINT16": "uint_contents",
    "UINT8": "uint_contents",
    "BOOL": "bool_contents",
}


def raw_request(model: str, *inputs: tuple[str, str, NDArray[Any]], **fields: Any) -> oip.ModelInferRequest:
    """(name, datatype, array) as raw contents."""
    request = oip.ModelInferRequest(model_name=model, **fields)
    for name, datatype, array in inputs:
        request.inputs.add(name=name, datatype=datatype, shape=array.shape)
        request.raw_input_contents.append(np.ascontiguousarray(array, DTYPES[datatype]).tobytes())
    return request


def typed_request(model: str, *inputs: tuple[str, str, NDArray[Any]], **fields: Any) -> oip.ModelInferRequest:
    """(name, datatype, array) as typed contents."""
    request = oip.ModelInferRequest(model_name=model, **fields)
    for name, datatype, array in inputs:
        tensor = request.inputs.add(name=name, datatype=datatype, shape=array.shape)
        getattr(tensor.contents, CONTENTS[datatype]).extend(array.ravel().tolist())
    return request


def bytes_elements(elements: Iterable[bytes]) -> bytes:
    """The raw form of a BYTES tensor."""
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


def outputs(response: oip.ModelInferResponse) -> dict[str, NDArray[Any]]:
    """The answer's tensors by name, whichever form they come in."""
    found = {}
    for at, tensor in enumerate(response.outputs):
        dtype = DTYPES[tensor.datatype]
        if response.raw_output_contents:
            array = np.frombuffer(response.raw_output_contents[at], dtype)
        else:
            array = np.array(getattr(tensor.contents, CONTENTS[tensor.datatype]), dtype)
        found[tensor.name] = array.reshape(tuple(tensor.shape))
    return found
