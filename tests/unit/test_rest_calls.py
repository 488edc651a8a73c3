"""The way from the HTTP port to an RPC's handler and back."""
# ruff: noqa: ARG002, N802 - the protocol says what an RPC is called and given

import asyncio
import threading
from typing import Any

import grpc
import pytest

from penstock.pb import inference_pb2 as oip
from penstock.rest_calls import RestCalls
from penstock.rpc_handlers import abort, rpc_handlers

SERVICE = oip.DESCRIPTOR.services_by_name["GRPCInferenceService"]
UNSERVED = {"RepositoryModelUnload": "not here"}


class Servicer:
    """Some RPCs, each of which ends in its own way."""

    async def RepositoryIndex(self, request: Any, context: Any) -> Any:
        return oip.RepositoryIndexResponse(models=[{"name": "m", "version": str(request.ready)}])

    async def ModelConfig(self, request: Any, context: Any) -> Any:
        await abort(context, grpc.StatusCode.FAILED_PRECONDITION, f"not {request.name}")

    async def LogSettings(self, request: Any, context: Any) -> Any:
        raise ValueError("a secret of the server")

    async def TraceSetting(self, request: Any, context: Any) -> Any:
        assert 0 < context.time_remaining() <= 0.01
        assert context.invocation_metadata() == ()
        await asyncio.sleep(60)

    async def ModelStatistics(self, request: Any, context: Any) -> Any:
        assert context.time_remaining() is None
        await context.abort(grpc.StatusCode.UNAVAILABLE, "busy", (("grpc-retry-pushback-ms", "250"),))


class Reply:
    """What came, once it has come."""

    def __init__(self) -> None:
        self.told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def send(self, json: bytes) -> None:
        self.told.set_result(json)

    def refuse(self, *why: Any) -> None:
        self.told.set_result(why)


async def ask(method: str, name: str = "", body: bytes = b"", timeout_s: float | None = None) -> Any:
    """What an HTTP port's thread gets."""
    handlers = rpc_handlers(SERVICE, Servicer(), (), UNSERVED)
    calls, reply = RestCalls(handlers, asyncio.get_running_loop()), Reply()
    thread = threading.Thread(target=calls.ask, args=(method, "", name, "", body, timeout_s, reply))
    thread.start()
    told = await asyncio.wait_for(reply.told, 60)
    thread.join()
    return told


async def test_an_answer_is_json() -> None:
    told = await ask("RepositoryIndex", body=b'{"ready": true}')
    assert told == b'[{"name":"m","version":"True","state":"","reason":""}]'


async def test_a_refusal_keeps_its_code_its_sentence_and_its_pushback() -> None:
    assert await ask("ModelConfig", "m") == (9, "not m", None)
    assert await ask("ModelStatistics") == (14, "busy", 250)


async def test_what_is_not_served_is_refused_as_over_grpc() -> None:
    assert await ask("RepositoryModelUnload", "m") == (12, "not here", None)


async def test_an_rpc_that_fails_is_logged_and_keeps_its_reason_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    code, sentence = await ask("LogSettings")
    assert (code, "secret" in sentence) == (13, False)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert "secret" in str(record.exc_info[1])


@pytest.mark.parametrize("timeout_s", [0.0, 0.01])
async def test_a_call_whose_time_is_over_is_told_so(timeout_s: float) -> None:
    assert (await ask("TraceSetting", timeout_s=timeout_s))[0] == 4


async def test_a_body_that_is_no_json_is_refused_before_the_rpc() -> None:
    assert (await ask("LogSettings", body=b"["))[0] == 3
