"""The core RPCs of the Open Inference Protocol, with our own stubs and with NVIDIA's client."""

import itertools
import json
import subprocess
import sys
import textwrap
from typing import Any

import grpc
import numpy as np
import pytest

from penstock.pb import inference_pb2 as oip
from penstock.pb import inference_pb2_grpc
from penstock.pb import prediction_pb2 as pb
from tests.contract.repository import DATATYPES, MAX_BATCH_ROWS
from tests.contract.tensors import CONTENTS, DTYPES, bytes_elements, outputs, raw_request, typed_request
from tests.reference import Model, transform
from tests.server_process import ServerProcess

Stub = inference_pb2_grpc.GRPCInferenceServiceStub

ROWS = np.arange(8, dtype=np.float32).reshape(2, 4)
SUMS = [6.0, 22.0]


def values(datatype: str) -> np.ndarray:
    """Two rows of three, with the datatype's extremes."""
    if datatype == "BOOL":
        return np.array([[True, False, True], [False, False, True]])
    dtype = DTYPES[datatype]
    if datatype == "BF16":
        return np.array([[0x3F80, 0x7F80, 0x0001], [0xC040, 0x0000, 0x7F7F]], dtype)
    if dtype.kind == "f":
        limits = np.finfo(dtype)
        return np.array([[limits.max, limits.smallest_subnormal, -0.0], [1.5, -np.inf, limits.min]], dtype)
    integers = np.iinfo(dtype)
    return np.array([[integers.min, 0, integers.max], [1, 2, 3]], dtype)


def test_a_server_that_serves_is_live_and_ready(inference: Stub) -> None:
    assert inference.ServerLive(oip.ServerLiveRequest()).live
    assert inference.ServerReady(oip.ServerReadyRequest()).ready


@pytest.mark.parametrize("version", ["", "1"])
def test_a_model_that_serves_is_ready(inference: Stub, version: str) -> None:
    assert inference.ModelReady(oip.ModelReadyRequest(name="pair", version=version)).ready


def test_server_metadata_names_the_server_and_its_version(inference: Stub) -> None:
    metadata = inference.ServerMetadata(oip.ServerMetadataRequest())
    assert metadata.name == "penstock"
    assert metadata.version


def test_model_metadata_says_what_a_model_takes_and_gives(inference: Stub) -> None:
    metadata = inference.ModelMetadata(oip.ModelMetadataRequest(name="pair"))
    assert metadata.name == "pair"
    assert list(metadata.versions) == ["1"]
    assert [(t.name, t.datatype, list(t.shape)) for t in metadata.inputs] == [("x", "FP32", [-1, 4])]
    assert [(t.name, t.datatype, list(t.shape)) for t in metadata.outputs] == [
        ("sum", "FP32", [-1]),
        ("both", "FP32", [-1, 2]),
    ]


def test_model_metadata_of_a_model_with_features_lists_the_features(inference: Stub) -> None:
    metadata = inference.ModelMetadata(oip.ModelMetadataRequest(name="features"))
    kinds = {tensor.name: tensor.datatype for tensor in metadata.inputs}
    assert kinds["merchant"] == kinds["token"] == kinds["country"] == "BYTES"
    assert kinds["items"] == kinds["history"] == "INT64"
    assert kinds["weekend"] == "BOOL"
    assert kinds["amount"] in ("FP32", "FP64")


@pytest.mark.parametrize("datatype", DATATYPES)
def test_raw_contents_of_every_datatype_come_back_bit_for_bit(inference: Stub, datatype: str) -> None:
    sent = values(datatype)
    model = f"echo_{datatype.lower()}"
    response = inference.ModelInfer(raw_request(model, ("x", datatype, sent)))
    (output,) = response.outputs
    assert (output.name, output.datatype, list(output.shape)) == ("y", datatype, [2, 3])
    assert outputs(response)["y"].tobytes() == sent.tobytes()


@pytest.mark.parametrize("datatype", CONTENTS)
def test_typed_contents_of_every_datatype_come_back_bit_for_bit(inference: Stub, datatype: str) -> None:
    sent = values(datatype)
    model = f"echo_{datatype.lower()}"
    response = inference.ModelInfer(typed_request(model, ("x", datatype, sent)))
    assert outputs(response)["y"].tobytes() == sent.tobytes()


def test_model_version_and_id_are_echoed(inference: Stub) -> None:
    response = inference.ModelInfer(raw_request("pair", ("x", "FP32", ROWS), id="call-7 ü"))
    assert (response.model_name, response.model_version, response.id) == ("pair", "1", "call-7 ü")


