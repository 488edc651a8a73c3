"""`penstock serve` as a process, while it serves: what it says of itself and of its models."""

from __future__ import annotations

import socket
from pathlib import Path

import grpc
import pytest

from penstock.pb import health_pb2, inference_pb2, probe_pb2, probe_pb2_grpc
from tests import models
from tests.integration.calls import health, infer_request, values
from tests.server_process import ServerProcess, penstock


def test_the_serving_line_names_host_port_and_models(standing_server: ServerProcess) -> None:
    assert standing_server.serving["host"] == "127.0.0.1"
    assert standing_server.serving["models"] == ["mlp/1", "raises/1"]
    assert standing_server.serving["port"] != standing_server.serving["metrics_port"]
    assert standing_server.other_lines == []


def test_a_served_model_is_ready_wherever_one_asks(standing_server: ServerProcess) -> None:
    assert standing_server.inference.ServerLive(inference_pb2.ServerLiveRequest(), timeout=10).live
    assert standing_server.inference.ServerReady(inference_pb2.ServerReadyRequest(), timeout=10).ready
    assert standing_server.inference.ModelReady(inference_pb2.ModelReadyRequest(name="mlp"), timeout=10).ready
    probe_pb2_grpc.ProbeStub(standing_server.channel).Ready(probe_pb2.ReadyRequest(), timeout=10)
    for name in ("", "readiness", "liveness", "mlp", "mlp/1"):
        assert health(standing_server, name) == health_pb2.HealthCheckResponse.SERVING
    assert (standing_server.http("/livez")[0], standing_server.http("/readyz")[0]) == (200, 200)


def test_metadata_says_what_a_model_takes_and_gives(standing_server: ServerProcess) -> None:
    metadata = standing_server.inference.ModelMetadata(
        inference_pb2.ModelMetadataRequest(name="mlp"), timeout=10
    )
    (taken,), (given,) = metadata.inputs, metadata.outputs
    assert (metadata.name, list(metadata.versions), metadata.platform) == (
        "mlp",
        ["1"],
        "pytorch_torchscript",
    )
    assert (taken.name, taken.datatype, list(taken.shape)) == ("x", "FP32", [-1, 32])
    assert (given.name, given.datatype, list(given.shape)) == ("score", "FP32", [-1])


def test_metadata_says_of_what_kind_each_feature_is(tmp_path: Path) -> None:
    models.write_features(tmp_path)
    with ServerProcess(tmp_path) as server:
        request = inference_pb2.ModelMetadataRequest(name="features")
        metadata = server.inference.ModelMetadata(request, timeout=10)
    assert {tensor.name: metadata.properties[f"feature.{tensor.name}"] for tensor in metadata.inputs} == {
        "amount": "float",
        "time": "timestamp",
        "merchant": "string",
        "country": "string",
        "recent": "int[]",
        "history": "int[]",
    }


