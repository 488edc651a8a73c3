"""ModelStreamInfer: each request has one answer in its turn, byte for byte, whatever became of the others."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import numpy as np
import pytest

from penstock.pb import inference_pb2 as oip
from tests import models
from tests.connection import connection
from tests.contract.faults import FAULTS
from tests.contract.good_requests import INFER, pair
from tests.contract.infer_streams import Conversation, answered, echo, failed, ids, rows, stream
from tests.contract.refusals import assert_still_serving, call, refused
from tests.contract.tensors import outputs, raw_request
from tests.server_process import ServerProcess
from tests.waiting import wait_for

MIB = 1 << 20
SLOW_MS = 200
# Long enough for a few calls beside them, on a machine that has other things to do.
BUSY_RUNS = 3
STREAM_IN_FLIGHT = 4
MAX_SEND_BYTES = 1024
GOOD = pair().SerializeToString()
# What the engine says of them is ModelInfer's business.
BAD = b"\x0a\x06nobody\x1a\x03bad"
NO_MESSAGE = b"\x0a\xff"


def test_an_answer_is_that_of_model_infer_and_says_that_it_is_final(channel: grpc.Channel) -> None:
    requests = [
        echo(row_count, id=request_id).SerializeToString()
        for row_count in (1, 4, 5, 8)
        for request_id in ("", "7 ü", "x" * 20_000)
    ]
    wanted = [answered(call(channel, INFER, request)) for request in requests]
    assert list(stream(channel, iter(requests))) == wanted


def test_asking_for_an_empty_final_response_changes_nothing(channel: grpc.Channel) -> None:
    requests = [pair() for _ in range(3)]
    requests[0].parameters["triton_enable_empty_final_response"].bool_param = True
    requests[1].parameters["triton_enable_empty_final_response"].bool_param = False
    requests[2].parameters["triton_enable_empty_final_response"].string_param = "no bool"
    answers = stream(channel, (request.SerializeToString() for request in requests))
    assert list(answers) == [answered(call(channel, INFER, GOOD))] * 3


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


# What a failed request holds, and the id that its answer has.
IDS = [
    (BAD, "bad"),
    (b"", ""),
    (NO_MESSAGE, ""),
    # No varint.
    (b"\xff" * 11, ""),
    # Cut short after the id.
    (b"\x1a\x03bad" + NO_MESSAGE, ""),
    # An input that does not parse, and a model's name that is no text.
    (b"\x1a\x03bad\x2a\x01\xff", "bad"),
    (b"\x1a\x03bad\x0a\x01\xff", "bad"),
    # An id that is no text, two ids, and a number in its place.
    (b"\x1a\x03\xff\xff\xff", ""),
    (b"\x1a\x03bad\x1a\x05worse", "worse"),
    (b"\x1a\x03bad\x18\x01", "bad"),
]


def test_a_failure_has_the_id_of_a_message_whose_own_fields_can_be_read_to_the_end(
    channel: grpc.Channel,
) -> None:
    good = answered(call(channel, INFER, GOOD))
    wanted = [failed(refused(channel, INFER, bad).details(), request_id) for bad, request_id in IDS]
    answers = list(stream(channel, (request for bad, _ in IDS for request in (bad, GOOD))))
    assert answers[::2] == wanted
    assert answers[1::2] == [good] * len(IDS)


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
    with ServerProcess(
        folder, "--door", door, *(str(part) for limit in limits.items() for part in limit)
    ) as process:
        yield process


@pytest.fixture
def slow_channel(slow_server: ServerProcess) -> Iterator[grpc.Channel]:
    with connection(slow_server) as channel:
        yield channel


def in_flight(server: ServerProcess) -> float:
    return server.metrics().total("penstock_in_flight_requests", model="slow")


def rows_run(server: ServerProcess) -> float:
    return server.metrics().total("penstock_batch_rows_sum", model="slow")


def cancelled(server: ServerProcess) -> float:
    return server.metrics().total("penstock_cancelled_requests_total", model="slow")


def unrouted(server: ServerProcess) -> float:
    return server.metrics().total("penstock_unrouted_requests_total")


def test_a_quick_answer_waits_for_the_slow_one_before_it_and_holds_up_no_other_stream(
    slow_server: ServerProcess, slow_channel: grpc.Channel
) -> None:
    slow = Conversation(slow_channel)
    slow.send(*[rows("slow", 1, id="slow")] * BUSY_RUNS, rows("echo", 2, id="quick"), BAD)
    wait_for(lambda: in_flight(slow_server) == BUSY_RUNS)
    assert ids(list(stream(slow_channel, iter([rows("echo", 3, id="other")])))) == ["other"]
    assert in_flight(slow_server) > 0
    slow.end()
    assert ids(list(slow.call)) == [*["slow"] * BUSY_RUNS, "quick", "bad"]


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


@contextmanager
def busy(server: ServerProcess, channel: grpc.Channel) -> Iterator[None]:
    """The model has BUSY_RUNS rows before it, and has run these and no other when the block is left."""
    before = rows_run(server)
    unary = channel.unary_unary(INFER, request_serializer=bytes, response_deserializer=bytes)
    calls = [unary.future(rows("slow", 1), timeout=60) for _ in range(BUSY_RUNS)]
    wait_for(lambda: in_flight(server) == BUSY_RUNS, during=calls[-1])
    yield
    assert [call_.code() for call_ in calls] == [grpc.StatusCode.OK] * BUSY_RUNS
    wait_for(lambda: in_flight(server) == 0)
    assert rows_run(server) - before == BUSY_RUNS


def test_what_a_caller_who_leaves_has_in_the_queue_never_runs(
    slow_server: ServerProcess, slow_channel: grpc.Channel
) -> None:
    before = cancelled(slow_server)
    with busy(slow_server, slow_channel):
        read = unrouted(slow_server)
        leaver = stream(slow_channel, iter([rows("slow", 2), rows("slow", 3), BAD]))
        # What is read last is counted last.
        wait_for(lambda: unrouted(slow_server) - read == 1)
        leaver.cancel()
        wait_for(lambda: cancelled(slow_server) - before == 2)
    assert slow_server.other_lines == []
    assert "never retrieved" not in slow_server.text()


def test_the_deadline_of_the_stream_is_that_of_each_request(
    slow_server: ServerProcess, slow_channel: grpc.Channel
) -> None:
    with busy(slow_server, slow_channel):
        # Shorter than the batches before it.
        late = Conversation(slow_channel, timeout=SLOW_MS / 1000 / 4)
        late.send(rows("slow", 2), rows("slow", 3))
        with pytest.raises(grpc.RpcError):
            list(late.call)
        late.end()
        assert late.call.code() == grpc.StatusCode.DEADLINE_EXCEEDED


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
    with ServerProcess(tmp_path, "--door", door, "--max-stream-in-flight", "2") as server:
        idle, working = Conversation(server.channel), Conversation(server.channel)
        idle.send(BAD)
        assert ids([next(idle.call)]) == ["bad"]
        working.send(*(rows("slow", at, id=str(at)) for at in range(8)))
        wait_for(lambda: in_flight(server) == 2)
        server.terminate()
        found: list[bytes] = []
        for open_stream in (working, idle):
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
