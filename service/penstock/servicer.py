"""The RPCs, a few lines each. What a request holds is the engine's business, what serves is the repository's.

The hot methods get and give raw bytes: no protobuf object is made once a request.
"""
# ruff: noqa: ARG002 - the protocol says what an RPC is given

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, Protocol

import grpc

from penstock import stream_forms
from penstock._fastpath import Calls, ModelSpec, RequestError, TensorSpec, VersionStatistics
from penstock.errors import CallFailed
from penstock.model_config import model_config
from penstock.model_statistics import model_statistics
from penstock.names import (
    MODEL_NAME,
    MODEL_NAME_RULE,
    MODEL_VERSION,
    MODEL_VERSION_RULE,
    unknown_model,
    unknown_version,
)
from penstock.open_streams import OpenStreams
from penstock.pb import (
    feature_statistics_pb2,
    feature_statistics_pb2_grpc,
    inference_pb2_grpc,
    prediction_pb2_grpc,
    probe_pb2,
    probe_pb2_grpc,
)
from penstock.pb import inference_pb2 as oip
from penstock.rpc_handlers import Context, abort, refuse
from penstock.server_settings import log_settings, trace_settings

# Their requests go to the engine, and its answers to the transport, as they are.
RAW_METHODS = frozenset({"ModelInfer", "ModelStreamInfer", "Predict", "PredictStream"})

# What a client that looks for an extension in ServerMetadata finds here.
_EXTENSIONS = ("binary_tensor_data", "model_configuration", "statistics")

_NO_SHARED_MEMORY = "Shared memory is not served; send and receive tensors in the messages."
_NO_MODEL_CONTROL = (
    "Callers do not load or unload models; the server serves what its repository held at the start."
)
# Why what Triton serves is not served here, by RPC.
UNSERVED = {
    **{
        f"{kind}SharedMemory{verb}": _NO_SHARED_MEMORY
        for kind in ("System", "Cuda")
        for verb in ("Status", "Register", "Unregister")
    },
    "RepositoryModelLoad": _NO_MODEL_CONTROL,
    "RepositoryModelUnload": _NO_MODEL_CONTROL,
}

# What the protocol calls a TorchScript model, by the platform's name in model.toml.
_PLATFORMS = {"torchscript": "pytorch_torchscript"}


class ServedModel(Protocol):
    """What the RPCs ask of a model."""

    name: str
    version: int
    spec: ModelSpec
    ready: bool
    failure: str


@dataclass(frozen=True)
class Served:
    """What this server serves. `not_ready` says why it should not be called now; "" when it should."""

    models: Mapping[str, ServedModel]
    version: str
    not_ready: Callable[[], str]
    statistics: Callable[[str, int], VersionStatistics | None]
    # Whether callers may change the log's settings.
    settings_rpcs: bool = False


