"""grpcurl and ghz find the services by reflection alone, and call them without an error."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import json_format

from penstock.pb import prediction_pb2 as pb
from tests.contract.tensors import raw_request
from tests.programs import program
from tests.server_process import ServerProcess

PROTO = Path(__file__).parents[2] / "proto"
SERVICES = {
    "inference.GRPCInferenceService": ("ModelInfer", PROTO / "inference" / "open_inference.proto"),
    "penstock.v1.Prediction": ("Predict", PROTO / "penstock" / "v1" / "prediction.proto"),
}
# ghz ends after a number of calls or after a time; calls that are under way when the time is up are waited for.
BOUNDS = {"calls": ("-n", "300"), "time": ("-z", "2s", "--duration-stop=wait")}

Run = Callable[..., subprocess.CompletedProcess[str]]


def tool(name: str) -> Run:
    """Runs a program; without it the test skips."""
    path = program(name)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([path, *arguments], capture_output=True, text=True, timeout=90, check=False)

    return run


@pytest.fixture
def grpcurl(server: ServerProcess) -> Callable[..., str]:
    """Runs grpcurl against the server and gives what it prints."""
    run = tool("grpcurl")

    def call(*arguments: str, data: str | None = None) -> str:
        flags = ["-plaintext", *(["-d", data] if data is not None else [])]
        done = run(*flags, server.address, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


def predict_request() -> pb.PredictRequest:
    request = pb.PredictRequest(model_name="features", id="tool")
    features = request.examples.add().features.feature
    features["amount"].float_list.value.append(3.0)
    features["merchant"].bytes_list.value.append(b"acme")
    return request


def request_of(service: str) -> dict[str, object]:
    """A good request of a service's hot method, as JSON."""
    if service == "penstock.v1.Prediction":
        return json_format.MessageToDict(predict_request())
    return json_format.MessageToDict(raw_request("pair", ("x", "FP32", np.ones((1, 4))), id="tool"))


def test_grpcurl_lists_every_service(grpcurl: Callable[..., str]) -> None:
    assert set(grpcurl("list").split()) >= {*SERVICES, "grpc.health.v1.Health"}


@pytest.mark.parametrize("service", SERVICES)
def test_grpcurl_lists_and_describes_the_methods_of_a_service(
    grpcurl: Callable[..., str], service: str
) -> None:
    method, _ = SERVICES[service]
    assert f"{service}.{method}" in grpcurl("list", service).split()
    assert f"rpc {method} (" in grpcurl("describe", service)
    assert f"rpc {method} (" in grpcurl("describe", f"{service}.{method}")


@pytest.mark.parametrize("message", ["penstock.v1.PredictRequest", "inference.ModelInferRequest"])
def test_grpcurl_describes_messages(grpcurl: Callable[..., str], message: str) -> None:
    assert f"message {message.rsplit('.', 1)[1]} {{" in grpcurl("describe", message)


def test_grpcurl_infers(grpcurl: Callable[..., str]) -> None:
    service = "inference.GRPCInferenceService"
    answer = json.loads(grpcurl(f"{service}/ModelInfer", data=json.dumps(request_of(service))))
    assert answer["id"] == "tool"
    assert [output["name"] for output in answer["outputs"]] == ["sum", "both"]


def test_grpcurl_predicts(grpcurl: Callable[..., str]) -> None:
    service = "penstock.v1.Prediction"
    answer = json.loads(grpcurl(f"{service}/Predict", data=json.dumps(request_of(service))))
    assert answer["id"] == "tool"
    assert answer["outputs"][0]["floats"]["value"] == [40.0]


def test_grpcurl_prints_the_field_that_a_request_was_refused_for(server: ServerProcess) -> None:
    bad = json.dumps(json_format.MessageToDict(raw_request("pair", ("x", "FP32", np.ones((1, 5))))))
    done = tool("grpcurl")(
        *("-plaintext", "-format-error", "-d", bad, server.address),
        "inference.GRPCInferenceService/ModelInfer",
    )
    assert "@error" not in done.stderr
    (detail,) = json.loads(done.stderr)["details"]
    assert detail["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert detail["fieldViolations"][0]["field"].startswith("inputs")


def test_grpcurl_checks_health(grpcurl: Callable[..., str]) -> None:
    assert json.loads(grpcurl("grpc.health.v1.Health/Check")) == {"status": "SERVING"}


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("schema", ["proto", "reflection"])
@pytest.mark.parametrize("service", SERVICES)
def test_ghz_loads_a_method_without_an_error(
    server: ServerProcess, service: str, schema: str, bound: str
) -> None:
    run = tool("ghz")
    method, proto = SERVICES[service]
    flags = [f"--proto={proto}", f"--import-paths={PROTO}"] if schema == "proto" else []
    done = run(
        *("--insecure", "--format=json", f"--call={service}.{method}", *flags),
        *(*BOUNDS[bound], "-c", "8", "-d", json.dumps(request_of(service))),
        server.address,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["statusCodeDistribution"].keys() == {"OK"}, report["errorDistribution"]
    assert report["count"] > 0
