"""One real server a door for all contract tests, and what they hold on to."""

from collections.abc import Iterator

import grpc
import pytest

from penstock.pb import inference_pb2_grpc, prediction_pb2_grpc
from tests.connection import connection
from tests.contract import repository
from tests.server_process import ServerProcess

# Every contract test runs at every door, and every door answers alike.
DOORS = ("grpcio", "fast")


@pytest.fixture(scope="session", params=DOORS)
def door(request: pytest.FixtureRequest) -> str:
    """The name of the door."""
    return str(request.param)


@pytest.fixture(scope="session")
def server(door: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of tests.contract.repository, all models SERVING."""
    folder = tmp_path_factory.mktemp("models")
    with ServerProcess(repository.write(folder), "--door", door) as process:
        assert process.serving["event"] == "serving"
        yield process


@pytest.fixture
def channel(server: ServerProcess) -> Iterator[grpc.Channel]:
    """A channel with one connection, which the test must not lose."""
    with connection(server) as channel:
        yield channel


@pytest.fixture
def inference(channel: grpc.Channel) -> inference_pb2_grpc.GRPCInferenceServiceStub:
    """The Open Inference Protocol on that connection."""
    return inference_pb2_grpc.GRPCInferenceServiceStub(channel)


@pytest.fixture
def prediction(channel: grpc.Channel) -> prediction_pb2_grpc.PredictionStub:
    """penstock.v1.Prediction on that connection."""
    return prediction_pb2_grpc.PredictionStub(channel)
