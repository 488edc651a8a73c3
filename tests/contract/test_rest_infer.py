"""The Open Inference Protocol's REST form: tensors in JSON and as binary data are answered as gRPC answers them."""

import json
from typing import Any

import numpy as np
import pytest

from penstock.pb import inference_pb2 as oip
from penstock.pb import inference_pb2_grpc
from tests import rest
from tests.contract.good_requests import words
from tests.contract.repository import DATATYPES
from tests.contract.tensors import DTYPES, bytes_elements, outputs, raw_request
from tests.server_process import ServerProcess

Stub = inference_pb2_grpc.GRPCInferenceServiceStub

INT64 = np.iinfo(np.int64)
# Two rows of three a datatype; BF16 as bit patterns.
VALUES: dict[str, list[Any]] = {
    "FP64": [0.1, -0.0, 1e300, 5e-324, np.pi, 2.0**53 + 2],
    "FP32": [0.1, -0.0, 3.4028235e38, 1e-45, np.pi, 16777216.0],
    "FP16": [0.1, -0.0, 65504.0, 6e-8, np.pi, 2048.0],
    "BF16": [0x3DCD, 0x8000, 0x7F7F, 0x0001, 0x4049, 0x4380],
    "INT64": [INT64.min, INT64.max, 0, -1, 2**53 + 1, -(2**53) - 1],
    "INT32": [-(2**31), 2**31 - 1, 0, -1, 7, 8],
    "INT16": [-(2**15), 2**15 - 1, 0, -1, 7, 8],
    "INT8": [-128, 127, 0, -1, 7, 8],
    "UINT64": [0, 2**64 - 1, 1, 2**63, 2**53 + 1, 8],
    "UINT32": [0, 2**32 - 1, 1, 2, 7, 8],
    "UINT16": [0, 2**16 - 1, 1, 2, 7, 8],
    "UINT8": [0, 255, 1, 2, 7, 8],
    "BOOL": [True, False, True, True, False, False],
}
IN_JSON = tuple(datatype for datatype in DATATYPES if datatype not in ("FP16", "BF16"))


def tensor(datatype: str) -> np.ndarray:
    return np.array(VALUES[datatype], DTYPES[datatype]).reshape(2, 3)


def echo(datatype: str, **fields: Any) -> dict[str, Any]:
    return {"name": "x", "datatype": datatype, "shape": [2, 3], **fields}


def over_grpc(inference: Stub, datatype: str) -> np.ndarray:
    request = raw_request(f"echo_{datatype.lower()}", ("x", datatype, tensor(datatype)))
    return outputs(inference.ModelInfer(request))["y"]


def of_json(document: Any, datatype: str) -> np.ndarray:
    """The first output's numbers, through Python's doubles."""
    output = document["outputs"][0]
    assert output["datatype"] == datatype
    if datatype == "BF16":
        bits = np.array(output["data"], np.float32).view(np.uint32) >> 16
        return bits.astype(np.uint16).reshape(output["shape"])
    return np.array(output["data"], DTYPES[datatype]).reshape(output["shape"])


@pytest.mark.parametrize("datatype", IN_JSON)
@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
def test_json_is_answered_bit_for_bit_as_grpc(
    server: ServerProcess, inference: Stub, datatype: str, nested: bool
) -> None:
    data = tensor(datatype)
    body = {"inputs": [echo(datatype, data=(data if nested else data.ravel()).tolist())], "id": "r-1"}
    answer = rest.infer(server, f"echo_{datatype.lower()}", body)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    document = answer.document
    told = {key: document[key] for key in ("model_name", "model_version", "id")}
    assert told == {"model_name": f"echo_{datatype.lower()}", "model_version": "1", "id": "r-1"}
    assert of_json(document, datatype).tobytes() == over_grpc(inference, datatype).tobytes() == data.tobytes()


@pytest.mark.parametrize("datatype", DATATYPES)
@pytest.mark.parametrize("binary_out", [False, True], ids=["json_out", "binary_out"])
def test_binary_data_is_answered_bit_for_bit_as_grpc(
    server: ServerProcess, inference: Stub, datatype: str, binary_out: bool
) -> None:
    raw = tensor(datatype).tobytes()
    document = {
        "inputs": [echo(datatype, parameters={"binary_data_size": len(raw)})],
        "parameters": {"binary_data_output": binary_out},
    }
    answer = rest.infer(server, f"echo_{datatype.lower()}", *rest.with_binary(document, raw))
    assert answer.status == 200, answer.body
    if binary_out:
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.document["outputs"][0]["parameters"] == {"binary_data_size": len(raw)}
        got = answer.binary
    else:
        got = of_json(answer.document, datatype).tobytes()
    assert got == over_grpc(inference, datatype).tobytes() == raw


