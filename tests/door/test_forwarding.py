"""Calls that the fast door forwards reach the servicer as they were made, and its answers the caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from tests.door.recorder import ECHO, FAIL, HOLD, STREAM, Recorder
from tests.door.requests import echo_body
from tests.fast_door import FastDoor, fast_door
from tests.frame_connection import FrameConnection

LIMIT_S = 60
LARGE = bytes(range(256)) * (8 << 12)  # 8 MiB
OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]


@asynccontextmanager
async def forwarding(**settings: int) -> AsyncIterator[tuple[FastDoor, Recorder, Any]]:
    """A door, the servicer behind it, and a channel to the door; all of it within a limit."""
    recorder = Recorder()
    async with (
        asyncio.timeout(LIMIT_S),
        fast_door(recorder, **settings) as door,
        grpc.aio.insecure_channel(door.address, OPTIONS) as channel,
    ):
        yield door, recorder, channel


async def test_a_message_comes_back_as_it_was() -> None:
    async with forwarding() as (_, _, channel):
        for message in (b"", b"message", LARGE):
            assert await channel.unary_unary(ECHO)(message) == message


async def test_large_messages_stream_both_ways_at_once() -> None:
    """More than all windows hold together: either side reads while it writes."""
    async with forwarding() as (_, _, channel):

        async def messages() -> AsyncIterator[bytes]:
            for _ in range(8):
                yield LARGE

        answers = [answer async for answer in channel.stream_stream(STREAM)(messages())]
    assert answers == [LARGE] * 8


async def test_metadata_goes_both_ways_text_and_binary() -> None:
    sent = (("x-echo", "text, and more"), ("x-echo", "twice"), ("x-echo-bin", b"\x00\x01\xff"))
    async with forwarding() as (_, _, channel):
        call = channel.unary_unary(ECHO)(b"", metadata=sent)
        initial = [(key, value) for key, value in await call.initial_metadata() if key.startswith("x-echo")]
        trailing = [(key.removeprefix("x-trailing-"), value) for key, value in await call.trailing_metadata()]
    assert initial == list(sent)
    assert [pair for pair in trailing if pair[0].startswith("x-echo")] == list(sent)


async def test_an_error_comes_through_with_its_sentence_and_its_metadata() -> None:
    async with forwarding() as (_, _, channel):
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await channel.unary_unary(FAIL)(b"")
        assert failed.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert failed.value.details() == "50 % of the\nmessage: é"
        trailing = dict(failed.value.trailing_metadata())
        assert (trailing["x-why"], trailing["x-why-bin"]) == ("as asked", b"\x00\xff")


async def test_an_answer_of_trailers_alone_stays_one() -> None:
    async with forwarding() as (door, _, _):

        def converse() -> None:
            with FrameConnection(door.address) as client:
                answer = client.answer(client.call("/test.Nothing/Nothing", echo_body()))
                assert (answer.grpc_status, answer.trailers, answer.body) == (12, {}, b"")

        await asyncio.to_thread(converse)


async def test_the_deadline_passes_through_and_is_kept() -> None:
    async with forwarding() as (_, recorder, channel):
        await channel.unary_unary(ECHO)(b"", timeout=40)
        assert recorder.time_left is not None
        # The client rounds it up.
        assert 30 < recorder.time_left < 50
        await channel.unary_unary(ECHO)(b"")
        assert recorder.time_left is None
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await channel.unary_unary(HOLD)(b"", timeout=0.2)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await recorder.wait_until_open(0)


async def test_a_call_that_is_cancelled_ends_at_the_servicer() -> None:
    async with forwarding() as (_, recorder, channel):
        call = channel.unary_unary(HOLD)(b"")
        await recorder.wait_until_open(1)
        call.cancel()
        await recorder.wait_until_open(0)
        assert await channel.unary_unary(ECHO)(b"again") == b"again"


async def test_calls_of_a_connection_that_is_lost_end_at_the_servicer() -> None:
    async with forwarding() as (door, recorder, _):
        async with grpc.aio.insecure_channel(door.address, OPTIONS) as lost:
            calls = [lost.unary_unary(HOLD)(b"") for _ in range(5)]
            await recorder.wait_until_open(5)
        await recorder.wait_until_open(0)
        assert all(call.cancelled() for call in calls)


async def test_the_servicer_ends_a_call_whose_caller_does_not_keep_its_own_deadline() -> None:
    async with forwarding() as (door, recorder, _):

        def converse() -> None:
            with FrameConnection(door.address) as client:
                late = client.answer(client.call(HOLD, echo_body(), metadata=[("grpc-timeout", "200m")]))
                assert late.grpc_status == grpc.StatusCode.DEADLINE_EXCEEDED.value[0]

        await asyncio.to_thread(converse)
        await recorder.wait_until_open(0)


async def test_a_thousand_calls_are_forwarded_at_a_time() -> None:
    async with forwarding(max_concurrent_streams=2000) as (_, recorder, channel):
        calls = [channel.unary_unary(HOLD)(str(number).encode()) for number in range(1000)]
        await recorder.wait_until_open(1000)
        recorder.release.set()
        assert [await call for call in calls] == [str(number).encode() for number in range(1000)]
        assert recorder.most_open == 1000


async def test_without_a_servicer_calls_are_unavailable_and_with_a_new_one_they_are_answered() -> None:
    async with forwarding() as (door, _, channel):
        assert await channel.unary_unary(ECHO)(b"before") == b"before"
        await door.stop_servicer()
        with pytest.raises(grpc.aio.AioRpcError) as gone:
            await channel.unary_unary(ECHO)(b"")
        assert gone.value.code() is grpc.StatusCode.UNAVAILABLE
        assert gone.value.details() == "The server is starting or stopping; try again."
        await door.start_servicer(Recorder())
        assert await channel.unary_unary(ECHO)(b"after") == b"after"


async def test_a_servicer_that_goes_in_the_middle_of_a_call_leaves_it_unavailable() -> None:
    async with forwarding() as (door, recorder, channel):
        call = channel.unary_unary(HOLD)(b"")
        await recorder.wait_until_open(1)
        await door.stop_servicer()
        with pytest.raises(grpc.aio.AioRpcError) as gone:
            await call
        assert gone.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
        await door.start_servicer(Recorder())
        assert await channel.unary_unary(ECHO)(b"after") == b"after"


async def test_the_servicer_is_told_where_a_call_comes_from_behind_what_proxies_have_named() -> None:
    async with forwarding() as (_, recorder, channel):
        await channel.unary_unary(ECHO)(b"", metadata=(("x-forwarded-for", "192.0.2.7"),))
        found = [value for key, value in recorder.metadata if key == "x-forwarded-for"]
    assert found == ["192.0.2.7, 127.0.0.1"]