class InferenceServicer(inference_pb2_grpc.GRPCInferenceServiceServicer):
    """The Open Inference Protocol, with Triton's extensions but for those in UNSERVED."""

    def __init__(self, served: Served, calls: Calls, streams: OpenStreams) -> None:
        self._served = served
        self._calls = calls
        self._streams = streams

    async def ServerLive(self, request: oip.ServerLiveRequest, context: Context) -> oip.ServerLiveResponse:
        """Whether the process answers at all."""
        return oip.ServerLiveResponse(live=True)

    async def ServerReady(self, request: oip.ServerReadyRequest, context: Context) -> oip.ServerReadyResponse:
        """Whether every model is warm and the server is not stopping."""
        return oip.ServerReadyResponse(ready=not self._served.not_ready())

    async def ModelReady(self, request: oip.ModelReadyRequest, context: Context) -> oip.ModelReadyResponse:
        """Whether a model is warm; NOT_FOUND for one that is not in the repository."""
        model = await _model(self._served, request.name, request.version, context)
        return oip.ModelReadyResponse(ready=model.ready)

    async def ServerMetadata(
        self, request: oip.ServerMetadataRequest, context: Context
    ) -> oip.ServerMetadataResponse:
        """The server's name and version, and which of Triton's extensions it serves."""
        logging = ["logging"] if self._served.settings_rpcs else []
        return oip.ServerMetadataResponse(
            name="penstock", version=self._served.version, extensions=[*_EXTENSIONS, *logging]
        )

    async def ModelMetadata(
        self, request: oip.ModelMetadataRequest, context: Context
    ) -> oip.ModelMetadataResponse:
        """What callers send to a model and what it answers."""
        model = await _ready_model(self._served, request.name, request.version, context)
        return oip.ModelMetadataResponse(
            name=model.name,
            versions=[str(model.version)],
            platform=_PLATFORMS[model.spec.platform],
            inputs=map(_tensor_metadata, model.spec.takes),
            outputs=map(_tensor_metadata, model.spec.outputs),
            # What a tensor's datatype does not tell: INT64 is an int, or a timestamp in seconds or milliseconds.
            properties={f"feature.{name}": kind for name, kind in model.spec.feature_kinds.items()},
        )

    async def ModelConfig(self, request: oip.ModelConfigRequest, context: Context) -> oip.ModelConfigResponse:
        """A model's model.toml, as a configuration of Triton's."""
        model = await _ready_model(self._served, request.name, request.version, context)
        platform = _PLATFORMS[model.spec.platform]
        return oip.ModelConfigResponse(config=model_config(model.spec, platform))

    async def ModelStatistics(
        self, request: oip.ModelStatisticsRequest, context: Context
    ) -> oip.ModelStatisticsResponse:
        """What a model, or every model that is ready, has done so far."""
        if request.name:
            models = [await _ready_model(self._served, request.name, request.version, context)]
        else:
            models = [model for model in self._served.models.values() if model.ready]
        seen = ((model, self._served.statistics(model.name, model.version)) for model in models)
        return oip.ModelStatisticsResponse(
            model_stats=[
                model_statistics(model.name, model.version, statistics)
                for model, statistics in seen
                if statistics is not None
            ]
        )

    async def RepositoryIndex(
        self, request: oip.RepositoryIndexRequest, context: Context
    ) -> oip.RepositoryIndexResponse:
        """Every model of the repository, or only those that are ready, with its state and why it has that."""
        if request.repository_name:
            await _abort_invalid(
                context,
                "repository_name",
                request.repository_name,
                "nothing, because there is one repository",
            )
        models = [model for model in self._served.models.values() if model.ready or not request.ready]
        return oip.RepositoryIndexResponse(models=map(_index, models))

    async def TraceSetting(
        self, request: oip.TraceSettingRequest, context: Context
    ) -> oip.TraceSettingResponse:
        """That calls are not traced."""
        if request.model_name:
            await _model(self._served, request.model_name, "", context)
        try:
            return trace_settings(request.settings)
        except CallFailed as failure:
            await refuse(context, failure)

    async def LogSettings(self, request: oip.LogSettingsRequest, context: Context) -> oip.LogSettingsResponse:
        """What this process logs, once that has been changed where callers may."""
        try:
            return log_settings(request.settings, changeable=self._served.settings_rpcs)
        except CallFailed as failure:
            await refuse(context, failure)

    async def ModelInfer(self, request: bytes, context: Context) -> bytes:  # type: ignore[override]
        """Bytes of a ModelInferRequest in, of a ModelInferResponse out."""
        return await _answer(self._calls.infer, self._calls, request, context)

    async def ModelStreamInfer(  # type: ignore[override]
        self, request_iterator: AsyncIterator[bytes], context: Context
    ) -> None:
        """Bytes of ModelInferRequests in, of ModelStreamInferResponses out: one each, in order."""
        await self._streams.run(stream_forms.INFER, self._calls.infer, request_iterator, context)


class PredictionServicer(prediction_pb2_grpc.PredictionServicer):
    """Feature-level requests."""

    def __init__(self, calls: Calls, streams: OpenStreams) -> None:
        self._calls = calls
        self._streams = streams

    async def Predict(self, request: bytes, context: Context) -> bytes:  # type: ignore[override]
        """Bytes of a PredictRequest in, of a PredictResponse out."""
        return await _answer(self._calls.predict, self._calls, request, context)

    async def PredictStream(  # type: ignore[override]
        self, request_iterator: AsyncIterator[bytes], context: Context
    ) -> None:
        """Bytes of PredictRequests in, of PredictStreamResponses out: one each, in order unless told otherwise."""
        await self._streams.run(stream_forms.PREDICT, self._calls.predict, request_iterator, context)


