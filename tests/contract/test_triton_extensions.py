"""Triton's extensions with our own stubs and with NVIDIA's client: what is served, and why the rest is not."""

import itertools

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from google.protobuf.json_format import MessageToDict

from penstock.pb import inference_pb2 as oip
from penstock.pb import inference_pb2_grpc
from tests.contract.repository import DATATYPES, MAX_BATCH_ROWS
from tests.contract.tensors import raw_request
from tests.server_process import ServerProcess

Stub = inference_pb2_grpc.GRPCInferenceServiceStub


@pytest.fixture
def client(server: ServerProcess) -> triton.InferenceServerClient:
    """NVIDIA's client."""
    return triton.InferenceServerClient(server.address)


def statistics(inference: Stub, model: str) -> oip.ModelStatistics:
    (found,) = inference.ModelStatistics(oip.ModelStatisticsRequest(name=model)).model_stats
    return found


def test_every_extension_that_is_named_is_served(inference: Stub) -> None:
    metadata = inference.ServerMetadata(oip.ServerMetadataRequest())
    assert list(metadata.extensions) == ["binary_tensor_data", "model_configuration", "statistics"]
    inference.ModelConfig(oip.ModelConfigRequest(name="pair"))
    inference.ModelStatistics(oip.ModelStatisticsRequest(name="pair"))


def test_a_model_config_says_what_model_toml_says(inference: Stub) -> None:
    config = inference.ModelConfig(oip.ModelConfigRequest(name="pair", version="1")).config
    assert (config.name, config.platform, config.backend) == ("pair", "pytorch_torchscript", "pytorch")
    assert config.max_batch_size == MAX_BATCH_ROWS
    assert [(i.name, i.data_type, list(i.dims)) for i in config.input] == [("x", 11, [4])]
    assert [(o.name, o.data_type, list(o.dims)) for o in config.output] == [
        ("sum", 11, []),
        ("both", 11, [2]),
    ]
    assert config.WhichOneof("scheduling_choice") == "dynamic_batching"
    (group,) = config.instance_group
    assert (group.count, group.kind) == (1, 2)
    assert config.version_policy.latest.num_versions == 1


@pytest.mark.parametrize("datatype", DATATYPES)
def test_a_model_config_has_every_datatype(inference: Stub, datatype: str) -> None:
    model = f"echo_{datatype.lower()}"
    config = MessageToDict(inference.ModelConfig(oip.ModelConfigRequest(name=model)).config)
    assert [tensor["dataType"] for tensor in (*config["input"], *config["output"])] == [
        f"TYPE_{datatype}"
    ] * 2


def test_a_model_config_lists_features_as_callers_send_them(inference: Stub) -> None:
    config = MessageToDict(inference.ModelConfig(oip.ModelConfigRequest(name="features")).config)
    types = {tensor["name"]: tensor["dataType"] for tensor in config["input"]}
    assert types["merchant"] == "TYPE_STRING"
    assert types["items"] == "TYPE_INT64"


def test_statistics_count_calls_rows_and_batches(inference: Stub) -> None:
    before = statistics(inference, "echo_int32")
    sent = np.arange(9, dtype=np.int32).reshape(3, 3)
    for _ in range(4):
        inference.ModelInfer(raw_request("echo_int32", ("x", "INT32", sent)))
    with pytest.raises(grpc.RpcError):
        inference.ModelInfer(raw_request("echo_int32", ("wrong", "INT32", sent)))
    after = statistics(inference, "echo_int32")
    assert (after.name, after.version) == ("echo_int32", "1")
    assert after.inference_count - before.inference_count == 12
    assert after.execution_count - before.execution_count == 4
    assert after.last_inference > max(before.last_inference, 1_700_000_000_000)
    then, now = before.inference_stats, after.inference_stats
    assert now.success.count - then.success.count == 4
    assert now.fail.count - then.fail.count == 1
    assert now.fail.ns > then.fail.ns
    parts = [now.queue, now.compute_input, now.compute_infer, now.compute_output]
    assert [part.count for part in parts] == [now.success.count] * 4
    # A call's parts do not take longer than the call.
    assert 0 < sum(part.ns for part in parts) <= now.success.ns


def test_statistics_tell_batches_apart_by_their_rows(inference: Stub) -> None:
    def batches() -> dict[int, int]:
        found = statistics(inference, "echo_int64").batch_stats
        assert all(batch.compute_infer.ns > 0 for batch in found)
        return {batch.batch_size: batch.compute_infer.count for batch in found}

    before = batches()
    for rows in (1, 2, 2):
        sent = np.zeros((rows, 3), np.int64)
        inference.ModelInfer(raw_request("echo_int64", ("x", "INT64", sent)))
    after = batches()
    assert {rows: after[rows] - before.get(rows, 0) for rows in (1, 2)} == {1: 1, 2: 2}


def test_statistics_of_no_model_in_particular_are_those_of_all(inference: Stub) -> None:
    found = inference.ModelStatistics(oip.ModelStatisticsRequest()).model_stats
    names = [each.name for each in found]
    assert {"pair", "features", "echo_fp32"} <= set(names)
    assert len(names) == len(set(names))


