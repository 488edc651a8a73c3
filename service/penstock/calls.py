"""Every call that the clients make: its method, the bytes it sends, and how its answer is read.

Written once for both clients. No grpc and no channel here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

from penstock.infer_tensors import encode_infer_request, routing_key
from penstock.pb import feature_statistics_pb2, health_pb2, inference_pb2, traffic_pb2
from penstock.predict_request import PredictOptions, encode_context, encode_request, request_rows
from penstock.prediction import Prediction, prediction_of_infer, prediction_of_predict
from penstock.rows import Rows

Answer = TypeVar("Answer")

_PREDICTION = "/penstock.v1.Prediction/"
_INFERENCE = "/inference.GRPCInferenceService/"
_FEATURE_STATISTICS = "/penstock.v1.FeatureStatistics/"
_TRAFFIC = "/penstock.v1.Traffic/"
_HEALTH = "/grpc.health.v1.Health/"
_PREDICT = _PREDICTION + "Predict"
_MODEL_INFER = _INFERENCE + "ModelInfer"


@dataclass(slots=True)
class UnaryCall(Generic[Answer]):
    """One request, ready to send as often as need be. Not frozen: that would double what it costs to make one."""

    method: str
    request: bytes
    read: Callable[[bytes], Answer]


def predict(
    options: PredictOptions, rows: Rows | Sequence[bytes], context: Mapping[str, object] | None
) -> UnaryCall[Prediction]:
    """Features to be scored. Raises RowsError."""
    shared = None if context is None else encode_context(options, context)
    request = encode_request(options, request_rows(rows), shared)
    return UnaryCall(_PREDICT, request, prediction_of_predict)


def infer(
    model: str,
    inputs: Mapping[str, NDArray[Any]],
    version: str,
    request_id: str,
    outputs: Sequence[str],
    key: str = "",
) -> UnaryCall[Prediction]:
    """Tensors to be run. Raises ValueError where an array has no datatype."""
    request = encode_infer_request(model, version, request_id, inputs, outputs)
    if key:
        request += routing_key(key)
    return UnaryCall(_MODEL_INFER, request, prediction_of_infer)


def server_live() -> UnaryCall[bool]:
    """Whether the process is alive."""
    response = inference_pb2.ServerLiveResponse
    return UnaryCall(_INFERENCE + "ServerLive", b"", lambda raw: response.FromString(raw).live)


def server_ready() -> UnaryCall[bool]:
    """Whether the server takes inference calls."""
    response = inference_pb2.ServerReadyResponse
    return UnaryCall(_INFERENCE + "ServerReady", b"", lambda raw: response.FromString(raw).ready)


def model_ready(model: str, version: str) -> UnaryCall[bool]:
    """Whether a model takes inference calls; an empty `version` is any of them."""
    request = inference_pb2.ModelReadyRequest(name=model, version=version).SerializeToString()
    response = inference_pb2.ModelReadyResponse
    return UnaryCall(_INFERENCE + "ModelReady", request, lambda raw: response.FromString(raw).ready)


def model_metadata(model: str, version: str) -> UnaryCall[inference_pb2.ModelMetadataResponse]:
    """What a model takes and gives."""
    request = inference_pb2.ModelMetadataRequest(name=model, version=version).SerializeToString()
    return UnaryCall(_INFERENCE + "ModelMetadata", request, inference_pb2.ModelMetadataResponse.FromString)


def feature_statistics(
    model: str, version: str, features: Sequence[str]
) -> UnaryCall[feature_statistics_pb2.GetFeatureStatisticsResponse]:
    """What the features of a model are like."""
    request = feature_statistics_pb2.GetFeatureStatisticsRequest(
        model_name=model, model_version=version, features=features
    )
    read = feature_statistics_pb2.GetFeatureStatisticsResponse.FromString
    return UnaryCall(_FEATURE_STATISTICS + "GetFeatureStatistics", request.SerializeToString(), read)


def repository_index() -> UnaryCall[inference_pb2.RepositoryIndexResponse]:
    """Every version that a server knows."""
    read = inference_pb2.RepositoryIndexResponse.FromString
    return UnaryCall(_INFERENCE + "RepositoryIndex", b"", read)


def load_model(model: str) -> UnaryCall[None]:
    """Has a model's folder loaded."""
    request = inference_pb2.RepositoryModelLoadRequest(model_name=model).SerializeToString()
    return UnaryCall(_INFERENCE + "RepositoryModelLoad", request, _nothing)


def unload_model(model: str) -> UnaryCall[None]:
    """Has a model taken out of service."""
    request = inference_pb2.RepositoryModelUnloadRequest(model_name=model).SerializeToString()
    return UnaryCall(_INFERENCE + "RepositoryModelUnload", request, _nothing)


def traffic(model: str) -> UnaryCall[traffic_pb2.ModelTraffic]:
    """How a model's calls are shared among its versions."""
    request = traffic_pb2.GetTrafficRequest(model_name=model)
    return _traffic("GetTraffic", request.SerializeToString(), traffic_pb2.GetTrafficResponse)


def set_traffic(model: str, canary: str, weight: float) -> UnaryCall[traffic_pb2.ModelTraffic]:
    """Gives a version a share of them; an empty `canary` is the present one."""
    request = traffic_pb2.SetTrafficRequest(model_name=model, canary_version=canary, weight=weight)
    return _traffic("SetTraffic", request.SerializeToString(), traffic_pb2.SetTrafficResponse)


def promote(model: str) -> UnaryCall[traffic_pb2.ModelTraffic]:
    """Makes a model's canary its stable version."""
    request = traffic_pb2.PromoteRequest(model_name=model)
    return _traffic("Promote", request.SerializeToString(), traffic_pb2.PromoteResponse)


def roll_back(model: str) -> UnaryCall[traffic_pb2.ModelTraffic]:
    """Gives a model's canary nothing more."""
    request = traffic_pb2.RollBackRequest(model_name=model)
    return _traffic("RollBack", request.SerializeToString(), traffic_pb2.RollBackResponse)


def _traffic(method: str, request: bytes, response: Any) -> UnaryCall[traffic_pb2.ModelTraffic]:
    return UnaryCall(_TRAFFIC + method, request, lambda raw: response.FromString(raw).traffic)


def _nothing(_: bytes) -> None:
    """An answer that says no more than that it is done."""


def health(service: str) -> UnaryCall[str]:
    """The name of a service's ServingStatus."""
    request = health_pb2.HealthCheckRequest(service=service).SerializeToString()
    return UnaryCall(_HEALTH + "Check", request, _serving_status)


def _serving_status(raw: bytes) -> str:
    response = health_pb2.HealthCheckResponse
    return response.ServingStatus.Name(response.FromString(raw).status)
