"""Triton's clients load and unload models of a server that lets them, at both doors and over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

from penstock.pb import inference_pb2 as oip
from tests import models
from tests.contract.tensors import raw_request
from tests.server_process import ServerProcess

CLIENTS = ("grpc", "http")


@pytest.fixture(scope="module")
def server(door: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("models")
    for name in CLIENTS:
        models.write_mlp(folder, name=f"mlp_{name}")
    broken = models.write_mlp(folder, name="broken")
    (broken / "1" / "model.pt").write_bytes(b"no model")
    with ServerProcess(folder, "--door", door, "--model-control", "explicit") as process:
        yield process


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest, server: ServerProcess) -> Iterator[Any]:
    """One of Triton's, and the name of its model in `model`."""
    if request.param == "grpc":
        made: Any = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{server.serving['port']}")
    else:
        made = tritonclient.http.InferenceServerClient(f"127.0.0.1:{server.serving['http_port']}")
    made.model = f"mlp_{request.param}"
    with made:
        yield made


def refusal(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(InferenceServerException) as caught:
        call()
    return str(caught.value.status()), str(caught.value.message())


def states(client: Any) -> dict[str, str]:
    index = client.get_model_repository_index()
    entries = index.models if hasattr(index, "models") else index
    told = [{"name": each.name, "state": each.state} if hasattr(each, "name") else each for each in entries]
    return {each["name"]: each["state"] for each in told}


def test_a_model_is_loaded_asked_and_unloaded(client: Any) -> None:
    assert "model_repository" in str(client.get_server_metadata())
    assert client.model not in states(client)
    client.load_model(client.model)
    assert states(client)[client.model] == "READY"
    assert client.is_model_ready(client.model)
    client.load_model(client.model)
    client.unload_model(client.model)
    assert client.model not in states(client)
    code, sentence = refusal(lambda: client.unload_model(client.model))
    assert code in {"StatusCode.NOT_FOUND", "404"}
    assert client.model in sentence


@pytest.mark.parametrize(
    ("model", "codes", "sentence"),
    [
        ("nowhere", {"StatusCode.NOT_FOUND", "404"}, "is not in the repository"),
        ("broken", {"StatusCode.FAILED_PRECONDITION", "400"}, "broken/1/model.pt does not load"),
    ],
)
def test_what_cannot_be_loaded_is_told_why(
    model: str, codes: set[str], sentence: str, client: Any, server: ServerProcess
) -> None:
    code, told = refusal(lambda: client.load_model(model))
    assert code in codes
    assert sentence in told
    assert str(server.repository) not in told


def test_a_models_files_and_configuration_do_not_come_from_callers(client: Any) -> None:
    code, told = refusal(lambda: client.load_model(client.model, config="{}"))
    assert code in {"StatusCode.INVALID_ARGUMENT", "400"}
    assert "parameters: found 'config', allowed: none" in told


def test_the_models_name_where_kserve_has_it_is_taken(server: ServerProcess) -> None:
    server.inference.RepositoryModelLoad(
        oip.RepositoryModelLoadRequest(repository_name="mlp_grpc"), timeout=60
    )
    answer = server.inference.ModelInfer(
        raw_request("mlp_grpc", ("x", "FP32", np.zeros((1, 32)))), timeout=60
    )
    assert answer.model_version == "1"
    request = oip.RepositoryModelUnloadRequest(repository_name="mlp_grpc")
    server.inference.RepositoryModelUnload(request, timeout=60)
    with pytest.raises(grpc.RpcError) as caught:
        server.inference.RepositoryModelUnload(request, timeout=60)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