def test_the_repository_index_lists_every_model_with_its_state(inference: Stub) -> None:
    index = inference.RepositoryIndex(oip.RepositoryIndexRequest()).models
    states = {(model.name, model.version): (model.state, model.reason) for model in index}
    assert states["pair", "1"] == ("READY", "")
    ready = inference.RepositoryIndex(oip.RepositoryIndexRequest(ready=True)).models
    assert {model.state for model in ready} == {"READY"}


def test_a_repository_that_is_named_is_refused(inference: Stub) -> None:
    with pytest.raises(grpc.RpcError, match="there is one repository") as caught:
        inference.RepositoryIndex(oip.RepositoryIndexRequest(repository_name="/models"))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("name", "version", "code"),
    [
        ("nothing", "", grpc.StatusCode.NOT_FOUND),
        ("pair", "7", grpc.StatusCode.NOT_FOUND),
        ("../pair", "", grpc.StatusCode.INVALID_ARGUMENT),
        ("pair", "one", grpc.StatusCode.NOT_FOUND),
        ("pair", "01", grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_a_model_that_is_not_there_has_neither_config_nor_statistics(
    inference: Stub, name: str, version: str, code: grpc.StatusCode
) -> None:
    for call in (
        lambda: inference.ModelConfig(oip.ModelConfigRequest(name=name, version=version)),
        lambda: inference.ModelStatistics(oip.ModelStatisticsRequest(name=name, version=version)),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            call()
        assert caught.value.code() is code


def test_what_is_not_served_says_why(inference: Stub) -> None:
    memory = "Shared memory is not served"
    control = "Callers do not load or unload models"
    calls = [
        (inference.SystemSharedMemoryStatus, oip.SystemSharedMemoryStatusRequest(), memory),
        (inference.SystemSharedMemoryRegister, oip.SystemSharedMemoryRegisterRequest(name="a"), memory),
        (inference.SystemSharedMemoryUnregister, oip.SystemSharedMemoryUnregisterRequest(), memory),
        (inference.CudaSharedMemoryStatus, oip.CudaSharedMemoryStatusRequest(), memory),
        (inference.CudaSharedMemoryRegister, oip.CudaSharedMemoryRegisterRequest(name="a"), memory),
        (inference.CudaSharedMemoryUnregister, oip.CudaSharedMemoryUnregisterRequest(), memory),
        (inference.RepositoryModelLoad, oip.RepositoryModelLoadRequest(model_name="pair"), control),
        (inference.RepositoryModelUnload, oip.RepositoryModelUnloadRequest(model_name="pair"), control),
    ]
    for call, request, reason in calls:
        with pytest.raises(grpc.RpcError, match=reason) as caught:
            call(request)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_settings_can_be_read_and_not_changed(inference: Stub) -> None:
    traced = inference.TraceSetting(oip.TraceSettingRequest(model_name="pair")).settings
    assert list(traced["trace_level"].value) == ["OFF"]
    logged = inference.LogSettings(oip.LogSettingsRequest()).settings
    assert logged["log_error"].bool_param
    change = oip.TraceSettingRequest()
    change.settings["trace_file"].value.append("/etc/passwd")
    louder = oip.LogSettingsRequest()
    louder.settings["log_verbose_level"].uint32_param = 9
    for call, reason in (
        (lambda: inference.TraceSetting(change), "Calls are not traced"),
        (lambda: inference.LogSettings(louder), "not changed by callers of this server"),
    ):
        with pytest.raises(grpc.RpcError, match=reason) as caught:
            call()
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_nvidias_client_reads_all_of_it(client: triton.InferenceServerClient) -> None:
    config = client.get_model_config("pair", as_json=True)["config"]
    assert config["max_batch_size"] == MAX_BATCH_ROWS
    (found,) = client.get_inference_statistics("pair", as_json=True)["model_stats"]
    assert found["name"] == "pair"
    index = client.get_model_repository_index(as_json=True)["models"]
    assert {"name": "pair", "version": "1", "state": "READY"} in index
    assert client.get_trace_settings(as_json=True)["settings"]["trace_level"]["value"] == ["OFF"]
    assert client.get_log_settings(as_json=True)["settings"]["log_file"] == {"string_param": ""}
    for refused in (client.get_system_shared_memory_status, client.unregister_cuda_shared_memory):
        with pytest.raises(triton.InferenceServerException, match="Shared memory is not served"):
            refused()


def test_durations_only_grow(inference: Stub) -> None:
    sent = np.ones((1, 4), np.float32)
    seen = []
    for _ in range(5):
        inference.ModelInfer(raw_request("pair", ("x", "FP32", sent)))
        seen.append(statistics(inference, "pair").inference_stats)
    for before, after in itertools.pairwise(seen):
        assert after.success.ns > before.success.ns
        assert after.compute_infer.ns > before.compute_infer.ns
