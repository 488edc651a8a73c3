"""Compressed requests and answers at the fast door, and what only pretends to be one."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from penstock.pb import inference_pb2 as oip
from penstock.pb import inference_pb2_grpc
from tests import models
from tests.contract.raw_http2 import Answer, Headers, RawConnection, framed
from tests.contract.tensors import outputs
from tests.door.encodings import ENCODINGS, Encoding, zstd_of_a_large_window
from tests.door.requests import INFER, echo
from tests.door.resident import resident_bytes
from tests.server_process import ServerProcess

OK = grpc.StatusCode.OK.value[0]
INTERNAL = grpc.StatusCode.INTERNAL.value[0]
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
# A message and its expansion, at most, and what the allocator keeps; a bomb has four times as much.
GROWTH_BYTES = 32 << 20
LARGE_FLOATS, SMALL_FLOATS = 2000, 4

by_name = pytest.mark.parametrize("encoding", ENCODINGS, ids=str)


@pytest.fixture(scope="module", params=["gzip", "zstd"])
def packing_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Encoding, ServerProcess]]:
    """A server that compresses its answers, and how."""
    repository: Path = tmp_path_factory.mktemp("models")
    models.write_echo(repository)
    (encoding,) = (each for each in ENCODINGS if each.name == request.param)
    with ServerProcess(repository, "--response-compression", encoding.name) as process:
        yield encoding, process


def infer(server: ServerProcess, body: bytes, metadata: Headers = ()) -> Answer:
    """The answer, and a good one on the same connection after it."""
    with RawConnection(server.address) as client:
        answer = client.call(INFER, body, metadata=metadata)
        assert client.call(INFER, framed(echo().SerializeToString())).grpc_status == OK
        return answer


def values(message: bytes) -> list[float]:
    return [float(value) for value in outputs(oip.ModelInferResponse.FromString(message))["y"].ravel()]


@by_name
def test_a_compressed_request_is_answered(server: ServerProcess, encoding: Encoding) -> None:
    packed = encoding.pack(echo(LARGE_FLOATS).SerializeToString())
    answer = infer(server, framed(packed, flag=1), [("grpc-encoding", encoding.name)])
    assert answer.grpc_status == OK
    assert values(answer.message) == list(range(LARGE_FLOATS))


@by_name
def test_a_message_that_is_not_compressed_needs_no_flag(server: ServerProcess, encoding: Encoding) -> None:
    answer = infer(server, framed(echo().SerializeToString()), [("grpc-encoding", encoding.name)])
    assert answer.grpc_status == OK


@by_name
def test_a_bomb_is_refused_and_costs_no_memory(server: ServerProcess, encoding: Encoding) -> None:
    bomb = encoding.bomb()
    assert len(bomb) < 4 << 20
    before = resident_bytes(server)
    answer = infer(server, framed(bomb, flag=1), [("grpc-encoding", encoding.name)])
    assert answer.grpc_status == EXHAUSTED
    assert resident_bytes(server) - before < GROWTH_BYTES


@by_name
@pytest.mark.parametrize("broken", ["cut", "changed", "foreign", "empty"])
def test_what_does_not_expand_is_refused(server: ServerProcess, encoding: Encoding, broken: str) -> None:
    packed = encoding.pack(echo(LARGE_FLOATS).SerializeToString())
    half = len(packed) // 2
    message = {
        "cut": packed[:half],
        "changed": packed[:half] + bytes([packed[half] ^ 0xFF]) * 64 + packed[half + 64 :],
        "foreign": b"none of these",
        "empty": b"",
    }[broken]
    answer = infer(server, framed(message, flag=1), [("grpc-encoding", encoding.name)])
    assert answer.grpc_status == INTERNAL


def test_a_zstd_frame_that_asks_for_a_large_window_is_refused(server: ServerProcess) -> None:
    packed = zstd_of_a_large_window(echo(LARGE_FLOATS).SerializeToString())
    answer = infer(server, framed(packed, flag=1), [("grpc-encoding", "zstd")])
    assert answer.grpc_status == INTERNAL


def opened(answer: Answer, encoding: Encoding) -> tuple[int, bytes]:
    """An answer's flag and its message, expanded where the flag says so."""
    flag, size = struct.unpack(">BI", answer.body[:5])
    assert len(answer.body) == 5 + size
    return flag, encoding.open(answer.body[5:]) if flag else answer.body[5:]


def test_a_large_answer_is_compressed_for_a_client_who_takes_that(
    packing_server: tuple[Encoding, ServerProcess],
) -> None:
    encoding, server = packing_server
    accepts = [("grpc-accept-encoding", f"identity, {encoding.name}")]
    answer = infer(server, framed(echo(LARGE_FLOATS).SerializeToString()), accepts)
    flag, message = opened(answer, encoding)
    assert (flag, answer.headers["grpc-encoding"]) == (1, encoding.name)
    assert len(answer.body) < len(message)
    assert values(message) == list(range(LARGE_FLOATS))


@pytest.mark.parametrize(
    ("accepted", "floats"),
    [(None, LARGE_FLOATS), ("identity,snappy", LARGE_FLOATS), ("gzip,deflate,zstd", SMALL_FLOATS)],
    ids=["says_nothing", "takes_another", "small"],
)
def test_other_answers_stay_as_they_are(
    packing_server: tuple[Encoding, ServerProcess], accepted: str | None, floats: int
) -> None:
    encoding, server = packing_server
    metadata = [("grpc-accept-encoding", accepted)] if accepted else []
    answer = infer(server, framed(echo(floats).SerializeToString()), metadata)
    flag, message = opened(answer, encoding)
    assert flag == 0
    assert values(message) == list(range(floats))


def test_an_error_of_a_server_that_compresses_is_read_by_all(
    packing_server: tuple[Encoding, ServerProcess],
) -> None:
    encoding, server = packing_server
    answer = infer(server, framed(b"\xff"), [("grpc-accept-encoding", encoding.name)])
    assert answer.grpc_status not in {OK, None}


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_grpcio_reads_and_writes_compressed_messages(
    packing_server: tuple[Encoding, ServerProcess], compression: grpc.Compression
) -> None:
    _, server = packing_server
    with grpc.insecure_channel(server.address) as channel:
        stub = inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        answer = stub.ModelInfer(echo(LARGE_FLOATS), timeout=30, compression=compression)
        assert (outputs(answer)["y"] == np.arange(LARGE_FLOATS)).all()
        stream = stub.ModelStreamInfer(iter([echo(LARGE_FLOATS)] * 3), timeout=30, compression=compression)
        for reply in stream:
            assert (outputs(reply.infer_response)["y"] == np.arange(LARGE_FLOATS)).all()
