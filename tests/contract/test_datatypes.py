"""Every datatype in every form that the protocol has for it, held against protobuf and numpy alone.

| form | inputs | outputs |
| --- | --- | --- |
| raw | `raw_input_contents` | `raw_output_contents` |
| typed, and typed one by one | `contents`, packed and not | `raw_output_contents` |
| JSON | `data`, flat and nested | `data` |
| binary | behind the JSON | behind the JSON, and `data` |

FP16 and BF16 have no typed form and no `data` in requests; BYTES are what features of text and bytes come as.
"""

from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from penstock.pb import inference_pb2 as oip
from penstock.pb import inference_pb2_grpc
from penstock.pb import prediction_pb2 as pb
from tests import rest
from tests.contract.good_requests import INFER
from tests.contract.refusals import assert_still_serving, call
from tests.contract.repository import DATATYPES
from tests.contract.tensors import CONTENTS, DTYPES, bytes_elements, outputs, raw_request, typed_request
from tests.reference import Model, transform
from tests.server_process import ServerProcess

Stub = inference_pb2_grpc.GRPCInferenceServiceStub

ROWS, DIMS = 2, 3
HALVES = ("FP16", "BF16")


def values(datatype: str) -> NDArray[Any]:
    """The datatype's extremes and some others, as numpy holds them; BF16 as bit patterns."""
    dtype = DTYPES[datatype]
    if datatype == "BOOL":
        flat: list[Any] = [True, False, True, False, False, True]
    elif datatype == "BF16":
        flat = [0x3F80, 0x7F80, 0x0001, 0xC040, 0x0000, 0x7F7F]
    elif dtype.kind == "f":
        limits = np.finfo(dtype)
        flat = [limits.max, limits.smallest_subnormal, -0.0, 1.5, -np.inf, limits.min]
    else:
        integers = np.iinfo(dtype)
        flat = [integers.min, 0, integers.max, 1, 2, 3]
    return np.array(flat, dtype).reshape(ROWS, DIMS)


def model(datatype: str) -> str:
    return f"echo_{datatype.lower()}"


def _embedded(number: int, message: bytes) -> bytes:
    """A length-delimited field of less than 128 bytes."""
    assert len(message) < 128
    return bytes([number << 3 | 2, len(message)]) + message


def unpacked(datatype: str) -> bytes:
    """A request whose typed contents have a tag before each element, which protobuf's own writer packs."""
    number = oip.InferTensorContents.DESCRIPTOR.fields_by_name[CONTENTS[datatype]].number
    wire_type = {"FP32": 5, "FP64": 1}.get(datatype, 0)
    contents = b""
    for value in values(datatype).ravel().tolist():
        one = oip.InferTensorContents(**{CONTENTS[datatype]: [value]})
        # Behind the tag and the length is the element.
        contents += bytes([number << 3 | wire_type]) + one.SerializeToString()[2:]
    tensor = oip.ModelInferRequest.InferInputTensor(name="x", datatype=datatype, shape=[ROWS, DIMS])
    head = oip.ModelInferRequest(model_name=model(datatype)).SerializeToString()
    return head + _embedded(5, tensor.SerializeToString() + _embedded(5, contents))


def answer_of(response: oip.ModelInferResponse, datatype: str) -> bytes:
    """The only output's raw bytes, once all that is said of it is right."""
    (output,) = response.outputs
    assert (output.name, output.datatype, list(output.shape)) == ("y", datatype, [ROWS, DIMS])
    assert not output.contents.ByteSize()
    (raw,) = response.raw_output_contents
    return bytes(raw)


@pytest.mark.parametrize("wanted", [(), ("y",)], ids=["all_outputs", "requested_output"])
@pytest.mark.parametrize("datatype", DATATYPES)
def test_raw_contents(inference: Stub, datatype: str, wanted: tuple[str, ...]) -> None:
    request = raw_request(model(datatype), ("x", datatype, values(datatype)))
    for name in wanted:
        request.outputs.add(name=name)
    assert answer_of(inference.ModelInfer(request), datatype) == values(datatype).tobytes()


