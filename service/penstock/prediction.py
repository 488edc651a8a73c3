"""What the clients give back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from penstock import _fastpath
from penstock.arrays import named_arrays
from penstock.infer_tensors import arrays_of_raw, decode_outputs
from penstock.pb import inference_pb2


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """A model's answer.

    `outputs` are in the model's order, or in that asked for, with the rows on the first axis;
    numeric arrays are read-only views of the answer.
    After `predict` FP16 and BF16 outputs are float32, integers and bools int64, as Predict carries
    them; after `infer` each has its own dtype. `receipt` holds the times of the request in
    nanoseconds, and the rows of its batch, where it was asked for (see Receipt in
    prediction.proto).
    """

    model: str
    version: str
    id: str
    outputs: Mapping[str, NDArray[Any]]
    receipt: Mapping[str, int] | None = None


def prediction_of_predict(response: bytes) -> Prediction:
    """From a serialized PredictResponse."""
    model, version, request_id, outputs, receipt = _fastpath.decode_outputs(response)
    return Prediction(model, version, request_id, named_arrays(outputs), receipt)


def prediction_of_infer(raw: bytes) -> Prediction:
    """From a serialized ModelInferResponse. Raises ValueError where contents do not fill their shape."""
    plain = _fastpath.decode_infer(raw)
    if plain is not None:
        model, version, request_id, tensors = plain
        return Prediction(model, version, request_id, arrays_of_raw(tensors))
    response = inference_pb2.ModelInferResponse.FromString(raw)
    return Prediction(response.model_name, response.model_version, response.id, decode_outputs(response))
