"""What the HTTP port refuses, by itself or as the engine does: status, sentence, and the next request is answered."""

import gzip
import json
import socket
import zlib
from collections.abc import Callable
from typing import Any

import grpc
import pytest
import zstandard

from penstock.pb import inference_pb2_grpc
from tests import rest
from tests.contract.good_requests import X, pair
from tests.contract.tensors import raw_request
from tests.server_process import ServerProcess

Stub = inference_pb2_grpc.GRPCInferenceServiceStub
INFER = "/v2/models/pair/infer"
LIMIT = 4 << 20


def body(**fields: Any) -> dict[str, Any]:
    """A good request to `pair`, but for the fields of its input that are given."""
    return {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4], **fields}]}


GOOD = json.dumps(body()).encode()

REFUSED: dict[str, tuple[Any, dict[str, str], int, str]] = {
    "no_json": ("x", {}, 400, "must be a JSON object, but something else came"),
    "nothing": ("", {}, 400, "but nothing came"),
    "cut_off": (GOOD[:-1], {}, 400, "cannot be read: EOF"),
    "no_utf8": (b'{"inputs": "\xff"}', {}, 400, "must be UTF-8 text"),
    "no_inputs": ({}, {}, 400, "missing field `inputs`"),
    "nan": ('{"inputs": [{"data": [NaN]}]}', {}, 400, "JSON has no NaN"),
    "wrong_datatype": (body(datatype="FP64"), {}, 400, 'has datatype \\"FP64\\"; the model takes FP32'),
    "no_datatype": (body(datatype="FLOAT"), {}, 400, 'has datatype \\"FLOAT\\", which is none'),
    "wrong_shape": (body(shape=[1, 3], data=[1, 2, 3]), {}, 400, "the model takes [-1, 4]"),
    "wrong_count": (body(data=[1, 2, 3]), {}, 400, "needs 4 elements"),
    "ragged": (
        body(shape=[2, 4], data=[[1, 2, 3, 4], [5, 6, 7]]),
        {},
        400,
        "has an array of 3 where its shape",
    ),
    "too_deep": (body(data=[[[1, 2, 3, 4]]]), {}, 400, "nested deeper than its shape"),
    "wrong_value": (body(data=[1, 2, "3", 4]), {}, 400, "has text as element 2, which FP32 cannot hold"),
    "no_data": (body(data=None), {}, 400, "has no data"),
    "both": (body(parameters={"binary_data_size": 16}), {}, 400, "has both data and binary_data_size"),
    "too_many_rows": (body(shape=[9, 4], data=[0] * 36), {}, 400, "The request has 9 rows"),
    "unknown_input": (body(name="z"), {}, 400, 'Input \\"x\\" is missing'),
    "unknown_output": (body() | {"outputs": [{"name": "sun"}]}, {}, 400, 'did you mean \\"sum\\"?'),
    "shared_memory": (
        body(data=None, parameters={"shared_memory_region": "r", "binary_data_size": 0}),
        {},
        400,
        "inputs.x.parameters.shared_memory_region is not supported",
    ),
    "classification": (
        body() | {"outputs": [{"name": "sum", "parameters": {"classification": 2}}]},
        {},
        400,
        "classification is not supported",
    ),
    "a_microsecond": (body() | {"parameters": {"timeout": 1}}, {}, 504, ""),
    "timeout_of_text": (
        body() | {"parameters": {"timeout": "5"}},
        {},
        400,
        "parameters.timeout must be a whole number of 0 or more, but text came",
    ),
    "sequence": (body() | {"parameters": {"sequence_id": 7}}, {}, 400, "every request stands alone"),
    "priority": (body() | {"parameters": {"priority": 1}}, {}, 400, "in the order in which they come"),
    "json_length_beyond_the_body": (
        GOOD,
        {"Inference-Header-Content-Length": "100000"},
        400,
        "but the body has",
    ),
    "json_length_that_is_none": (
        GOOD,
        {"Inference-Header-Content-Length": "-1"},
        400,
        "is no number of bytes",
    ),
    "bytes_behind_the_json": (
        GOOD + b"xx",
        {"Inference-Header-Content-Length": str(len(GOOD))},
        400,
        "2 bytes behind",
    ),
    "unknown_encoding": (GOOD, {"Content-Encoding": "br"}, 415, "gzip, deflate, zstd are"),
    "no_gzip": (GOOD, {"Content-Encoding": "gzip"}, 400, "The body is no gzip"),
    "too_long": (b" " * (LIMIT + 1), {}, 413, f"at most {LIMIT} are taken"),
    "a_bomb": (gzip.compress(b" " * (64 << 20)), {"Content-Encoding": "gzip"}, 413, "bytes"),
    "no_timeout": (GOOD, {"grpc-timeout": "soon"}, 400, 'grpc-timeout \\"soon\\" is no timeout'),
    "no_time": (GOOD, {"grpc-timeout": "0n"}, 504, ""),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_bad_request_is_refused_in_a_sentence_and_the_next_one_answered(
    server: ServerProcess, fault: str
) -> None:
    sent, headers, status, sentence = REFUSED[fault]
    refused = rest.ask(server, "POST", INFER, sent, headers)
    assert refused.status == status, refused.body
    assert refused.headers["content-type"] == "application/json"
    assert sentence.replace('\\"', '"') in refused.error
    assert refused.error.endswith((".", "?"))
    assert rest.ask(server, "POST", INFER, GOOD).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"),
    [
        ("GET", "/", 404, "GET /v2, /v2/health/live"),
        ("POST", "/v1/models/pair:predict", 404, "/predict (rows of features)"),
        ("POST", "/v2/models/pair/generate", 404, "Nothing is served at"),
        ("POST", "/v2/repository/models/pair", 404, "docs/open-inference.md"),
        ("GET", "/v2/models/nowhere", 404, 'Model "nowhere" is not in the repository.'),
        ("GET", "/v2/models/nowhere/ready", 404, 'Model "nowhere" is not in the repository.'),
        ("POST", "/v2/models/nowhere/infer", 404, 'Model "nowhere" is not in the repository.'),
        ("POST", "/v2/models/pair/versions/2/infer", 404, 'Model "pair" has no version 2; it serves 1.'),
        ("POST", "/v2/models/pair/versions/x/infer", 404, 'Model "pair" has no label "x"; it has none.'),
        ("POST", "/v2/models/pair/versions/01/infer", 400, "is neither a version number nor a label"),
        ("POST", "/v2/models/..%2fpair/infer", 400, "is not a name"),
        ("GET", INFER, 405, "This path takes POST, not GET."),
        ("POST", "/v2/health/ready", 405, "This path takes GET, HEAD, not POST."),
        ("DELETE", "/v2", 405, "not DELETE"),
    ],
)
def test_a_path_or_method_that_is_not_served_is_told_what_is(
    server: ServerProcess, method: str, path: str, status: int, sentence: str
) -> None:
    refused = rest.ask(server, method, path, GOOD if method == "POST" else None)
    assert (refused.status, sentence in refused.error) == (status, True), refused.body
    assert ("allow" in refused.headers) == (status == 405)