def test_a_version_may_be_asked_for(inference: Stub) -> None:
    response = inference.ModelInfer(raw_request("pair", ("x", "FP32", ROWS), model_version="1"))
    assert outputs(response)["sum"].tolist() == SUMS


def test_all_outputs_come_in_the_models_order_when_none_is_asked_for(inference: Stub) -> None:
    response = inference.ModelInfer(raw_request("pair", ("x", "FP32", ROWS)))
    assert [tensor.name for tensor in response.outputs] == ["sum", "both"]
    assert outputs(response)["sum"].tolist() == SUMS
    assert outputs(response)["both"].tolist() == [[6.0, -6.0], [22.0, -22.0]]


@pytest.mark.parametrize("names", [["both"], ["both", "sum"], ["sum", "both"]])
def test_requested_outputs_come_in_the_requested_order(inference: Stub, names: list[str]) -> None:
    request = raw_request("pair", ("x", "FP32", ROWS))
    for name in names:
        request.outputs.add(name=name)
    response = inference.ModelInfer(request)
    assert [tensor.name for tensor in response.outputs] == names
    assert outputs(response).keys() == set(names)


def test_parameters_that_mean_nothing_to_the_server_are_let_through(inference: Stub) -> None:
    request = raw_request("pair", ("x", "FP32", ROWS))
    request.parameters["caller"].string_param = "checkout"
    request.parameters["attempt"].int64_param = 2
    request.parameters["sampled"].bool_param = True
    request.parameters["weight"].double_param = 0.5
    request.parameters["shard"].uint64_param = 2**63
    request.inputs[0].parameters["note"].string_param = "tensor"
    assert outputs(inference.ModelInfer(request))["sum"].tolist() == SUMS


def test_parameters_that_say_that_nothing_special_is_wanted_are_let_through(inference: Stub) -> None:
    request = raw_request("pair", ("x", "FP32", ROWS))
    request.parameters["timeout"].int64_param = 60_000_000
    request.parameters["priority"].uint64_param = 0
    request.parameters["sequence_id"].string_param = ""
    request.parameters["sequence_start"].bool_param = False
    request.parameters["sequence_end"].bool_param = False
    request.parameters["triton_enable_empty_final_response"].bool_param = True
    request.parameters["binary_data_output"].bool_param = True
    request.parameters["headers"].string_param = "x"
    request.outputs.add(name="sum").parameters["classification"].int64_param = 0
    assert outputs(inference.ModelInfer(request))["sum"].tolist() == SUMS
    request.parameters["sequence_id"].int64_param = 0
    # No kind is set.
    request.parameters["timeout"].Clear()
    assert outputs(inference.ModelInfer(request))["sum"].tolist() == SUMS


def test_the_largest_batch_that_a_model_takes_is_answered_whole(inference: Stub) -> None:
    sent = np.arange(4 * MAX_BATCH_ROWS, dtype=np.float32).reshape(-1, 4)
    response = inference.ModelInfer(raw_request("pair", ("x", "FP32", sent)))
    assert outputs(response)["sum"].tolist() == sent.sum(1).tolist()


def test_calls_in_flight_together_each_get_their_own_answer(inference: Stub) -> None:
    sent = [np.full((1 + at % 3, 4), at, np.float32) for at in range(80)]
    futures = [
        inference.ModelInfer.future(raw_request("pair", ("x", "FP32", x), id=str(at)))
        for at, x in enumerate(sent)
    ]
    for at, (x, future) in enumerate(zip(sent, futures, strict=True)):
        response = future.result(timeout=60)
        assert response.id == str(at)
        assert outputs(response)["sum"].tolist() == x.sum(1).tolist()


COLUMNS: dict[str, tuple[str, list[int], list[Any]]] = {
    "amount": ("FP32", [2], [5.0, -1.0]),
    "age": ("FP64", [2, 1], [30.1, 50.7]),
    "weekend": ("BOOL", [2], [True, False]),
    "balance": ("FP32", [2], [4.0, 0.5]),
    "merchant": ("BYTES", [2], [b"acme", b"caf\xc3\xa9"]),
    "token": ("BYTES", [2, 1], [b"\x00\xff", b""]),
    "country": ("BYTES", [2], [b"DE", b"unheard of"]),
    "items": ("INT64", [2, 2], [1, 2, 3, 4]),
    "history": ("INT32", [2, 3], [1, -2, 3, 4, 5, 6]),
}


