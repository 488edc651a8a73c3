"""Connections are told to go twice, and nobody loses a call by it."""

import asyncio
import threading
from typing import Any

import grpc
from h2.errors import ErrorCodes

from tests.door.requests import WATCH, echo_body
from tests.fast_door import FastDoor, fast_door
from tests.frame_connection import FrameConnection

# The first GOAWAY names no stream as the last.
NO_STREAM = 2**31 - 1
ECHO = "/test.Echo/Echo"
# Connections that must have come of age under the load, and calls in flight.
AGES = 3
CALLERS = 16
LIMIT_S = 60


class Echo(grpc.GenericRpcHandler):
    """Gives back each message."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:  # noqa: ARG002 - all alike
        async def echo(message: bytes, context: Any) -> bytes:
            return message

        return grpc.unary_unary_rpc_method_handler(echo)


def wait_for_goodbye(client: FrameConnection) -> None:
    client.wait(lambda: len(client.goaways()) == 2, "the second GOAWAY")
    client.wait_for_end()
    assert [code for code, _ in client.goaways()] == [ErrorCodes.NO_ERROR] * 2
    assert client.goaways()[0][1] == NO_STREAM


async def test_a_connection_of_age_is_told_to_go_twice_and_its_calls_finish() -> None:
    async with fast_door(Echo(), max_connection_age_s=1) as door:

        def converse() -> None:
            with FrameConnection(door.address) as client:
                stream = client.call(ECHO, echo_body())
                assert client.answer(stream).grpc_status == 0
                wait_for_goodbye(client)
                assert client.goaways()[1][1] == stream

        await asyncio.to_thread(converse)


async def test_a_call_that_comes_between_the_two_goaways_is_answered() -> None:
    """The second one waits for the answer to a ping, so that what was on the way still arrives."""
    async with fast_door(Echo()) as door:

        def converse() -> None:
            with FrameConnection(door.address, answer_pings=False) as client:
                first = client.call(ECHO, echo_body())
                assert client.answer(first).grpc_status == 0
                door.door.drain()
                client.wait(lambda: bool(client.goaways()), "the first GOAWAY")
                assert client.goaways() == [(ErrorCodes.NO_ERROR, NO_STREAM)]
                last = client.call(ECHO, echo_body())
                assert client.answer(last).grpc_status == 0
                client.answer_pings()
                wait_for_goodbye(client)
                assert client.goaways()[1][1] == last

        await asyncio.to_thread(converse)


async def test_a_door_that_waits_for_its_last_connection_answers_what_it_is_asked_meanwhile() -> None:
    """A lock held meanwhile would be waited for with the interpreter's lock held, by whoever renews certificates."""
    async with fast_door(Echo()) as door:

        def converse() -> None:
            with FrameConnection(door.address) as client:
                assert client.answer(client.call(ECHO, echo_body())).grpc_status == 0
                stopping = threading.Thread(target=door.door.stop, args=[LIMIT_S])
                stopping.start()
                assert [door.door.connections for _ in range(100)] == [1] * 100
                assert stopping.is_alive()
            stopping.join(LIMIT_S)
            assert not stopping.is_alive()

        await asyncio.to_thread(converse)


async def test_a_call_that_outlives_its_connections_age_is_not_cut_off() -> None:
    release = asyncio.Event()

    class Held(grpc.GenericRpcHandler):
        def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:  # noqa: ARG002
            async def hold(message: bytes, context: Any) -> bytes:
                await release.wait()
                return message

            return grpc.unary_unary_rpc_method_handler(hold)

    async with fast_door(Held()) as door:
        loop = asyncio.get_running_loop()

        def converse() -> None:
            with FrameConnection(door.address) as client:
                stream = client.call(WATCH, echo_body())
                client.round_trip()
                door.door.drain()
                client.wait(lambda: len(client.goaways()) == 2, "the second GOAWAY")
                assert not client.stream(stream).over
                loop.call_soon_threadsafe(release.set)
                assert client.answer(stream).grpc_status == 0
                client.wait_for_end()

        await asyncio.to_thread(converse)


async def test_no_call_fails_while_connections_come_of_age() -> None:
    """Callers that never try again what a server may have seen: what fails, fails the test.

    A call that meets the GOAWAY before it was sent goes to the next connection: gRPC's transparent retry, which it
    makes unless retries are forbidden altogether.
    """
    async with fast_door(Echo(), max_connection_age_s=1) as door:
        done = await asyncio.wait_for(call_through_ages(door), LIMIT_S)
    assert done > CALLERS * AGES


async def call_through_ages(door: FastDoor) -> int:
    """Calls without pause until the connection has come of age several times; how many were answered."""
    answered, renewals = 0, 0
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(door.address, options) as channel:
        method = channel.unary_unary(ECHO)

        async def call() -> None:
            nonlocal answered
            while renewals < AGES:
                assert await method(b"message", timeout=30) == b"message"
                answered += 1

        async def watch() -> None:
            nonlocal renewals
            state = channel.get_state(try_to_connect=True)
            while renewals < AGES:
                await channel.wait_for_state_change(state)
                state = channel.get_state()
                renewals += state is grpc.ChannelConnectivity.READY

        # The first time that it is ready is no renewal.
        renewals = -1
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch())
            for _ in range(CALLERS):
                tasks.create_task(call())
    return answered
