"""ModelStreamInfer: each request has one answer in its turn, byte for byte, whatever became of the others."""

import json
import queue
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from penstock.pb import inference_pb2 as oip
from tests import models
from tests.connection import connection
from tests.contract.faults import FAULTS
from tests.contract.good_requests import INFER, pair
from tests.contract.refusals import assert_still_serving, call, refused
from tests.contract.tensors import outputs, raw_request
from tests.server_process import ServerProcess
from tests.waiting import wait_for

STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"
# ModelInferResponse.parameters: "triton_final_response" is true. It is the last field of every answer.
FINAL = b"\x22\x1b\x0a\x15triton_final_response\x12\x02\x08\x01"
MIB = 1 << 20
SLOW_MS = 250
STREAM_IN_FLIGHT = 4
MAX_SEND_BYTES = 1024
GOOD = pair().SerializeToString()
# What the engine says of them is ModelInfer's business.
BAD = b"\x0a\x06nobody\x1a\x03bad"
NO_MESSAGE = b"\x0a\xff"


def stream(channel: grpc.Channel, requests: Iterator[bytes], **options: Any) -> Any:
    """The call: an iterator of raw answers."""
    method = channel.stream_stream(STREAM, request_serializer=bytes, response_deserializer=bytes)
    return method(requests, **({"timeout": 60} | options))


def field(tag: int, content: bytes) -> bytes:
    """A field of protobuf that has a length."""
    length, size = len(content), bytearray()
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([tag, *size, length]) + content


def answered(infer_response: bytes) -> bytes:
    """The answer on the stream, from the one that ModelInfer gives."""
    return field(0x12, infer_response + FINAL)


def failed(message: str, request_id: str = "") -> bytes:
    """The answer to a request that fails: the sentence of ModelInfer's status, and the id unless it is empty."""
    identifier = field(0x1A, request_id.encode()) if request_id else b""
    return field(0x0A, message.encode()) + field(0x12, identifier + FINAL)


def ids(answers: list[bytes]) -> list[str]:
    return [oip.ModelStreamInferResponse.FromString(raw).infer_response.id for raw in answers]


def rows(model: str, *numbers: float, **fields: Any) -> bytes:
    """A request of one number a row."""
    request = raw_request(model, ("x", "FP32", np.array(numbers, np.float32)), **fields)
    return request.SerializeToString()


def echo(row_count: int, **fields: Any) -> oip.ModelInferRequest:
    return raw_request("echo_fp32", ("x", "FP32", np.zeros((row_count, 3), np.float32)), **fields)


class Conversation:
    """Requests that are sent one by one; the stream stays open until `end`."""

    def __init__(self, channel: grpc.Channel, **options: Any) -> None:
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.call = stream(channel, iter(self._outgoing.get, None), **options)

    def send(self, *requests: bytes) -> None:
        for request in requests:
            self._outgoing.put(request)

    def end(self) -> None:
        self._outgoing.put(None)


@pytest.mark.parametrize("row_count", [1, 4, 5, 8])
@pytest.mark.parametrize("request_id", ["", "7 ü", "x" * 20_000], ids=["no_id", "id", "long_id"])
def test_an_answer_is_that_of_model_infer_and_says_that_it_is_final(
    channel: grpc.Channel, row_count: int, request_id: str
) -> None:
    request = echo(row_count, id=request_id).SerializeToString()
    assert list(stream(channel, iter([request]))) == [answered(call(channel, INFER, request))]


@pytest.mark.parametrize(
    "value",
    [{"bool_param": True}, {"bool_param": False}, {"string_param": "yes"}],
    ids=["true", "false", "no_bool"],
)
def test_asking_for_an_empty_final_response_changes_nothing(
    channel: grpc.Channel, value: dict[str, Any]
) -> None:
    request = pair()
    request.parameters["triton_enable_empty_final_response"].CopyFrom(oip.InferParameter(**value))
    assert list(stream(channel, iter([request.SerializeToString()]))) == [
        answered(call(channel, INFER, GOOD))
    ]


