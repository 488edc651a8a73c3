"""What the clients give back, and how it is read."""

from __future__ import annotations

from penstock._fastpath import Prediction
from penstock.infer_tensors import decode_outputs
from penstock.pb import inference_pb2

__all__ = ["Prediction", "prediction_of_infer", "prediction_of_predict"]

# From a serialized PredictResponse.
prediction_of_predict = Prediction.of_predict


def prediction_of_infer(raw: bytes) -> Prediction:
    """From a serialized ModelInferResponse. Raises ValueError where contents do not fill their shape."""
    plain = Prediction.of_infer(raw)
    if plain is not None:
        return plain
    response = inference_pb2.ModelInferResponse.FromString(raw)
    return Prediction(response.model_name, response.model_version, response.id, decode_outputs(response))