@pytest.mark.parametrize(
    ("name", "version", "code"),
    [
        ("nothing", "", grpc.StatusCode.NOT_FOUND),
        ("mlp", "2", grpc.StatusCode.NOT_FOUND),
        ("mlp", "one", grpc.StatusCode.NOT_FOUND),
        ("mlp", "01", grpc.StatusCode.INVALID_ARGUMENT),
        ("", "", grpc.StatusCode.INVALID_ARGUMENT),
        ("../models/mlp", "", grpc.StatusCode.INVALID_ARGUMENT),
        ("/etc/passwd", "", grpc.StatusCode.INVALID_ARGUMENT),
        ("mlp\0", "", grpc.StatusCode.INVALID_ARGUMENT),
        ("a" * 129, "", grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
@pytest.mark.parametrize("method", ["ModelReady", "ModelMetadata"])
def test_a_name_that_is_no_models_is_refused(
    standing_server: ServerProcess, method: str, name: str, version: str, code: grpc.StatusCode
) -> None:
    request = getattr(inference_pb2, f"{method}Request")(name=name, version=version)
    with pytest.raises(grpc.RpcError) as caught:
        getattr(standing_server.inference, method)(request, timeout=10)
    assert caught.value.code() is code


def test_a_model_that_raises_is_an_error_id_to_the_caller_and_a_traceback_in_the_log(
    standing_server: ServerProcess,
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        standing_server.inference.ModelInfer(infer_request("raises", -1.0), timeout=10)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in caught.value.details()
    event = standing_server.wait_for("model raised")
    assert str(event["error_id"]) in caught.value.details()
    assert "a secret of the model" in event["traceback"]
    assert values(standing_server.inference.ModelInfer(infer_request("raises", 2.0), timeout=10)) == (2.0,)


def test_health_command_answers_with_its_exit_code(standing_server: ServerProcess) -> None:
    for service, code, status in (
        ((), 0, "SERVING"),
        (("--service", "mlp/1"), 0, "SERVING"),
        (("--service", "x"), 1, "NOT_FOUND"),
    ):
        told = penstock("health", standing_server.address, *service)
        assert (told.returncode, told.stderr) == (code, "")
        assert status in told.stdout
        assert told.stdout.count("\n") == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::"])  # noqa: S104 - the server binds none of them
def test_health_command_asks_where_the_settings_say_unless_told_otherwise(
    standing_server: ServerProcess, tmp_path: Path, host: str
) -> None:
    settings = {"PENSTOCK_HOST": host, "PENSTOCK_PORT": str(standing_server.serving["port"])}
    told = penstock("health", settings=settings)
    if host == "::":
        assert told.stdout.startswith(f"[::1]:{standing_server.serving['port']} server: ")
    else:
        assert (told.returncode, told.stdout) == (0, f"{standing_server.address} server: SERVING\n")
    config = tmp_path / "penstock.toml"
    config.write_text(f"port = {standing_server.serving['port']}\n")
    assert penstock("health", settings={"PENSTOCK_CONFIG": str(config)}).returncode == 0
    told = penstock("health", settings={"PENSTOCK_PORT": "x"})
    assert (told.returncode, told.stdout) == (2, "")
    assert "PENSTOCK_PORT: found 'x'" in told.stderr


def test_health_command_says_that_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        told = penstock("health", f"127.0.0.1:{unused.getsockname()[1]}", "--timeout-s", "1")
    assert (told.returncode, told.stderr) == (1, "")


def test_a_corrupt_model_is_unavailable_and_the_others_serve(repo: Path) -> None:
    models.write_raises(repo)
    (models.write_mlp(repo) / "1" / "model.pt").write_bytes(b"not a model")
    with ServerProcess(repo, "--log-level", "debug") as server:
        assert server.serving["event"] == "serving, but not ready"
        assert (server.serving["models"], server.serving["failed"]) == (["raises/1"], ["mlp/1"])
        event = server.wait_for("model could not be loaded")
        assert "it is not, or not all of, a file that torch.jit.save wrote" in event["reason"]
        assert "traceback" not in event
        where = server.wait_for("model could not be loaded: where")
        assert (where["level"], "Traceback" in where["traceback"]) == ("debug", True)
        with pytest.raises(grpc.RpcError) as caught:
            server.inference.ModelInfer(infer_request("mlp", 1.0), timeout=10)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert str(repo) not in caught.value.details()
        assert not server.inference.ModelReady(inference_pb2.ModelReadyRequest(name="mlp"), timeout=10).ready
        assert not server.inference.ServerReady(inference_pb2.ServerReadyRequest(), timeout=10).ready
        assert values(server.inference.ModelInfer(infer_request("raises", 2.0), timeout=10)) == (2.0,)
        assert health(server) == health(server, "mlp") == health_pb2.HealthCheckResponse.NOT_SERVING
        assert health(server, "raises") == health_pb2.HealthCheckResponse.SERVING
        assert (server.http("/livez")[0], server.http("/readyz")[0]) == (200, 503)
        with pytest.raises(grpc.RpcError) as caught:
            probe_pb2_grpc.ProbeStub(server.channel).Ready(probe_pb2.ReadyRequest(), timeout=10)
        assert caught.value.details() == "model mlp version 1 could not be loaded"