def test_an_answer_names_model_version_and_outputs_as_asked(channel: grpc.Channel) -> None:
    request = pair(np.arange(8, dtype=np.float32).reshape(2, 4))
    request.outputs.add(name="sum")
    (raw,) = stream(channel, iter([request.SerializeToString()]))
    answer = oip.ModelStreamInferResponse.FromString(raw)
    assert answer.error_message == ""
    assert (answer.infer_response.model_name, answer.infer_response.model_version) == ("pair", "1")
    assert outputs(answer.infer_response)["sum"].tolist() == [6.0, 22.0]
    assert answer.infer_response.parameters["triton_final_response"].bool_param


def test_every_failure_has_the_sentence_of_model_infer_and_the_stream_goes_on(channel: grpc.Channel) -> None:
    faults = [fault.request() for fault in FAULTS if fault.method == INFER]
    bad = [request for request in faults if len(request) < MIB]
    requests = [request for fault in bad for request in (fault, GOOD)]
    answers = list(stream(channel, iter(requests)))
    assert answers[1::2] == [answered(call(channel, INFER, GOOD))] * len(bad)
    for fault, raw in zip(bad, answers[::2], strict=True):
        sentence = refused(channel, INFER, fault).details()
        assert sentence
        assert raw == failed(sentence)


@pytest.mark.parametrize(
    ("request_", "request_id"),
    [
        pytest.param(BAD, "bad", id="a_model_that_is_not_there"),
        pytest.param(b"", "", id="an_empty_message"),
        pytest.param(NO_MESSAGE, "", id="no_message"),
        pytest.param(b"\xff" * 11, "", id="no_varint"),
        pytest.param(b"\x1a\x03bad" + NO_MESSAGE, "", id="cut_short_after_the_id"),
        pytest.param(b"\x1a\x03bad\x2a\x01\xff", "bad", id="an_input_that_does_not_parse"),
        pytest.param(b"\x1a\x03bad\x0a\x01\xff", "bad", id="a_model_name_that_is_no_text"),
        pytest.param(b"\x1a\x03\xff\xff\xff", "", id="an_id_that_is_no_text"),
        pytest.param(b"\x1a\x03bad\x1a\x05worse", "worse", id="two_ids"),
        pytest.param(b"\x1a\x03bad\x18\x01", "bad", id="a_number_for_an_id"),
    ],
)
def test_a_failure_has_the_id_of_a_message_whose_own_fields_can_be_read_to_the_end(
    channel: grpc.Channel, request_: bytes, request_id: str
) -> None:
    sentence = refused(channel, INFER, request_).details()
    good = answered(call(channel, INFER, GOOD))
    assert list(stream(channel, iter([request_, GOOD]))) == [failed(sentence, request_id), good]


def test_answers_come_in_the_order_of_the_requests(channel: grpc.Channel) -> None:
    requests = [BAD if at % 7 == 3 else echo(1 + at % 8, id=str(at)).SerializeToString() for at in range(150)]
    wanted = ["bad" if at % 7 == 3 else str(at) for at in range(150)]
    assert ids(list(stream(channel, iter(requests)))) == wanted


def test_a_stream_can_be_used_as_a_conversation(channel: grpc.Channel) -> None:
    """An answer comes before the next request is sent."""
    talk = Conversation(channel)
    for at in range(5):
        talk.send(echo(1, id=str(at)).SerializeToString())
        assert ids([next(talk.call)]) == [str(at)]
        talk.send(BAD)
        assert ids([next(talk.call)]) == ["bad"]
    talk.end()
    assert list(talk.call) == []
    assert talk.call.code() == grpc.StatusCode.OK


def test_a_stream_without_requests_ends_well(channel: grpc.Channel) -> None:
    call_ = stream(channel, iter([]))
    assert list(call_) == []
    assert call_.code() == grpc.StatusCode.OK


def test_compressed_requests_are_answered(channel: grpc.Channel) -> None:
    answers = stream(channel, iter([GOOD, GOOD]), compression=grpc.Compression.Gzip)
    assert list(answers) == [answered(call(channel, INFER, GOOD))] * 2


def test_a_message_over_the_limit_ends_the_stream(channel: grpc.Channel) -> None:
    call_ = stream(channel, iter([bytes(4 * MIB + 1)]))
    with pytest.raises(grpc.RpcError):
        list(call_)
    assert call_.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert_still_serving(channel)


