"""Peers that stop in the middle are given up after a while, and cost nobody else anything until then.

All of them wait at the same time: `stalled` begins every stall, and each test waits for the end of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import grpc
import pytest
from h2.errors import ErrorCodes
from hyperframe.frame import DataFrame, SettingsFrame, WindowUpdateFrame

from tests.door.requests import CHECK, INFER, assert_answered, echo_body
from tests.frame_connection import PREFACE, FrameConnection
from tests.server_process import ServerProcess

# No test depends on how long the door waits, only that it does not wait for ever.
PATIENCE_S = 90.0
# An answer far beyond what goes out at once, and one that would if its reader made room.
LARGE_FLOATS, MEDIUM_FLOATS = 200_000, 4_000

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Stalled:
    """Connections on which something has begun and does not go on."""

    silent: FrameConnection
    half_preface: FrameConnection
    dripping: FrameConnection
    unread: FrameConnection
    streams: dict[str, int]


@pytest.fixture(scope="module")
def stalled(server: ServerProcess) -> Iterator[Stalled]:
    with ExitStack() as stack:

        def connect(preface: bytes = PREFACE, settings: dict[int, int] | None = None) -> FrameConnection:
            return stack.enter_context(FrameConnection(server.address, preface=preface, settings=settings))

        dripping = connect()
        body = dripping.new_stream()
        dripping.send(dripping.head(body, INFER), DataFrame(body, data=echo_body()[:-1]))
        unread = connect(settings={SettingsFrame.INITIAL_WINDOW_SIZE: 0})
        answer = unread.new_stream()
        unread.send(unread.head(answer, INFER))
        unread.send_body(answer, echo_body(LARGE_FLOATS))
        yield Stalled(
            connect(preface=b""),
            connect(preface=PREFACE[:10]),
            dripping,
            unread,
            {"body": body, "answer": answer, "medium": unread.call(INFER, echo_body(MEDIUM_FLOATS))},
        )


def test_an_answer_that_is_not_read_holds_up_no_other_on_its_connection(stalled: Stalled) -> None:
    client = stalled.unread
    small = client.call(INFER, echo_body())
    client.send(WindowUpdateFrame(small, window_increment=1 << 16))
    assert client.answer(small).grpc_status == 0
    assert client.stream(stalled.streams["answer"]).body == b""


def test_stalled_peers_hold_up_nobody(stalled: Stalled, good: grpc.Channel) -> None:
    assert_answered(good)


def test_a_socket_that_says_nothing_is_closed(stalled: Stalled) -> None:
    stalled.silent.wait_for_end(PATIENCE_S)


def test_a_preface_that_stops_in_the_middle_is_given_up(stalled: Stalled) -> None:
    stalled.half_preface.wait_for_end(PATIENCE_S)


def test_a_request_that_stops_in_the_middle_is_refused_and_the_connection_stays(stalled: Stalled) -> None:
    client, stream = stalled.dripping, stalled.streams["body"]
    client.wait(lambda: client.stream(stream).over, "the end of the call", PATIENCE_S)
    assert client.stream(stream).grpc_status == grpc.StatusCode.DEADLINE_EXCEEDED.value[0]
    assert client.answer(client.call(CHECK, bytes(5))).grpc_status == 0


@pytest.mark.parametrize("answer", ["answer", "medium"])
def test_an_answer_that_is_not_read_is_given_up_and_the_connection_stays(
    stalled: Stalled, answer: str
) -> None:
    client, stream = stalled.unread, stalled.streams[answer]
    client.wait(lambda: client.stream(stream).over, "the end of the call", PATIENCE_S)
    assert client.stream(stream).reset_code == ErrorCodes.CANCEL
    small = client.call(INFER, echo_body())
    client.send(WindowUpdateFrame(small, window_increment=1 << 16))
    assert client.answer(small).grpc_status == 0
