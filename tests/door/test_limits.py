"""The limits of a connection at the fast door, as they stand on the wire, and what happens beyond them."""

import asyncio
from contextlib import ExitStack

import grpc
from h2.errors import ErrorCodes
from hyperframe.frame import (
    DataFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from tests.door.requests import CHECK, INFER, WATCH, assert_answered, echo_body, gated_body
from tests.fast_door import fast_door
from tests.frame_connection import PREFACE, FrameConnection
from tests.gate import Gate
from tests.server_process import ServerProcess
from tests.waiting import wait_for

STREAMS = 100
HEADER_LIST_BYTES = 16 << 10
STREAM_WINDOW_BYTES = 64 << 10
CONNECTION_WINDOW_BYTES = STREAMS * STREAM_WINDOW_BYTES
# What HTTP/2 gives every connection before anything is said.
FIRST_WINDOW_BYTES = (1 << 16) - 1
# A health check of the whole server: an empty message.
EMPTY_BODY = bytes(5)


def test_the_settings_on_the_wire_are_the_limits(server: ServerProcess) -> None:
    with FrameConnection(server.address) as client:
        client.round_trip()
        first = client.frames[0]
        windows = [frame for frame in client.frames if isinstance(frame, WindowUpdateFrame)]
    assert isinstance(first, SettingsFrame)
    assert first.settings == {
        SettingsFrame.MAX_CONCURRENT_STREAMS: STREAMS,
        SettingsFrame.INITIAL_WINDOW_SIZE: STREAM_WINDOW_BYTES,
        SettingsFrame.MAX_HEADER_LIST_SIZE: HEADER_LIST_BYTES,
    }
    assert [frame.window_increment for frame in windows if frame.stream_id == 0] == [
        CONNECTION_WINDOW_BYTES - FIRST_WINDOW_BYTES
    ]


def test_a_call_beyond_the_limit_of_streams_is_refused_so_that_it_may_be_sent_again(
    server: ServerProcess,
) -> None:
    with FrameConnection(server.address) as client:
        watches = [client.call(WATCH, EMPTY_BODY) for _ in range(STREAMS)]
        refused = client.answer(client.call(INFER, echo_body()))
        assert refused.reset_code == ErrorCodes.REFUSED_STREAM
        client.wait(lambda: all(client.stream(watch).body for watch in watches), "the first states")
        # A place is given back with the end of its stream.
        client.send(RstStreamFrame(watches[0], error_code=ErrorCodes.CANCEL))
        assert client.answer(client.call(INFER, echo_body())).grpc_status == 0


def test_a_stream_whose_window_overflows_is_reset_and_the_others_go_on(server: ServerProcess) -> None:
    with FrameConnection(server.address) as client:
        watch = client.call(WATCH, EMPTY_BODY)
        client.send(WindowUpdateFrame(watch, window_increment=2**31 - 1))
        assert client.answer(watch).reset_code == ErrorCodes.FLOW_CONTROL_ERROR
        assert client.answer(client.call(INFER, echo_body())).grpc_status == 0


def test_a_body_beyond_its_window_ends_the_call(server: ServerProcess) -> None:
    """What the door has read it gives room for at once; so all must come before it reads any of it."""
    with FrameConnection(server.address) as client:
        stream = client.new_stream()
        piece = DataFrame(stream, data=bytes(1 << 14)).serialize()
        head = client.head(stream, INFER)
        client.send(head, *[piece] * (2 * CONNECTION_WINDOW_BYTES // (1 << 14)))
        client.wait(lambda: client.stream(stream).over or bool(client.goaways()), "its end")


def test_many_calls_that_are_given_up_after_their_first_answer_are_lawful(
    server: ServerProcess, good: grpc.Channel
) -> None:
    with FrameConnection(server.address) as client:
        for _ in range(500):
            watch = client.call(WATCH, EMPTY_BODY)
            client.wait(lambda watch=watch: bool(client.stream(watch).body), "the first state")
            client.send(RstStreamFrame(watch, error_code=ErrorCodes.CANCEL))
        assert client.answer(client.call(CHECK, EMPTY_BODY)).grpc_status == 0
        assert client.goaways() == []
    assert_answered(good)


def test_a_client_may_ping_whenever_a_part_of_a_large_answer_comes(server: ServerProcess) -> None:
    """Clients do so to learn how much is on the way, and open their windows by what they learn."""
    with FrameConnection(server.address) as client:
        stream = client.new_stream()
        client.send(client.head(stream, INFER))
        client.send_body(stream, echo_body(200_000))
        answered = client.stream(stream)
        read = 0
        while not answered.over:
            client.wait(lambda read=read: len(answered.body) > read or answered.over, "more of the answer")
            more, read = len(answered.body) - read, len(answered.body)
            if more:
                client.send(
                    WindowUpdateFrame(0, window_increment=more),
                    WindowUpdateFrame(stream, window_increment=more),
                    PingFrame(0, opaque_data=b"pingpong"),
                )
        assert answered.grpc_status == 0
        assert len(answered.body) > 800_000
        assert client.goaways() == []


def test_a_client_that_vanishes_frees_its_calls(
    server: ServerProcess, gate: Gate, good: grpc.Channel
) -> None:
    before = server.metrics().total("penstock_cancelled_requests_total", model="gated")
    with FrameConnection(server.address) as client, gate.closed():
        _fill(server, client)
        client.vanish()
        # The one that runs is answered to nobody, without waiting for its run.
        wait_for(lambda: _in_flight(server) == 0)
    after = server.metrics().total("penstock_cancelled_requests_total", model="gated")
    assert after - before == QUEUED
    assert_answered(good)


def test_calls_that_are_reset_while_they_wait_are_dropped(server: ServerProcess, gate: Gate) -> None:
    before = server.metrics().total("penstock_cancelled_requests_total", model="gated")
    with FrameConnection(server.address) as client:
        with gate.closed():
            streams = _fill(server, client)
            client.send(*[RstStreamFrame(stream, error_code=ErrorCodes.CANCEL) for stream in streams[1:]])
            wait_for(lambda: _in_flight(server) == 1)
        assert client.answer(streams[0]).grpc_status == 0
        wait_for(lambda: _in_flight(server) == 0)
        after = server.metrics().total("penstock_cancelled_requests_total", model="gated")
        assert after - before == QUEUED - 1
        assert client.answer(client.call(INFER, echo_body())).grpc_status == 0


QUEUED = 6


def _fill(server: ServerProcess, client: FrameConnection) -> list[int]:
    """Has one call run and others wait behind it."""
    streams = [client.call(INFER, gated_body()) for _ in range(QUEUED)]
    wait_for(lambda: _in_flight(server) == QUEUED)
    return streams


def _in_flight(server: ServerProcess) -> float:
    return server.metrics().total("penstock_in_flight_requests", model="gated")


async def test_a_connection_beyond_the_limit_waits_until_another_ends() -> None:
    async with fast_door(max_connections=2) as door:

        def converse() -> None:
            with ExitStack() as stack:
                stack.enter_context(FrameConnection(door.address))
                with FrameConnection(door.address) as second:
                    # It says nothing that would wait for an answer.
                    third = stack.enter_context(FrameConnection(door.address, preface=b""))
                    second.round_trip()
                    assert third.frames == []
                third.send(PREFACE, SettingsFrame(0))
                third.wait(lambda: bool(third.frames), "the server's SETTINGS")

        await asyncio.to_thread(converse)