@pytest.fixture(scope="module")
def slow_server(door: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Models that take their time or raise, and limits that a test can reach."""
    folder = tmp_path_factory.mktemp("slow")
    models.write_slow(folder, SLOW_MS)
    models.write_echo(folder, dims="[]")
    models.write_raises(folder)
    models.write_echo(folder, name="list")
    limits = {"--max-stream-in-flight": STREAM_IN_FLIGHT, "--max-send-bytes": MAX_SEND_BYTES}
    with ServerProcess(folder, *(str(part) for limit in limits.items() for part in limit)) as process:
        yield process


@pytest.fixture
def slow_channel(slow_server: ServerProcess) -> Iterator[grpc.Channel]:
    with connection(slow_server) as channel:
        yield channel


def in_flight(server: ServerProcess) -> float:
    return server.metrics().total("penstock_in_flight_requests", model="slow")


def rows_run(server: ServerProcess) -> float:
    return server.metrics().total("penstock_batch_rows_sum", model="slow")


def unrouted(server: ServerProcess) -> float:
    return server.metrics().total("penstock_unrouted_requests_total")


def test_a_quick_answer_waits_for_the_slow_one_before_it_and_holds_up_no_other_stream(
    slow_server: ServerProcess, slow_channel: grpc.Channel
) -> None:
    slow = Conversation(slow_channel)
    slow.send(rows("slow", 1, id="slow"), rows("echo", 2, id="quick"), BAD)
    wait_for(lambda: in_flight(slow_server) == 1)
    assert ids(list(stream(slow_channel, iter([rows("echo", 3, id="other")])))) == ["other"]
    assert in_flight(slow_server) == 1
    slow.end()
    assert ids(list(slow.call)) == ["slow", "quick", "bad"]


def test_a_request_whose_model_raises_fails_alone(slow_channel: grpc.Channel) -> None:
    requests = [rows("raises", number, id=str(number)) for number in (1, -2, 3)]
    first, raised, last = stream(slow_channel, iter(requests))
    sentence = oip.ModelStreamInferResponse.FromString(raised).error_message
    assert raised == failed(sentence, "-2")
    with pytest.raises(grpc.RpcError) as unary:
        call(slow_channel, INFER, requests[1])
    error_id = re.compile(r"\b[0-9a-f-]{8,}\b")
    assert error_id.sub("…", sentence) == error_id.sub("…", unary.value.details())
    assert (first, last) == tuple(answered(call(slow_channel, INFER, requests[at])) for at in (0, 2))


def test_no_more_is_read_than_may_be_unanswered(
    slow_server: ServerProcess, slow_channel: grpc.Channel
) -> None:
    before = unrouted(slow_server)
    answers = stream(slow_channel, iter([rows("slow", 1, id="slow"), *[BAD] * 9]))
    wait_for(lambda: in_flight(slow_server) == 1)
    read = [0.0]
    while in_flight(slow_server):
        read.append(unrouted(slow_server) - before)
    # The last look may come after the slow answer.
    assert max(read[:-1]) == STREAM_IN_FLIGHT - 1
    assert ids(list(answers)) == ["slow", *["bad"] * 9]
    assert unrouted(slow_server) - before == 9


def test_what_a_caller_who_leaves_has_in_the_queue_never_runs(
    slow_server: ServerProcess, slow_channel: grpc.Channel
) -> None:
    before = rows_run(slow_server)
    unary = slow_channel.unary_unary(INFER, request_serializer=bytes, response_deserializer=bytes)
    first = unary.future(rows("slow", 1), timeout=60)
    wait_for(lambda: in_flight(slow_server) == 1, during=first)
    leaver = stream(slow_channel, iter([rows("slow", 2), BAD, rows("slow", 3)]))
    wait_for(lambda: in_flight(slow_server) == 3, during=first)
    leaver.cancel()
    assert first.code() == grpc.StatusCode.OK
    wait_for(lambda: in_flight(slow_server) == 0)
    assert rows_run(slow_server) - before == 1
    assert slow_server.other_lines == []
    assert "never retrieved" not in slow_server.text()


def test_the_deadline_of_the_stream_is_that_of_each_request(
    slow_server: ServerProcess, slow_channel: grpc.Channel
) -> None:
    before = rows_run(slow_server)
    unary = slow_channel.unary_unary(INFER, request_serializer=bytes, response_deserializer=bytes)
    first = unary.future(rows("slow", 1), timeout=60)
    wait_for(lambda: in_flight(slow_server) == 1, during=first)
    # Shorter than the batch before it.
    late = Conversation(slow_channel, timeout=SLOW_MS / 1000 / 4)
    late.send(rows("slow", 2), rows("slow", 3))
    with pytest.raises(grpc.RpcError):
        list(late.call)
    late.end()
    assert late.call.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert first.code() == grpc.StatusCode.OK
    wait_for(lambda: in_flight(slow_server) == 0)
    assert rows_run(slow_server) - before == 1


def test_an_answer_of_the_largest_size_that_may_be_sent_is_sent(slow_channel: grpc.Channel) -> None:
    numbers = np.zeros((1, 200), np.float32)
    size = len(call(slow_channel, INFER, raw_request("list", ("x", "FP32", numbers)).SerializeToString()))
    # An id of this length brings a tag and a length of two bytes.
    fill = MAX_SEND_BYTES - size - 3
    largest, larger = (
        raw_request("list", ("x", "FP32", numbers), id="x" * length).SerializeToString()
        for length in (fill, fill + 1)
    )
    assert len(call(slow_channel, INFER, largest)) == MAX_SEND_BYTES
    assert list(stream(slow_channel, iter([largest, larger]))) == [
        answered(call(slow_channel, INFER, largest)),
        failed(refused(slow_channel, INFER, larger).details(), "x" * (fill + 1)),
    ]


def test_a_server_that_stops_answers_what_it_has_read_and_ends_its_streams(door: str, tmp_path: Path) -> None:
    models.write_slow(tmp_path, SLOW_MS)
    with ServerProcess(tmp_path, "--max-stream-in-flight", "2") as server:
        idle, busy = Conversation(server.channel), Conversation(server.channel)
        idle.send(BAD)
        assert ids([next(idle.call)]) == ["bad"]
        busy.send(*(rows("slow", at, id=str(at)) for at in range(8)))
        wait_for(lambda: in_flight(server) == 2)
        server.terminate()
        found: list[bytes] = []
        for open_stream in (busy, idle):
            with pytest.raises(grpc.RpcError):
                found.extend(open_stream.call)
            open_stream.end()
            assert open_stream.call.code() == grpc.StatusCode.UNAVAILABLE
            assert open_stream.call.details() == "the server is stopping"
        assert 2 <= len(found) < 8
        assert ids(found) == [str(at) for at in range(len(found))]
        assert b"stopping" not in b"".join(found)
        assert server.exit_code() == 0
        assert server.other_lines == []


# tritonclient brings its own copy of the protocol; a process of its own keeps the copies apart.
TRITON = textwrap.dedent(
    """
    import asyncio, json, queue, sys
    import numpy as np
    import tritonclient.grpc as triton
    import tritonclient.grpc.aio as triton_aio

    def x(value):
        tensor = triton.InferInput("x", [1, 4], "FP32")
        tensor.set_data_from_numpy(np.full((1, 4), value, np.float32))
        return tensor

    def told(result, error):
        if error is not None:
            return error.message()
        response = result.get_response()
        final = response.parameters["triton_final_response"].bool_param
        return [response.id, result.as_numpy("sum").tolist(), final]

    def threads(model):
        arrived = queue.Queue()
        with triton.InferenceServerClient(sys.argv[1]) as client:
            client.start_stream(lambda result, error: arrived.put(told(result, error)), stream_timeout=60)
            for at in range(20):
                name = "nowhere" if at == 7 else "pair"
                client.async_stream_infer(name, [x(at)], request_id=str(at), enable_empty_final_response=at % 2 == 0)
            client.stop_stream()
        return [arrived.get_nowait() for _ in range(arrived.qsize())]

    async def loop():
        async def requests():
            for at in range(20):
                name = "nowhere" if at == 7 else "pair"
                yield {"model_name": name, "inputs": [x(at)], "request_id": str(at)}
        async with triton_aio.InferenceServerClient(sys.argv[1]) as client:
            return [told(*answer) async for answer in client.stream_infer(requests(), stream_timeout=60)]

    print(json.dumps([threads("pair"), asyncio.run(loop())]))
    """
)


def test_nvidias_clients_stream(server: ServerProcess, channel: grpc.Channel) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRITON, server.address],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wanted: list[Any] = [[str(at), [4.0 * at], True] for at in range(20)]
    wanted[7] = refused(channel, INFER, b"\x0a\x07nowhere").details()
    assert json.loads(done.stdout) == [wanted, wanted]
