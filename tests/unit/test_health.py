"""grpc.health.v1 as clients see it, on a real grpc.aio server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import h2.config
import h2.connection
import h2.settings
import pytest
from grpc_health.v1 import health_pb2 as published_pb2
from grpc_health.v1 import health_pb2_grpc as published

from penstock import health
from penstock.pb import health_pb2, health_pb2_grpc

State = health_pb2.HealthCheckResponse
SERVING, NOT_SERVING, SERVICE_UNKNOWN = State.SERVING, State.NOT_SERVING, State.SERVICE_UNKNOWN


@pytest.fixture
async def states() -> health.Health:
    return health.Health()


@pytest.fixture
async def address(states: health.Health) -> AsyncIterator[str]:
    server = grpc.aio.server()
    states.add_to(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.fixture
async def stub(address: str) -> AsyncIterator[health_pb2_grpc.HealthAsyncStub]:
    async with grpc.aio.insecure_channel(address) as channel:
        yield health_pb2_grpc.HealthAsyncStub(channel)


async def check(stub: health_pb2_grpc.HealthAsyncStub, name: str) -> int | grpc.StatusCode:
    """The state of a name, or the code of the refusal."""
    try:
        return (await stub.Check(health_pb2.HealthCheckRequest(service=name))).status
    except grpc.aio.AioRpcError as error:
        return error.code()


def test_names_are_the_model_s_and_the_version_s() -> None:
    assert health.model("fraud") == "fraud"
    assert health.model("fraud", 2) == "fraud/2"


@pytest.mark.parametrize("name", ["", "readiness", "liveness"])
def test_a_model_cannot_take_a_probe_s_name(name: str) -> None:
    with pytest.raises(ValueError, match="a model cannot be called"):
        health.model(name)


async def test_a_new_server_is_alive_and_not_ready(stub: health_pb2_grpc.HealthAsyncStub) -> None:
    assert await check(stub, "") == NOT_SERVING
    assert await check(stub, "readiness") == NOT_SERVING
    assert await check(stub, "liveness") == SERVING


async def test_check_answers_for_the_server_and_for_each_model(
    states: health.Health, stub: health_pb2_grpc.HealthAsyncStub
) -> None:
    states.set_ready(True)
    states.set(health.model("fraud"), serving=True)
    states.set(health.model("fraud", 2), serving=True)
    states.set(health.model("fraud", 3), serving=False)
    names = ["", "readiness", "fraud", "fraud/2", "fraud/3", "fraud/4", "Fraud"]
    found = [await check(stub, name) for name in names]
    unknown = grpc.StatusCode.NOT_FOUND
    assert found == [SERVING, SERVING, SERVING, SERVING, NOT_SERVING, unknown, unknown]


async def test_check_of_an_unknown_name_says_which(stub: health_pb2_grpc.HealthAsyncStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match=r'Model "frau" is not in the repository\.'):
        await stub.Check(health_pb2.HealthCheckRequest(service="frau"))


async def test_a_huge_unknown_name_is_refused_like_any_other(stub: health_pb2_grpc.HealthAsyncStub) -> None:
    assert await check(stub, "é" * 1_000_000) is grpc.StatusCode.NOT_FOUND


async def test_a_forgotten_model_is_unknown(
    states: health.Health, stub: health_pb2_grpc.HealthAsyncStub
) -> None:
    states.set(health.model("fraud"), serving=True)
    assert await check(stub, "fraud") == SERVING
    states.set_models({})
    assert await check(stub, "fraud") is grpc.StatusCode.NOT_FOUND
    states.set_models({})


@pytest.mark.skipif(
    not hasattr(published_pb2, "HealthListRequest"), reason="this grpcio-health-checking has no List yet"
)
async def test_list_gives_all_names(states: health.Health, stub: health_pb2_grpc.HealthAsyncStub) -> None:
    states.set(health.model("fraud"), serving=True)
    answer = await stub.List(health_pb2.HealthListRequest())
    assert {name: state.status for name, state in answer.statuses.items()} == {
        "": NOT_SERVING,
        "readiness": NOT_SERVING,
        "liveness": SERVING,
        "fraud": SERVING,
    }


async def test_watch_tells_each_change_and_nothing_twice(
    states: health.Health, stub: health_pb2_grpc.HealthAsyncStub
) -> None:
    watch = stub.Watch(health_pb2.HealthCheckRequest(service="fraud"))
    assert (await watch.read()).status == SERVICE_UNKNOWN
    states.set(health.model("fraud"), serving=False)
    assert (await watch.read()).status == NOT_SERVING
    states.set(health.model("match"), serving=True)
    states.set(health.model("fraud"), serving=False)
    states.set(health.model("fraud"), serving=True)
    assert (await watch.read()).status == SERVING
    states.set_models({})
    assert (await watch.read()).status == SERVICE_UNKNOWN
    watch.cancel()


async def test_drain_leaves_liveness_alone_and_is_final(
    states: health.Health, stub: health_pb2_grpc.HealthAsyncStub
) -> None:
    states.set_ready(True)
    states.set(health.model("fraud"), serving=True)
    watch = stub.Watch(health_pb2.HealthCheckRequest(service="fraud"))
    assert (await watch.read()).status == SERVING
    states.drain()
    assert (await watch.read()).status == NOT_SERVING
    states.set_ready(True)
    states.set(health.model("match"), serving=True)
    found = {name: await check(stub, name) for name in ["", "readiness", "liveness", "fraud", "match"]}
    assert found == dict.fromkeys(["", "readiness", "fraud", "match"], NOT_SERVING) | {"liveness": SERVING}
    watch.cancel()


async def test_close_ends_every_watch_after_its_last_state(
    states: health.Health, stub: health_pb2_grpc.HealthAsyncStub
) -> None:
    states.set_ready(True)
    watch = stub.Watch(health_pb2.HealthCheckRequest())
    assert (await watch.read()).status == SERVING
    states.drain()
    states.close()
    assert (await watch.read()).status == NOT_SERVING
    assert await watch.read() is grpc.aio.EOF
    assert await watch.code() is grpc.StatusCode.OK
    late = stub.Watch(health_pb2.HealthCheckRequest())
    assert [state.status async for state in late] == [NOT_SERVING]


class _SlowWriter:
    """A context whose first write lasts until it is let go."""

    def __init__(self) -> None:
        self.writing, self.may_end = asyncio.Event(), asyncio.Event()
        self.told: list[int] = []

    async def write(self, state: health_pb2.HealthCheckResponse) -> None:
        self.told.append(state.status)
        self.writing.set()
        await self.may_end.wait()


async def test_the_last_state_is_told_though_the_drain_ends_during_a_write(states: health.Health) -> None:
    states.set_ready(True)
    context = _SlowWriter()
    watch = asyncio.create_task(states.Watch(health_pb2.HealthCheckRequest(), cast("Any", context)))
    await context.writing.wait()
    states.drain()
    states.close()
    context.may_end.set()
    await watch
    assert context.told == [SERVING, NOT_SERVING]


async def test_a_watcher_that_does_not_read_keeps_no_one_else_from_the_news(
    states: health.Health, address: str, stub: health_pb2_grpc.HealthAsyncStub
) -> None:
    host, port = address.split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    deaf = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    window = h2.settings.SettingCodes.INITIAL_WINDOW_SIZE
    deaf.local_settings = h2.settings.Settings(client=True, initial_values={window: 0})
    deaf.initiate_connection()
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": "/grpc.health.v1.Health/Watch",
        ":authority": address,
        "content-type": "application/grpc",
        "te": "trailers",
    }
    deaf.send_headers(1, list(headers.items()))
    deaf.send_data(1, b"\0\0\0\0\0", end_stream=True)
    writer.write(deaf.data_to_send())
    await writer.drain()

    watch = stub.Watch(health_pb2.HealthCheckRequest())
    assert (await watch.read()).status == NOT_SERVING
    for ready in (True, False, True):
        states.set_ready(ready)
        assert (await watch.read()).status == (SERVING if ready else NOT_SERVING)
    assert await check(stub, "") == SERVING
    watch.cancel()
    writer.close()
    await writer.wait_closed()


async def test_grpc_s_own_client_stub_is_answered(states: health.Health, address: str) -> None:
    states.set_ready(True)
    async with grpc.aio.insecure_channel(address) as channel:
        answer = await published.HealthStub(channel).Check(published_pb2.HealthCheckRequest())
    assert answer.status == SERVING
