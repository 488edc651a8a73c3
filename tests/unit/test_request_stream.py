"""A stream of requests: order, how many at a time, errors that leave the stream alive, and its ends."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from penstock.errors import CallFailed
from penstock.pb import prediction_pb2
from penstock.request_stream import RequestStream
from penstock.stream_forms import PREDICT


class Engine:
    """Takes what the stream submits and answers when the test says so."""

    def __init__(self) -> None:
        self.calls: dict[str, asyncio.Future[bytes]] = {}
        self.tickets: dict[str, int] = {}
        self.cancelled: list[int] = []

    def submit(self, raw: bytes, future: asyncio.Future[bytes]) -> int:
        name = prediction_pb2.PredictRequest.FromString(raw).id if raw != b"\xff" else "bad"
        self.calls[name] = future
        self.tickets[name] = len(self.tickets) + 1
        return self.tickets[name]

    def answer(self, *names: str) -> None:
        for name in names:
            self.calls[name].set_result(prediction_pb2.PredictResponse(id=name).SerializeToString())


class Caller:
    """One stream and what came back on it."""

    def __init__(self, max_in_flight: int = 64) -> None:
        self.engine = Engine()
        self.stream = RequestStream(PREDICT, self.engine.submit, self.engine.cancelled.append, max_in_flight)
        self.answers: list[str] = []
        self._requests: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.task = asyncio.create_task(self._run())

    async def send(self, *requests: str | bytes) -> None:
        """Requests by id; one that begins with `~` is unordered."""
        for request in requests:
            raw = request if isinstance(request, bytes) else _request(request)
            self._requests.put_nowait(raw)
        await settle()

    async def end(self) -> list[str]:
        self._requests.put_nowait(None)
        await self.task
        return self.answers

    async def _run(self) -> None:
        async for raw in self.stream.answers(self._read()):
            answer = prediction_pb2.PredictStreamResponse.FromString(raw)
            self.answers.append(answer.response.id or f"{answer.error.id}: {answer.error.code}")

    async def _read(self) -> AsyncIterator[bytes]:
        while (raw := await self._requests.get()) is not None:
            yield raw


def _request(name: str) -> bytes:
    request = prediction_pb2.PredictRequest(model_name="m", id=name, unordered=name.startswith("~"))
    request.examples.add().features.feature["x"].float_list.value.append(1.0)
    return request.SerializeToString()


async def settle() -> None:
    """Lets everything run that can run without the test."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_answers_come_in_the_order_of_the_requests() -> None:
    caller = Caller()
    await caller.send("a", "b", "c")
    caller.engine.answer("c", "b")
    await settle()
    assert caller.answers == []
    caller.engine.answer("a")
    assert await caller.end() == ["a", "b", "c"]


async def test_an_unordered_answer_overtakes_and_holds_up_nobody() -> None:
    caller = Caller()
    await caller.send("a", "~b", "c")
    caller.engine.answer("~b")
    await settle()
    assert caller.answers == ["~b"]
    caller.engine.answer("a", "c")
    assert await caller.end() == ["~b", "a", "c"]


async def test_a_failed_request_is_answered_in_its_turn_and_the_stream_lives_on() -> None:
    caller = Caller()
    await caller.send("a", "b")
    caller.engine.calls["a"].set_exception(CallFailed(5, 'Model "m" is not in the repository.'))
    await settle()
    assert caller.answers == ["a: 5"]
    caller.engine.answer("b")
    assert await caller.end() == ["a: 5", "b"]


async def test_bytes_that_are_no_request_go_to_the_engine_which_refuses_them() -> None:
    caller = Caller()
    await caller.send(b"\xff", "a")
    caller.engine.calls["bad"].set_exception(CallFailed(13, "not a PredictRequest"))
    caller.engine.answer("a")
    assert await caller.end() == [": 13", "a"]


async def test_no_more_is_read_than_may_be_in_flight() -> None:
    caller = Caller(max_in_flight=2)
    await caller.send("a", "b", "c", "d")
    assert list(caller.engine.calls) == ["a", "b"]
    caller.engine.answer("b")
    await settle()
    assert list(caller.engine.calls) == ["a", "b"]
    caller.engine.answer("a")
    await settle()
    assert list(caller.engine.calls) == ["a", "b", "c", "d"]
    caller.engine.answer("c", "d")
    assert await caller.end() == ["a", "b", "c", "d"]


async def test_the_open_requests_of_a_caller_who_leaves_are_cancelled() -> None:
    caller = Caller()
    await caller.send("a", "b", "c")
    caller.engine.answer("a")
    await settle()
    caller.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller.task
    assert caller.engine.cancelled == [caller.engine.tickets["b"], caller.engine.tickets["c"]]


async def test_draining_answers_what_was_read_and_then_ends() -> None:
    caller = Caller()
    await caller.send("a", "b")
    caller.stream.drain()
    await caller.send("c")
    caller.engine.answer("b", "a")
    await caller.task
    assert caller.answers == ["a", "b"]
    assert "c" not in caller.engine.calls


@pytest.mark.parametrize("steps", [0, 1])
async def test_a_stream_that_is_drained_before_it_reads_ends(steps: int) -> None:
    caller = Caller()
    for _ in range(steps):
        await asyncio.sleep(0)
    caller.stream.drain()
    await caller.send("a")
    await caller.task
    assert (caller.answers, caller.engine.calls) == ([], {})


async def test_a_failure_that_nobody_waits_for_any_more_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caller = Caller()
    await caller.send("a", "b", "c")
    caller.engine.calls.pop("b").set_exception(CallFailed(5, 'Model "m" is not in the repository.'))
    await settle()
    caller.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller.task
    caller.engine.calls.pop("c").set_exception(CallFailed(1, "the caller went away"))
    await settle()
    del caller
    gc.collect()
    assert caplog.text == ""


async def test_a_stream_without_requests_ends() -> None:
    assert await Caller().end() == []