def test_what_is_no_number_travels_as_text(server: ServerProcess) -> None:
    texts = ["NaN", "Infinity", "-Infinity"]
    body = {"inputs": [{"name": "x", "datatype": "FP64", "shape": [1, 3], "data": texts}]}
    assert rest.infer(server, "echo_fp64", body).document["outputs"][0]["data"] == texts


def test_outputs_come_in_the_form_and_order_asked_for(server: ServerProcess) -> None:
    body = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}],
        "outputs": [{"name": "both", "parameters": {"binary_data": True}}, {"name": "sum"}],
    }
    answer = rest.infer(server, "pair", body)
    both, total = answer.document["outputs"]
    assert (both["name"], both["shape"], "data" in both) == ("both", [1, 2], False)
    assert total == {"name": "sum", "datatype": "FP32", "shape": [1], "data": [10.0]}
    assert np.frombuffer(answer.binary, "<f4").tolist() == [10.0, -10.0]


def test_a_body_that_is_data_alone_is_one_row_of_the_only_input(server: ServerProcess) -> None:
    raw = np.arange(4, dtype="<f4").tobytes()
    answer = rest.infer(server, "pair", raw, {"Inference-Header-Content-Length": "0"})
    assert answer.document["outputs"][0]["shape"] == [1]
    assert np.frombuffer(answer.binary, "<f4").tolist() == [6.0, 6.0, -6.0]
    refused = rest.infer(server, "features", raw, {"Inference-Header-Content-Length": "0"})
    assert (refused.status, "takes 9 tensors" in refused.error) == (400, True)


@pytest.mark.parametrize("binary", [False, True], ids=["json", "binary"])
def test_features_as_bytes_tensors_are_answered_as_grpc(
    server: ServerProcess, inference: Stub, binary: bool
) -> None:
    merchants = ["acme", "", "Zürich\0\U0001f600"]
    raw = bytes_elements(merchant.encode() for merchant in merchants)
    merchant: dict[str, Any] = {"name": "merchant", "datatype": "BYTES", "shape": [3]}
    if binary:
        merchant["parameters"] = {"binary_data_size": len(raw)}
    else:
        merchant["data"] = merchants
    amount = {"name": "amount", "datatype": "FP32", "shape": [3], "data": [1, 1, 1]}
    body, headers = rest.with_binary({"inputs": [amount, merchant]}, raw if binary else b"")
    document = rest.infer(server, "features", body, headers).document
    expected = outputs(inference.ModelInfer(words(raw, rows=3)))
    for output in document["outputs"]:
        array = np.array(output["data"], DTYPES[output["datatype"]]).reshape(output["shape"])
        assert array.tobytes() == expected[output["name"]].tobytes(), output["name"]


@pytest.mark.parametrize("name", ["pair", "features", "echo_bf16"])
def test_metadata_is_that_of_grpc(server: ServerProcess, inference: Stub, name: str) -> None:
    document = rest.ask(server, "GET", f"/v2/models/{name}").document
    expected = inference.ModelMetadata(oip.ModelMetadataRequest(name=name))
    assert document == rest.ask(server, "GET", f"/v2/models/{name}/versions/1/").document
    assert (document["name"], document["platform"]) == (name, expected.platform)
    assert document["versions"] == list(expected.versions)
    assert document.get("properties", {}) == dict(expected.properties)
    for kind in ("inputs", "outputs"):
        tensors = [(each.name, each.datatype, list(each.shape)) for each in getattr(expected, kind)]
        assert [(each["name"], each["datatype"], each["shape"]) for each in document[kind]] == tensors


def test_the_server_says_what_it_is_and_that_it_is_ready(server: ServerProcess, inference: Stub) -> None:
    document = rest.ask(server, "GET", "/v2").document
    expected = inference.ServerMetadata(oip.ServerMetadataRequest())
    assert (document["name"], document["version"]) == (expected.name, expected.version)
    assert rest.ask(server, "GET", "/v2/health/live").document == {"live": True}
    assert rest.ask(server, "GET", "/v2/health/ready").document == {"ready": True}
    assert rest.ask(server, "GET", "/v2/models/pair/ready").document == {"name": "pair", "ready": True}
    head = rest.ask(server, "HEAD", "/v2/health/ready")
    assert (head.status, head.body) == (200, b"")


def test_a_connection_is_kept_for_many_requests(server: ServerProcess) -> None:
    connection = rest.connect(server)
    body = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]})
    for path, expected in (("/v2/models/pair/infer", 200), ("/nothing", 404)) * 3:
        connection.request("POST", path, body)
        assert rest.read(connection).status == expected
        assert connection.sock is not None
    connection.close()
