"""What callers and operators ask, with what is answered as plain values."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import grpc

from penstock.pb import health_pb2, health_pb2_grpc
from penstock.pb import inference_pb2 as oip
from tests.integration.calls import infer_request, values
from tests.server_process import ServerProcess

NOT_FOUND = grpc.StatusCode.NOT_FOUND
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
# A server that is this late is broken; torch on a busy machine takes its time.
TIMEOUT_S = 30
X = 0.25


class Refusal(NamedTuple):
    """A call that was not answered."""

    code: grpc.StatusCode
    details: str


class Answer(NamedTuple):
    """Which version says that it answered, and which content did."""

    version: str
    adds: float


def answer_of(response: oip.ModelInferResponse) -> Answer:
    (y,) = values(response)
    return Answer(response.model_version, y - X)


def infer(server: ServerProcess, model: str, version: str = "") -> Answer | Refusal:
    """One row of X."""
    request = infer_request(model, X)
    request.model_version = version
    answer = outcome(server.inference.ModelInfer, request)
    return answer if isinstance(answer, Refusal) else answer_of(answer)


def load(server: ServerProcess, model: str) -> Refusal | None:
    answer = outcome(server.inference.RepositoryModelLoad, oip.RepositoryModelLoadRequest(model_name=model))
    return answer if isinstance(answer, Refusal) else None


def unload(server: ServerProcess, model: str) -> Refusal | None:
    request = oip.RepositoryModelUnloadRequest(model_name=model)
    answer = outcome(server.inference.RepositoryModelUnload, request)
    return answer if isinstance(answer, Refusal) else None


def outcome(rpc: Any, request: Any) -> Any:
    """The response, or the Refusal."""
    try:
        return rpc(request, timeout=TIMEOUT_S)
    except grpc.RpcError as error:
        return refusal_of(error)


def refusal_of(error: Any) -> Refusal:
    return Refusal(error.code(), error.details())


def index(server: ServerProcess, model: str) -> dict[str, tuple[str, str]]:
    """Version → state and reason, of one model."""
    models = server.inference.RepositoryIndex(oip.RepositoryIndexRequest(), timeout=TIMEOUT_S).models
    return {each.version: (each.state, each.reason) for each in models if each.name == model}


def states(server: ServerProcess, model: str) -> dict[str, str]:
    """Version → state, of one model."""
    return {version: state for version, (state, _) in index(server, model).items()}


def ready_versions(server: ServerProcess, model: str) -> list[str]:
    return [version for version, state in states(server, model).items() if state == "READY"]


def is_routed(server: ServerProcess, model: str) -> bool:
    """Whether a call that comes now finds a version."""
    answer = outcome(server.inference.ModelReady, oip.ModelReadyRequest(name=model))
    return not isinstance(answer, Refusal) and bool(answer.ready)


def health(server: ServerProcess, name: str) -> str:
    """The state's name, UNKNOWN for a name that is not known."""
    stub = health_pb2_grpc.HealthStub(server.channel)
    answer = outcome(stub.Check, health_pb2.HealthCheckRequest(service=name))
    if isinstance(answer, Refusal):
        assert answer.code is NOT_FOUND
        return "UNKNOWN"
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


def loads(server: ServerProcess, model: str, result: str) -> float:
    """How many versions of a model were loaded (`ok`) or failed to be (`failed`)."""
    samples = server.metrics().samples
    labels = {"model": model, "result": result}
    return sum(
        value
        for name, found, value in samples
        if name == "penstock_model_loads_total" and labels.items() <= found.items()
    )


def metric_states(server: ServerProcess, model: str) -> dict[str, str]:
    """Version → state, as /metrics has them."""
    samples = server.metrics().samples
    return {
        found["version"]: found["state"]
        for name, found, value in samples
        if name == "penstock_model_version_state" and found["model"] == model and value == 1
    }


def logged(server: ServerProcess, event: str, model: str) -> list[dict[str, Any]]:
    """The events of a name about a model, so far."""
    return [each for each in list(server.events) if (each["event"], each.get("model")) == (event, model)]


def rows(*numbers: float) -> bytes:
    """Raw contents of FP32."""
    return struct.pack(f"<{len(numbers)}f", *numbers)
