"""The RPCs, a few lines each. What a request holds is the engine's business, what serves is the repository's.

The hot methods get and give raw bytes: no protobuf object is made once a request.
"""
# ruff: noqa: ARG002 - the protocol says what an RPC is given

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import NoReturn, Protocol

import grpc

from penstock import stream_forms
from penstock._fastpath import Calls, ModelSpec, RequestError, RouteError, TensorSpec, VersionStatistics
from penstock.errors import CallFailed, ConflictError, PenstockError, UnknownModelError
from penstock.model_config import model_config
from penstock.model_statistics import model_statistics
from penstock.names import MODEL_NAME, MODEL_NAME_RULE
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
from penstock.version_status import State, VersionStatus

# Their requests go to the engine, and its answers to the transport, as they are.
RAW_METHODS = frozenset({"ModelInfer", "ModelStreamInfer", "Predict", "PredictStream"})

# What a client that looks for an extension in ServerMetadata finds here.
_EXTENSIONS = ("binary_tensor_data", "model_configuration", "statistics")

_NO_SHARED_MEMORY = "Shared memory is not served; send and receive tensors in the messages."
_NO_MODEL_CONTROL = (
    "Callers do not load or unload models here; a server started with --model-control explicit lets them."
)
# Why what Triton serves is not served here, by RPC.
UNSERVED = {
    f"{kind}SharedMemory{verb}": _NO_SHARED_MEMORY
    for kind in ("System", "Cuda")
    for verb in ("Status", "Register", "Unregister")
}

# What the protocol calls a TorchScript model, by the platform's name in model.toml.
_PLATFORMS = {"torchscript": "pytorch_torchscript"}


# Triton's words for the states, where they are others.
_INDEX_STATES = {State.WARMING: "LOADING", State.DRAINING: "UNLOADING"}


class ModelControl(Protocol):
    """What changes the models that serve. The futures raise PenstockError."""

    def load(self, name: str) -> Future[None]:
        """Loads what a model's folder holds now."""

    def unload(self, name: str) -> Future[None]:
        """Takes a model out of service."""