def features_request(*, raw: bool) -> oip.ModelInferRequest:
    """COLUMNS as tensors."""
    request = oip.ModelInferRequest(model_name="features")
    for name, (datatype, shape, elements) in COLUMNS.items():
        tensor = request.inputs.add(name=name, datatype=datatype, shape=shape)
        if raw and datatype == "BYTES":
            request.raw_input_contents.append(bytes_elements(elements))
        elif raw:
            request.raw_input_contents.append(np.array(elements, DTYPES[datatype]).tobytes())
        elif datatype == "BYTES":
            tensor.contents.bytes_contents.extend(elements)
        else:
            getattr(tensor.contents, CONTENTS[datatype]).extend(elements)
    return request


def features_as_columns() -> pb.PredictRequest:
    """COLUMNS as a PredictRequest."""
    request = pb.PredictRequest(model_name="features")
    kinds = {
        "FP32": "floats",
        "FP64": "doubles",
        "BOOL": "ints",
        "BYTES": "bytes",
        "INT64": "ints",
        "INT32": "ints",
    }
    for name, (datatype, shape, elements) in COLUMNS.items():
        column = request.columns.add(name=name)
        kind = "strings" if name in ("merchant", "country") else kinds[datatype]
        plain = [e.decode() for e in elements] if kind == "strings" else elements
        getattr(column, kind).value.extend(int(e) if datatype == "BOOL" else e for e in plain)
        if name in ("items", "history"):
            column.row_lengths.extend([shape[1]] * shape[0])
    return request


@pytest.mark.parametrize("raw", [True, False])
def test_features_as_tensors_become_the_tensors_of_the_reference(
    inference: Stub, server: ServerProcess, raw: bool
) -> None:
    response = outputs(inference.ModelInfer(features_request(raw=raw)))
    dense, ids, history, offsets = (
        tensor.array
        for tensor in transform(Model.load(server.repository / "features"), features_as_columns())
    )
    assert response["dense"].tobytes() == dense.tobytes()
    assert response["ids"].tobytes() == ids.tobytes()
    sums = [history[start:end].sum() for start, end in itertools.pairwise(offsets)]
    assert response["history_sum"].tolist() == sums


# tritonclient brings its own copy of the protocol; a process of its own keeps the copies apart.
def test_nvidias_client_finds_its_way_and_infers(server: ServerProcess) -> None:
    script = textwrap.dedent(
        """
        import json, sys
        import numpy as np
        import tritonclient.grpc as triton
        from tritonclient.utils import InferenceServerException

        client = triton.InferenceServerClient(sys.argv[1])
        x = triton.InferInput("x", [2, 4], "FP32")
        x.set_data_from_numpy(np.arange(8, dtype=np.float32).reshape(2, 4))
        wanted = [triton.InferRequestedOutput("both"), triton.InferRequestedOutput("sum")]
        result = client.infer("pair", [x], request_id="triton", outputs=wanted)
        words = triton.InferInput("merchant", [1], "BYTES")
        words.set_data_from_numpy(np.array([b"acme"], dtype=np.object_))
        amount = triton.InferInput("amount", [1], "FP32")
        amount.set_data_from_numpy(np.array([3.0], dtype=np.float32))
        scored = client.infer("features", [words, amount])
        try:
            client.infer("nowhere", [x])
        except InferenceServerException as error:
            refusal = error.status()
        print(json.dumps({
            "live": client.is_server_live(),
            "ready": client.is_server_ready(),
            "model_ready": client.is_model_ready("pair"),
            "server": client.get_server_metadata(as_json=True)["name"],
            "inputs": [t["name"] for t in client.get_model_metadata("pair", as_json=True)["inputs"]],
            "sum": result.as_numpy("sum").tolist(),
            "both": result.as_numpy("both").tolist(),
            "id": result.get_response().id,
            "dense": scored.as_numpy("dense").tolist(),
            "refusal": refusal,
        }))
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, server.address],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "live": True,
        "ready": True,
        "model_ready": True,
        "server": "penstock",
        "inputs": ["x"],
        "sum": SUMS,
        "both": [[6.0, -6.0], [22.0, -22.0]],
        "id": "triton",
        "dense": [[0.0, 40.0, 0.0, 0.0]],
        "refusal": "StatusCode.NOT_FOUND",
    }


@pytest.mark.parametrize("rpc", ["ModelReady", "ModelMetadata"])
@pytest.mark.parametrize(("name", "version"), [("nowhere", ""), ("pair", "99")])
def test_what_is_not_there_is_not_found(inference: Stub, rpc: str, name: str, version: str) -> None:
    request = {"ModelReady": oip.ModelReadyRequest, "ModelMetadata": oip.ModelMetadataRequest}[rpc]
    call = getattr(inference, rpc)
    with pytest.raises(grpc.RpcError) as failed:
        call(request(name=name, version=version))
    assert failed.value.code() == grpc.StatusCode.NOT_FOUND
    assert name in failed.value.details()
