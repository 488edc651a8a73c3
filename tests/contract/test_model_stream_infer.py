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
from tests.contract.faults.fault import LATE
from tests.contract.good_requests import INFER, pair
from tests.contract.infer_streams import Conversation, answered, echo, failed, ids, rows, stream
from tests.contract.refusals import assert_still_serving, call, refused
from tests.contract.tensors import outputs, raw_request
from tests.gate import Gate
from tests.server_process import ServerProcess
from tests.waiting import wait_for

MIB = 1 << 20
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
    # Where a request that is late meets its deadline is chance, and each place has its sentence.
    faults = [fault.request() for fault in FAULTS if fault.method == INFER and fault.code is not LATE]
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
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return Gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture(scope="module")
def gated_server(door: str, gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Models that wait for a gate or raise, and limits that a test can reach."""
    folder = tmp_path_factory.mktemp("models")
    models.write_gated(folder, gate)
    # Never held before it meets a short deadline: the longer a model takes, the longer the least that is let in.
    models.write_gated(folder, gate, name="quick")
    models.write_echo(folder, dims="[]")
    models.write_raises(folder)
    models.write_echo(folder, name="list")
    limits = {"--max-stream-in-flight": STREAM_IN_FLIGHT, "--max-send-bytes": MAX_SEND_BYTES}
    with ServerProcess(
        folder, "--door", door, *(str(part) for limit in limits.items() for part in limit)
    ) as process:
        yield process


@pytest.fixture
def gated_channel(gated_server: ServerProcess) -> Iterator[grpc.Channel]:
    with connection(gated_server) as channel:
        yield channel


def in_flight(server: ServerProcess, model: str = "gated") -> float:
    return server.metrics().total("penstock_in_flight_requests", model=model)


def rows_run(server: ServerProcess, model: str = "gated") -> float:
    return server.metrics().total("penstock_batch_rows_sum", model=model)


def cancelled(server: ServerProcess) -> float:
    return server.metrics().total("penstock_cancelled_requests_total", model="gated")


def unrouted(server: ServerProcess) -> float:
    return server.metrics().total("penstock_unrouted_requests_total")


def test_a_quick_answer_waits_for_the_slow_one_before_it_and_holds_up_no_other_stream(
    gated_server: ServerProcess, gated_channel: grpc.Channel, gate: Gate
) -> None:
    slow = Conversation(gated_channel)
    with gate.closed():
        slow.send(*[rows("gated", 1, id="slow")] * BUSY_RUNS, rows("echo", 2, id="quick"), BAD)
        wait_for(lambda: in_flight(gated_server) == BUSY_RUNS)
        assert ids(list(stream(gated_channel, iter([rows("echo", 3, id="other")])))) == ["other"]
    slow.end()
    assert ids(list(slow.call)) == [*["slow"] * BUSY_RUNS, "quick", "bad"]


def test_a_request_whose_model_raises_fails_alone(gated_channel: grpc.Channel) -> None:
    requests = [rows("raises", number, id=str(number)) for number in (1, -2, 3)]
    first, raised, last = stream(gated_channel, iter(requests))
    sentence = oip.ModelStreamInferResponse.FromString(raised).error_message
    assert raised == failed(sentence, "-2")
    with pytest.raises(grpc.RpcError) as unary:
        call(gated_channel, INFER, requests[1])
    error_id = re.compile(r"\b[0-9a-f-]{8,}\b")
    assert error_id.sub("…", sentence) == error_id.sub("…", unary.value.details())
    assert (first, last) == tuple(answered(call(gated_channel, INFER, requests[at])) for at in (0, 2))


def test_no_more_is_read_than_may_be_unanswered(
    gated_server: ServerProcess, gated_channel: grpc.Channel, gate: Gate
) -> None:
    before = unrouted(gated_server)
    with gate.closed():
        answers = stream(gated_channel, iter([rows("gated", 1, id="slow"), *[BAD] * 9]))
        wait_for(lambda: unrouted(gated_server) - before == STREAM_IN_FLIGHT - 1)
        # Whatever else was to be read has been once a later call is answered.
        assert ids(list(stream(gated_channel, iter([rows("echo", 3, id="other")])))) == ["other"]
        assert unrouted(gated_server) - before == STREAM_IN_FLIGHT - 1
    assert ids(list(answers)) == ["slow", *["bad"] * 9]
    assert unrouted(gated_server) - before == 9


@contextmanager
def busy(server: ServerProcess, channel: grpc.Channel, gate: Gate, model: str = "gated") -> Iterator[None]:
    """The model has BUSY_RUNS rows before it, and has run these and no other when the block is left."""
    before = rows_run(server, model)
    unary = channel.unary_unary(INFER, request_serializer=bytes, response_deserializer=bytes)
    with gate.closed():
        calls = [unary.future(rows(model, 1), timeout=60) for _ in range(BUSY_RUNS)]
        wait_for(lambda: in_flight(server, model) == BUSY_RUNS, during=calls[-1])
        yield
        wait_for(lambda: in_flight(server, model) == BUSY_RUNS, during=calls[-1])
    assert [call_.code() for call_ in calls] == [grpc.StatusCode.OK] * BUSY_RUNS
    wait_for(lambda: in_flight(server, model) == 0)
    assert rows_run(server, model) - before == BUSY_RUNS


def test_what_a_caller_who_leaves_has_in_the_queue_never_runs(
    gated_server: ServerProcess, gated_channel: grpc.Channel, gate: Gate
) -> None:
    before = cancelled(gated_server)
    with busy(gated_server, gated_channel, gate):
        read = unrouted(gated_server)
        leaver = stream(gated_channel, iter([rows("gated", 2), rows("gated", 3), BAD]))
        # What is read last is counted last.
        wait_for(lambda: unrouted(gated_server) - read == 1)
        leaver.cancel()
        wait_for(lambda: cancelled(gated_server) - before == 2)
    assert gated_server.other_lines == []
    assert "never retrieved" not in gated_server.text()


def test_the_deadline_of_the_stream_is_that_of_each_request(
    gated_server: ServerProcess, gated_channel: grpc.Channel, gate: Gate
) -> None:
    with busy(gated_server, gated_channel, gate, "quick"):
        # Long enough to get into the queue.
        late = Conversation(gated_channel, timeout=2)
        late.send(rows("quick", 2), rows("quick", 3))
        wait_for(lambda: in_flight(gated_server, "quick") == BUSY_RUNS + 2, during=late.call)
        with pytest.raises(grpc.RpcError):
            list(late.call)
        late.end()
        assert late.call.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_an_answer_of_the_largest_size_that_may_be_sent_is_sent(gated_channel: grpc.Channel) -> None:
    numbers = np.zeros((1, 200), np.float32)
    size = len(call(gated_channel, INFER, raw_request("list", ("x", "FP32", numbers)).SerializeToString()))
    # An id of this length brings a tag and a length of two bytes.
    fill = MAX_SEND_BYTES - size - 3
    largest, larger = (
        raw_request("list", ("x", "FP32", numbers), id="x" * length).SerializeToString()
        for length in (fill, fill + 1)
    )
    assert len(call(gated_channel, INFER, largest)) == MAX_SEND_BYTES
    assert list(stream(gated_channel, iter([largest, larger]))) == [
        answered(call(gated_channel, INFER, largest)),
        failed(refused(gated_channel, INFER, larger).details(), "x" * (fill + 1)),
    ]


def test_a_server_that_stops_answers_what_it_has_read_and_ends_its_streams(door: str, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    models.write_gated(tmp_path / "models", gate)
    with ServerProcess(tmp_path / "models", "--door", door, "--max-stream-in-flight", "2") as server:
        idle, working = Conversation(server.channel), Conversation(server.channel)
        idle.send(BAD)
        assert ids([next(idle.call)]) == ["bad"]
        with gate.closed():
            working.send(*(rows("gated", at, id=str(at)) for at in range(8)))
            wait_for(lambda: in_flight(server) == 2)
            server.terminate()
            # Both hear of it at once.
            assert rest(idle) == []
        assert ids(rest(working)) == ["0", "1"]
        assert server.exit_code() == 0
        assert server.other_lines == []


def rest(conversation: Conversation) -> list[bytes]:
    """What is still answered on the stream of a server that stops."""
    found: list[bytes] = []
    with pytest.raises(grpc.RpcError):
        found.extend(conversation.call)
    conversation.end()
    assert conversation.call.code() == grpc.StatusCode.UNAVAILABLE
    assert conversation.call.details() == "the server is stopping"
    return found