class ProbeServicer(probe_pb2_grpc.ProbeServicer):
    """Readiness as a status code."""

    def __init__(self, served: Served) -> None:
        self._served = served

    async def Ready(self, request: probe_pb2.ReadyRequest, context: Context) -> probe_pb2.ReadyResponse:
        """OK, or UNAVAILABLE with the reason."""
        if reason := self._served.not_ready():
            await abort(context, grpc.StatusCode.UNAVAILABLE, reason)
        return probe_pb2.ReadyResponse()


class FeatureStatisticsServicer(feature_statistics_pb2_grpc.FeatureStatisticsServicer):
    """What features are like."""

    def __init__(self, served: Served, statistics: Callable[[str, int, Sequence[str]], bytes]) -> None:
        """`statistics` is `Engine.feature_statistics`."""
        self._served = served
        self._statistics = statistics

    async def GetFeatureStatistics(
        self, request: feature_statistics_pb2.GetFeatureStatisticsRequest, context: Context
    ) -> feature_statistics_pb2.GetFeatureStatisticsResponse:
        """Of one model version; written in Rust, off the event loop."""
        model = await _ready_model(self._served, request.model_name, request.model_version, context)
        wanted = list(request.features)
        try:
            answer = await asyncio.to_thread(self._statistics, model.name, model.version, wanted)
        except RequestError as error:
            await abort(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except LookupError as error:
            await abort(context, grpc.StatusCode.FAILED_PRECONDITION, str(error))
        return feature_statistics_pb2.GetFeatureStatisticsResponse.FromString(answer)


async def _ready_model(served: Served, name: str, version: str, context: Context) -> ServedModel:
    model = await _model(served, name, version, context)
    if not model.ready:
        await abort(context, grpc.StatusCode.UNAVAILABLE, f"model {model.name} is not ready")
    return model


async def _model(served: Served, name: str, version: str, context: Context) -> ServedModel:
    if not MODEL_NAME.fullmatch(name):
        await _abort_invalid(context, "model name", name, MODEL_NAME_RULE)
    if version and not MODEL_VERSION.fullmatch(version):
        await _abort_invalid(context, "model version", version, MODEL_VERSION_RULE)
    model = served.models.get(name)
    if model is None:
        await abort(context, grpc.StatusCode.NOT_FOUND, unknown_model(name))
    if version and int(version) != model.version:
        await abort(context, grpc.StatusCode.NOT_FOUND, unknown_version(name, version, model.version))
    return model


async def _answer(
    submit: Callable[[bytes, float | None, asyncio.Future[bytes]], int],
    calls: Calls,
    raw: bytes,
    context: Context,
) -> bytes:
    """The hot path: one call into the engine and one future, which `Calls.deliver` settles in bulk."""
    future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    ticket = submit(raw, context.time_remaining(), future)
    try:
        return await future
    except asyncio.CancelledError:
        calls.cancel(ticket)
        raise
    except CallFailed as failure:
        await refuse(context, failure)


async def _abort_invalid(context: Context, what: str, found: str, rule: str) -> NoReturn:
    message = f"{what}: found {found[:128]!r}, allowed: {rule}"
    await abort(context, grpc.StatusCode.INVALID_ARGUMENT, message)


def _index(model: ServedModel) -> oip.RepositoryIndexResponse.ModelIndex:
    state = "READY" if model.ready else "UNAVAILABLE" if model.failure else "LOADING"
    return oip.RepositoryIndexResponse.ModelIndex(
        name=model.name, version=str(model.version), state=state, reason="" if model.ready else model.failure
    )


def _tensor_metadata(tensor: TensorSpec) -> oip.ModelMetadataResponse.TensorMetadata:
    return oip.ModelMetadataResponse.TensorMetadata(
        name=tensor.name, datatype=tensor.datatype, shape=tensor.shape
    )