@dataclass(frozen=True)
class Served:
    """What this server serves.

    Attributes:
        version: penstock's.
        statuses: the versions of a model, or of all models, by name and number.
        resolve: the number that answers a request with this model and version; `Engine.resolve`.
        not_ready: why the server should not be called now; "" when it should.
        statistics: what a version has done; `Engine.statistics`.
        control: what callers may change models with; None where they may not.
        settings_rpcs: whether callers may change the log's settings.

    """

    version: str
    statuses: Callable[[str | None], Sequence[VersionStatus]]
    resolve: Callable[[str, str], int]
    not_ready: Callable[[], str]
    statistics: Callable[[str, int], VersionStatistics | None]
    control: ModelControl | None = None
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
        try:
            self._served.resolve(request.name, request.version)
        except RouteError as error:
            if error.args[0] != grpc.StatusCode.UNAVAILABLE.value[0]:
                await _abort_unrouted(context, error)
            return oip.ModelReadyResponse(ready=False)
        return oip.ModelReadyResponse(ready=True)

    async def ServerMetadata(
        self, request: oip.ServerMetadataRequest, context: Context
    ) -> oip.ServerMetadataResponse:
        """The server's name and version, and which of Triton's extensions it serves."""
        control = ["model_repository"] if self._served.control else []
        logging = ["logging"] if self._served.settings_rpcs else []
        return oip.ServerMetadataResponse(
            name="penstock", version=self._served.version, extensions=[*_EXTENSIONS, *control, *logging]
        )

    async def ModelMetadata(
        self, request: oip.ModelMetadataRequest, context: Context
    ) -> oip.ModelMetadataResponse:
        """What callers send to a model and what it answers."""
        _, spec = await _found(self._served, request.name, request.version, context)
        ready = [status for status in self._served.statuses(spec.name) if status.ready]
        return oip.ModelMetadataResponse(
            name=spec.name,
            versions=[str(status.version) for status in ready],
            platform=_PLATFORMS[spec.platform],
            inputs=map(_tensor_metadata, spec.takes),
            outputs=map(_tensor_metadata, spec.outputs),
            # What a tensor's datatype does not tell: INT64 is an int, or a timestamp in seconds or milliseconds.
            properties={f"feature.{name}": kind for name, kind in spec.feature_kinds.items()},
        )

    async def ModelConfig(self, request: oip.ModelConfigRequest, context: Context) -> oip.ModelConfigResponse:
        """A model's model.toml, as a configuration of Triton's."""
        _, spec = await _found(self._served, request.name, request.version, context)
        return oip.ModelConfigResponse(config=model_config(spec, _PLATFORMS[spec.platform]))

    async def ModelStatistics(
        self, request: oip.ModelStatisticsRequest, context: Context
    ) -> oip.ModelStatisticsResponse:
        """What a version, every version of a model that serves, or every one of all models has done so far."""
        if request.name:
            number, spec = await _found(self._served, request.name, request.version, context)
            versions = [(spec.name, number)]
            if not request.version:
                statuses = self._served.statuses(spec.name)
                versions = [(status.name, status.version) for status in statuses if status.ready]
        else:
            statuses = self._served.statuses(None)
            versions = [(status.name, status.version) for status in statuses if status.ready]
        seen = ((name, number, self._served.statistics(name, number)) for name, number in versions)
        return oip.ModelStatisticsResponse(
            model_stats=[
                model_statistics(name, number, statistics)
                for name, number, statistics in seen
                if statistics is not None
            ]
        )

    async def RepositoryIndex(
        self, request: oip.RepositoryIndexRequest, context: Context
    ) -> oip.RepositoryIndexResponse:
        """Every version that is known, or only those that are ready, with its state and why it has that."""
        if request.repository_name:
            await _abort_invalid(
                context,
                "repository_name",
                request.repository_name,
                "nothing, because there is one repository",
            )
        versions = [status for status in self._served.statuses(None) if status.ready or not request.ready]
        return oip.RepositoryIndexResponse(models=map(_index, versions))

    async def RepositoryModelLoad(
        self, request: oip.RepositoryModelLoadRequest, context: Context
    ) -> oip.RepositoryModelLoadResponse:
        """Loads what a model's folder holds now; answered when that serves."""
        control = await self._control(context)
        if request.parameters:
            await _abort_invalid(
                context,
                "parameters",
                ", ".join(sorted(request.parameters)),
                "none, because a model is what its folder in the repository holds",
            )
        await _changed(control.load(await _to_change(request, context)), context)
        return oip.RepositoryModelLoadResponse()

    async def RepositoryModelUnload(
        self, request: oip.RepositoryModelUnloadRequest, context: Context
    ) -> oip.RepositoryModelUnloadResponse:
        """Takes a model out of service; answered when its calls are."""
        control = await self._control(context)
        # No model depends on another here, so unload_dependents changes nothing.
        if others := sorted(request.parameters.keys() - {"unload_dependents"}):
            await _abort_invalid(
                context, "parameters", ", ".join(others), "unload_dependents, which changes nothing"
            )
        await _changed(control.unload(await _to_change(request, context)), context)
        return oip.RepositoryModelUnloadResponse()

    async def _control(self, context: Context) -> ModelControl:
        if self._served.control is None:
            await abort(context, grpc.StatusCode.UNIMPLEMENTED, _NO_MODEL_CONTROL)
        return self._served.control

    async def TraceSetting(
        self, request: oip.TraceSettingRequest, context: Context
    ) -> oip.TraceSettingResponse:
        """That calls are not traced."""
        if request.model_name:
            await _found(self._served, request.model_name, "", context)
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
        number, spec = await _found(self._served, request.model_name, request.model_version, context)
        wanted = list(request.features)
        try:
            answer = await asyncio.to_thread(self._statistics, spec.name, number, wanted)
        except RequestError as error:
            await abort(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except LookupError as error:
            await abort(context, grpc.StatusCode.FAILED_PRECONDITION, str(error))
        return feature_statistics_pb2.GetFeatureStatisticsResponse.FromString(answer)


async def _found(served: Served, name: str, version: str, context: Context) -> tuple[int, ModelSpec]:
    """The version that answers such a request, by the engine's own rule."""
    try:
        number = served.resolve(name, version)
    except RouteError as error:
        await _abort_unrouted(context, error)
    for status in served.statuses(name):
        if status.version == number and status.spec is not None:
            return number, status.spec
    gone = f'Model "{name}" is not ready: version {number} has just gone'
    return await abort(context, grpc.StatusCode.UNAVAILABLE, gone)


async def _abort_unrouted(context: Context, error: RouteError) -> NoReturn:
    code, sentence = error.args
    await refuse(context, CallFailed(code, sentence))


async def _to_change(
    request: oip.RepositoryModelLoadRequest | oip.RepositoryModelUnloadRequest, context: Context
) -> str:
    """The model that a request to load or unload names."""
    # KServe's own message has the model's name where Triton's has the repository's.
    name = request.model_name or request.repository_name
    if request.model_name and request.repository_name:
        await _abort_invalid(
            context, "repository_name", request.repository_name, "nothing, because there is one repository"
        )
    if not MODEL_NAME.fullmatch(name):
        await _abort_invalid(context, "model name", name, MODEL_NAME_RULE)
    return name


async def _changed(change: Future[None], context: Context) -> None:
    """Waits for a change. A caller who goes away does not stop it."""
    try:
        await asyncio.shield(asyncio.wrap_future(change))
    except UnknownModelError as error:
        await abort(context, grpc.StatusCode.NOT_FOUND, str(error))
    except ConflictError as error:
        await abort(context, grpc.StatusCode.ABORTED, str(error))
    except PenstockError as error:
        await abort(context, grpc.StatusCode.FAILED_PRECONDITION, str(error))


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


def _index(status: VersionStatus) -> oip.RepositoryIndexResponse.ModelIndex:
    return oip.RepositoryIndexResponse.ModelIndex(
        name=status.name,
        version=str(status.version) if status.version else "",
        state=_INDEX_STATES.get(status.state, status.state.value),
        reason=status.reason or (status.state.value if status.state in _INDEX_STATES else ""),
    )


def _tensor_metadata(tensor: TensorSpec) -> oip.ModelMetadataResponse.TensorMetadata:
    return oip.ModelMetadataResponse.TensorMetadata(
        name=tensor.name, datatype=tensor.datatype, shape=tensor.shape
    )