def test_refusals_have_the_words_of_grpc(server: ServerProcess, inference: Stub) -> None:
    for request, document in (
        (raw_request("nowhere", ("x", "FP32", X)), ("nowhere", body())),
        (pair(X.reshape(2, 2)), ("pair", body(shape=[2, 2]))),
        (raw_request("pair", ("z", "FP32", X)), ("pair", body(name="z"))),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            inference.ModelInfer(request)
        assert rest.infer(server, *document).error == caught.value.details()


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.compress)],
)
def test_compressed_bodies_are_taken(
    server: ServerProcess, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    answer = rest.ask(server, "POST", INFER, compress(GOOD), {"Content-Encoding": encoding})
    assert answer.document["outputs"][0]["data"] == [10.0]


@pytest.mark.parametrize(("encoding", "expand"), [("gzip", gzip.decompress), ("deflate", zlib.decompress)])
def test_large_answers_are_compressed_as_asked_and_small_ones_not(
    server: ServerProcess, encoding: str, expand: Callable[[bytes], bytes]
) -> None:
    numbers = {"name": "x", "datatype": "FP64", "shape": [200, 3], "data": [0.5] * 600}
    large = {"inputs": [numbers]}
    plain = rest.infer(server, "echo_fp64", large)
    assert len(plain.body) >= 1024
    answer = rest.infer(server, "echo_fp64", large, {"Accept-Encoding": encoding})
    assert answer.headers["content-encoding"] == encoding
    assert expand(answer.body) == plain.body
    small = rest.ask(server, "POST", INFER, GOOD, {"Accept-Encoding": encoding})
    assert "content-encoding" not in small.headers


def test_a_body_in_chunks_is_taken_up_to_the_limit(server: ServerProcess) -> None:
    def pieces(count: int) -> Any:
        yield GOOD
        yield from (b" " * (64 << 10) for _ in range(count))

    for count, status in ((1, 200), (LIMIT // (64 << 10), 413)):
        connection = rest.connect(server)
        connection.request(
            "POST", INFER, pieces(count), encode_chunked=True, headers={"Transfer-Encoding": "chunked"}
        )
        assert rest.read(connection).status == status
        connection.close()


def raw(server: ServerProcess, sent: bytes) -> bytes:
    """What comes back for bytes that no client would send, until the server closes."""
    host, port = server.http_address.split(":")
    with socket.create_connection((host, int(port)), timeout=rest.TIMEOUT_S) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_what_is_no_http_ends_its_connection_alone(server: ServerProcess) -> None:
    assert raw(server, b"\0\1garbage\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert raw(server, b"GET /v2 HTTP/1.1\r\nX: " + b"x" * (17 << 10) + b"\r\n\r\n").startswith(
        b"HTTP/1.1 431 "
    )
    head = b"POST " + INFER.encode() + b" HTTP/1.1\r\nHost: x\r\n"
    both = head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v2 HTTP/1.1\r\n\r\n"
    # Two lengths are how requests are smuggled past a proxy: one request is seen here, whatever becomes of it.
    assert raw(server, both).count(b"HTTP/1.1 ") <= 2
    assert raw(server, head + b"Content-Length: 500\r\n\r\n{").count(b"HTTP/1.1 200") == 0
    assert rest.ask(server, "POST", INFER, GOOD).status == 200


def test_requests_that_come_together_are_answered_in_order(server: ServerProcess) -> None:
    one = b"POST " + INFER.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: " + str(len(GOOD)).encode()
    last = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    host, port = server.http_address.split(":")
    with socket.create_connection((host, int(port)), timeout=rest.TIMEOUT_S) as connection:
        connection.sendall((one + b"\r\n\r\n" + GOOD) * 3 + last)
        came = b"".join(iter(lambda: connection.recv(65536), b""))
    assert came.count(b'"data":[10.0]') == 3
    assert came.endswith(b'{"live":true}')


def test_answers_are_counted_by_status(server: ServerProcess) -> None:
    before = server.metrics()
    rest.ask(server, "POST", INFER, GOOD)
    rest.ask(server, "GET", "/nothing")
    after = server.metrics()
    for code in ("200", "404"):
        name = "penstock_http_requests_total"
        assert after.total(name, code=code) - before.total(name, code=code) == 1
    assert (
        after.total("penstock_http_connections_total") - before.total("penstock_http_connections_total") == 2
    )