@pytest.mark.parametrize("wanted", [(), ("y",)], ids=["all_outputs", "requested_output"])
@pytest.mark.parametrize("datatype", CONTENTS)
def test_typed_contents(inference: Stub, datatype: str, wanted: tuple[str, ...]) -> None:
    request = typed_request(model(datatype), ("x", datatype, values(datatype)))
    for name in wanted:
        request.outputs.add(name=name)
    assert answer_of(inference.ModelInfer(request), datatype) == values(datatype).tobytes()


@pytest.mark.parametrize("datatype", CONTENTS)
def test_typed_contents_one_by_one(channel: grpc.Channel, datatype: str) -> None:
    message = unpacked(datatype)
    (tensor,) = oip.ModelInferRequest.FromString(message).inputs
    sent = np.array(getattr(tensor.contents, CONTENTS[datatype]), DTYPES[datatype])
    assert sent.tobytes() == values(datatype).tobytes(), "protobuf reads something else"
    response = oip.ModelInferResponse.FromString(call(channel, INFER, message))
    assert answer_of(response, datatype) == sent.tobytes()


@pytest.mark.parametrize("datatype", HALVES)
def test_halves_have_no_typed_contents(inference: Stub, channel: grpc.Channel, datatype: str) -> None:
    request = oip.ModelInferRequest(model_name=model(datatype))
    tensor = request.inputs.add(name="x", datatype=datatype, shape=[1, DIMS])
    tensor.contents.fp32_contents.extend([1.0] * DIMS)
    with pytest.raises(grpc.RpcError, match="must be in raw_input_contents") as caught:
        inference.ModelInfer(request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert_still_serving(channel)


NARROW = {
    "INT8": (-129, 128),
    "INT16": (-(2**15) - 1, 2**15),
    "UINT8": (256,),
    "UINT16": (65536,),
}


@pytest.mark.parametrize(("datatype", "value"), [(name, each) for name in NARROW for each in NARROW[name]])
def test_what_a_narrow_datatype_cannot_hold_is_refused(
    server: ServerProcess, inference: Stub, datatype: str, value: int
) -> None:
    request = oip.ModelInferRequest(model_name=model(datatype))
    tensor = request.inputs.add(name="x", datatype=datatype, shape=[1, DIMS])
    getattr(tensor.contents, CONTENTS[datatype]).extend([0, value, 0])
    with pytest.raises(grpc.RpcError, match=f"element 1 is {value}, which does not fit") as caught:
        inference.ModelInfer(request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    body = {"inputs": [{"name": "x", "datatype": datatype, "shape": [1, DIMS], "data": [0, value, 0]}]}
    refused = rest.infer(server, model(datatype), body)
    assert refused.status == 400
    assert f"has {value} as element 1, which {datatype} cannot hold" in refused.error


def in_json(datatype: str) -> Any:
    """The values as JSON has them: what is no number as text."""
    array = values(datatype)
    if array.dtype.kind != "f":
        return array.tolist()
    infinite = {np.inf: "Infinity", -np.inf: "-Infinity"}
    return [[infinite.get(value, value) for value in row] for row in array.tolist()]


def of_json(data: list[Any], datatype: str) -> bytes:
    """The elements that an answer's `data` has, by numpy."""
    if datatype == "BF16":
        bits = np.array([float(value) for value in data], np.float32).view(np.uint32) >> 16
        return bits.astype("<u2").tobytes()
    if DTYPES[datatype].kind == "f":
        data = [float(value) for value in data]
    return np.array(data, DTYPES[datatype]).tobytes()


def flat(nested: list[list[Any]]) -> list[Any]:
    return [value for row in nested for value in row]


@pytest.mark.parametrize("shape", ["flat", "nested"])
@pytest.mark.parametrize("binary_out", [False, True], ids=["json_out", "binary_out"])
@pytest.mark.parametrize("datatype", CONTENTS)
def test_data_in_json(server: ServerProcess, datatype: str, shape: str, binary_out: bool) -> None:
    data = in_json(datatype) if shape == "nested" else flat(in_json(datatype))
    tensor = {"name": "x", "datatype": datatype, "shape": [ROWS, DIMS], "data": data}
    wanted = [{"name": "y", "parameters": {"binary_data": binary_out}}]
    answer = rest.infer(server, model(datatype), {"inputs": [tensor], "outputs": wanted})
    assert answer.status == 200, answer.body
    (output,) = answer.document["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("y", datatype, [ROWS, DIMS])
    got = answer.binary if binary_out else of_json(output["data"], datatype)
    assert got == values(datatype).tobytes()


@pytest.mark.parametrize("binary_out", [False, True], ids=["json_out", "binary_out"])
@pytest.mark.parametrize("datatype", DATATYPES)
def test_binary_data(server: ServerProcess, datatype: str, binary_out: bool) -> None:
    raw = values(datatype).tobytes()
    size = {"binary_data_size": len(raw)}
    tensor = {"name": "x", "datatype": datatype, "shape": [ROWS, DIMS], "parameters": size}
    document = {"inputs": [tensor], "parameters": {"binary_data_output": binary_out}}
    answer = rest.infer(server, model(datatype), *rest.with_binary(document, raw))
    assert answer.status == 200, answer.body
    (output,) = answer.document["outputs"]
    got = answer.binary if binary_out else of_json(output["data"], datatype)
    assert got == raw


@pytest.mark.parametrize("datatype", HALVES)
def test_halves_have_no_data_in_json(server: ServerProcess, datatype: str) -> None:
    tensor = {"name": "x", "datatype": datatype, "shape": [1, DIMS], "data": [1, 2, 3]}
    refused = rest.infer(server, model(datatype), {"inputs": [tensor]})
    assert refused.status == 400
    assert "send it as binary data" in refused.error


WORDS = ["acme", "Zürich", "a\0b"]
TOKENS = [b"\x00\xff", b"", b"plain"]


def bytes_raw(inference: Stub, _: ServerProcess) -> NDArray[Any]:
    return _ids(inference, typed=False)


def bytes_typed(inference: Stub, _: ServerProcess) -> NDArray[Any]:
    return _ids(inference, typed=True)


def _ids(inference: Stub, *, typed: bool) -> NDArray[Any]:
    request = raw_request("features", ("amount", "FP32", np.ones(3, np.float32)))
    if typed:
        del request.raw_input_contents[:]
        request.inputs[0].contents.fp32_contents.extend([1.0] * 3)
    for name, elements in (("merchant", [word.encode() for word in WORDS]), ("token", TOKENS)):
        tensor = request.inputs.add(name=name, datatype="BYTES", shape=[3])
        if typed:
            tensor.contents.bytes_contents.extend(elements)
        else:
            request.raw_input_contents.append(bytes_elements(elements))
    return outputs(inference.ModelInfer(request))["ids"]


def bytes_binary(_: Stub, server: ServerProcess) -> NDArray[Any]:
    """Text in JSON, and what is no text behind it."""
    raw = bytes_elements(TOKENS)
    document = {
        "inputs": [
            {"name": "amount", "datatype": "FP32", "shape": [3], "data": [1, 1, 1]},
            {"name": "merchant", "datatype": "BYTES", "shape": [3], "data": WORDS},
            {
                "name": "token",
                "datatype": "BYTES",
                "shape": [3],
                "parameters": {"binary_data_size": len(raw)},
            },
        ],
        "outputs": [{"name": "ids"}],
    }
    (output,) = rest.infer(server, "features", *rest.with_binary(document, raw)).document["outputs"]
    return np.array(output["data"], np.int64).reshape(output["shape"])


@pytest.mark.parametrize("form", [bytes_raw, bytes_typed, bytes_binary], ids=lambda form: form.__name__)
def test_bytes(
    server: ServerProcess, inference: Stub, form: Callable[[Stub, ServerProcess], NDArray[Any]]
) -> None:
    columns = pb.PredictRequest(model_name="features")
    columns.columns.add(name="amount").floats.value.extend([1.0] * 3)
    columns.columns.add(name="merchant").strings.value.extend(WORDS)
    columns.columns.add(name="token").bytes.value.extend(TOKENS)
    reference = transform(Model.load(server.repository / "features"), columns)
    assert form(inference, server).tolist() == reference[1].array.tolist()
