"""Models that are known and do not serve: loading, or failed to load."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from penstock.pb import inference_pb2 as oip
from penstock.pb import inference_pb2_grpc
from tests import models
from tests.connection import connection
from tests.contract.tensors import outputs, raw_request
from tests.gate import Gate
from tests.server_process import ServerProcess


@pytest.fixture(scope="module")
def server_with_a_broken_model(
    door: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """One model that serves, and one whose version is not a TorchScript file."""
    folder = tmp_path_factory.mktemp("broken")
    models.write_mlp(folder / "models")
    broken = models.write_echo(folder / "models", name="broken")
    (broken / "1" / "model.pt").write_bytes(b"not a zip file")
    with ServerProcess(folder / "models", "--door", door) as process:
        assert process.serving["event"] == "serving, but not ready"
        yield process


def test_12_a_model_that_failed_to_load_is_unavailable_and_others_serve(
    server_with_a_broken_model: ServerProcess,
) -> None:
    with connection(server_with_a_broken_model) as channel:
        inference = inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError) as failed:
            inference.ModelInfer(raw_request("broken", ("x", "FP32", np.zeros((1, 1)))))
        assert failed.value.code() == grpc.StatusCode.UNAVAILABLE
        assert "broken" in failed.value.details()
        assert not inference.ModelReady(oip.ModelReadyRequest(name="broken")).ready
        assert not inference.ServerReady(oip.ServerReadyRequest()).ready
        good = inference.ModelInfer(raw_request("mlp", ("x", "FP32", np.zeros((1, 32)))))
        assert outputs(good)["score"].shape == (1,)


def test_12_a_model_that_is_loading_or_waits_to_be_loaded_is_unavailable(door: str, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    models.write_gated(tmp_path / "models", gate, name="first")
    models.write_mlp(tmp_path / "models", name="second")
    with (
        gate.closed(),
        ServerProcess(tmp_path / "models", "--door", door, until=("listening",)) as server,
        connection(server) as channel,
    ):
        inference = inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        for name in ("first", "second"):
            for version in ("", "1"):
                request = raw_request(name, ("x", "FP32", np.zeros((1, 1))), model_version=version)
                with pytest.raises(grpc.RpcError) as failed:
                    inference.ModelInfer(request)
                assert failed.value.code() == grpc.StatusCode.UNAVAILABLE, name
                assert name in failed.value.details()
                assert "loading" in failed.value.details()
        assert inference.ServerLive(oip.ServerLiveRequest()).live
        assert not inference.ServerReady(oip.ServerReadyRequest()).ready
