"""Open Inference messages of the generated classes ↔ numpy arrays, for servers that bring no protocol of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.model_inputs import INPUTS, OUTPUT
from penstock.pb import inference_pb2


def arrays(request: inference_pb2.ModelInferRequest) -> list[Any]:
    """The inputs in the order of the model's arguments, views of the request. KeyError: there is no such model."""
    named = zip(request.inputs, request.raw_input_contents, strict=True)
    raw = {tensor.name: (contents, tuple(tensor.shape)) for tensor, contents in named}
    return [
        np.frombuffer(raw[each.name][0], each.dtype).reshape(raw[each.name][1])
        for each in INPUTS[request.model_name]
    ]


def answer(request: inference_pb2.ModelInferRequest, scores: Any) -> inference_pb2.ModelInferResponse:
    response = inference_pb2.ModelInferResponse(model_name=request.model_name, model_version="1")
    response.outputs.add(name=OUTPUT, datatype="FP32", shape=scores.shape)
    response.raw_output_contents.append(scores.tobytes())
    return response
