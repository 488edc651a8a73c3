"""When the clients try again, over each transport: a server that refuses, and the rules by a standing clock."""

import asyncio
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

import grpc
import numpy as np
import pytest

import penstock
from penstock.async_client import AsyncClient
from penstock.call_error import CallError
from penstock.client import Client
from penstock.pb import inference_pb2, inference_pb2_grpc
from penstock.retry import RetryAttempts, RetryBudget

Transport = Literal["fast", "grpcio"]

INPUTS = {"x": np.zeros((1, 2), np.float32)}


@dataclass
class Refusal:
    """One attempt that fails."""

    code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE
    pushback: str | None = None
    details: bytes = b""


@dataclass
class RefusingServer:
    """Answers ModelInfer, after the refusals that a test asks for; remembers when each attempt came."""

    address: str = ""
    refusals: list[Refusal] = field(default_factory=list)
    attempts_s: list[float] = field(default_factory=list)
    timeouts_s: list[float] = field(default_factory=list)

    def model_infer(self, _request: bytes, context: grpc.ServicerContext) -> bytes:
        self.attempts_s.append(time.monotonic())
        self.timeouts_s.append(context.time_remaining())
        if not self.refusals:
            return inference_pb2.ModelInferResponse(id="answered").SerializeToString()
        refusal = self.refusals.pop(0)
        trailers: list[tuple[str, str | bytes]] = []
        if refusal.pushback is not None:
            trailers.append(("grpc-retry-pushback-ms", refusal.pushback))
        if refusal.details:
            trailers.append(("grpc-status-details-bin", refusal.details))
        context.set_trailing_metadata(tuple(trailers))
        context.abort(refusal.code, "the queue is full")
        raise AssertionError


@pytest.fixture
def server() -> Iterator[RefusingServer]:
    refusing = RefusingServer()
    with ThreadPoolExecutor(2) as pool:
        grpc_server = grpc.server(pool)
        handler = grpc.method_handlers_generic_handler(
            "inference.GRPCInferenceService",
            {"ModelInfer": grpc.unary_unary_rpc_method_handler(refusing.model_infer)},
        )
        grpc_server.add_generic_rpc_handlers((handler,))
        refusing.address = f"127.0.0.1:{grpc_server.add_insecure_port('127.0.0.1:0')}"
        grpc_server.start()
        yield refusing
        grpc_server.stop(None).wait()


async def ask_by_asyncio(address: str, timeout_s: float, transport: Transport) -> str:
    async with AsyncClient(address, timeout_s=timeout_s, transport=transport) as client:
        return (await client.infer("m", INPUTS)).id


def ask(client: Client) -> str:
    return client.infer("m", INPUTS).id


Asked = Callable[[str, float], str]


@pytest.fixture(params=["fast", "grpcio"])
def transport(request: pytest.FixtureRequest) -> Transport:
    chosen: Transport = request.param
    return chosen


@pytest.fixture(params=["threads", "many", "asyncio"])
def asked(request: pytest.FixtureRequest, transport: Transport) -> Asked:
    """Every way to call, called alike; each gives the answer's id."""

    def call(address: str, timeout_s: float) -> str:
        if request.param == "asyncio":
            return asyncio.run(ask_by_asyncio(address, timeout_s, transport))
        with Client(address, timeout_s=timeout_s, transport=transport) as client:
            if request.param == "threads":
                return ask(client)
            (prediction,) = client.infer_many("m", [INPUTS])
            return prediction.id

    return call


def test_a_refused_call_is_tried_again(server: RefusingServer, asked: Asked) -> None:
    server.refusals = [Refusal(), Refusal(), Refusal()]
    assert asked(server.address, 30.0) == "answered"
    assert len(server.attempts_s) == 4


def test_a_call_has_five_attempts_at_most(server: RefusingServer, asked: Asked) -> None:
    server.refusals = [Refusal(pushback="0")] * 5
    with pytest.raises(CallError, match="UNAVAILABLE: the queue is full") as refused:
        asked(server.address, 30.0)
    assert refused.value.code == "UNAVAILABLE"
    assert len(server.attempts_s) == 5


def ask_by_service_config(address: str) -> str:
    """GRPC's own library, led by nothing but the service config."""
    options = [("grpc.service_config", penstock.service_config())]
    with grpc.insecure_channel(address, options) as channel:
        infer = inference_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer
        answer: inference_pb2.ModelInferResponse = infer(inference_pb2.ModelInferRequest())
        return answer.id


def test_the_service_config_has_grpc_try_again_as_the_clients_do(server: RefusingServer) -> None:
    server.refusals = [Refusal(), Refusal(), Refusal()]
    assert ask_by_service_config(server.address) == "answered"
    assert len(server.attempts_s) == 4


def test_the_service_config_has_five_attempts_at_most(server: RefusingServer) -> None:
    server.refusals = [Refusal()] * 5
    with pytest.raises(grpc.RpcError) as refused:
        ask_by_service_config(server.address)
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    assert len(server.attempts_s) == 5


def test_the_servers_pushback_is_waited_for(server: RefusingServer, asked: Asked) -> None:
    server.refusals = [Refusal(pushback="150"), Refusal(pushback="250")]
    assert asked(server.address, 30.0) == "answered"
    first, second, third = server.attempts_s
    assert second - first >= 0.15
    assert third - second >= 0.25


@pytest.mark.parametrize("pushback", ["-1", "later"])
def test_a_pushback_that_forbids_a_retry_is_obeyed(
    server: RefusingServer, asked: Asked, pushback: str
) -> None:
    server.refusals = [Refusal(pushback=pushback)]
    with pytest.raises(CallError) as refused:
        asked(server.address, 30.0)
    assert refused.value.pushback_ms is not None
    assert refused.value.pushback_ms < 0
    assert len(server.attempts_s) == 1


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    ],
)
def test_only_unavailable_is_tried_again(server: RefusingServer, asked: Asked, code: grpc.StatusCode) -> None:
    server.refusals = [Refusal(code, pushback="0")]
    with pytest.raises(CallError) as refused:
        asked(server.address, 30.0)
    assert refused.value.code == code.name
    assert len(server.attempts_s) == 1


def test_a_wait_beyond_the_deadline_is_not_begun(server: RefusingServer, asked: Asked) -> None:
    server.refusals = [Refusal(pushback="3600000")]
    began = time.monotonic()
    with pytest.raises(CallError, match="UNAVAILABLE: the queue is full"):
        asked(server.address, 30.0)
    assert time.monotonic() - began < 3600
    assert len(server.attempts_s) == 1


def test_all_attempts_share_one_deadline(server: RefusingServer, asked: Asked) -> None:
    server.refusals = [Refusal(pushback="500"), Refusal(pushback="500")]
    assert asked(server.address, 9.0) == "answered"
    first, second, third = server.timeouts_s
    # The header that carries a timeout has two or three digits: a tenth of a second may be lost or won.
    assert second < first - 0.3
    assert third < second - 0.3


def test_calls_share_a_budget_of_retries(server: RefusingServer, transport: Transport) -> None:
    with Client(server.address, timeout_s=30.0, transport=transport) as client:
        server.refusals = [Refusal(pushback="0")] * 1000
        for _ in range(110):
            with pytest.raises(CallError):
                ask(client)
        # A hundred calls spend half of the 1000 tokens with five attempts each; the last of them ends all retries.
        assert len(server.attempts_s) == 100 * 5 + 10


def test_successes_earn_retries_back(server: RefusingServer, transport: Transport) -> None:
    with Client(server.address, timeout_s=30.0, transport=transport) as client:
        server.refusals = [Refusal(pushback="0")] * 500
        for _ in range(100):
            with pytest.raises(CallError):
                ask(client)
        assert not server.refusals
        for _ in range(11):  # 500 tokens + 11 × 0.1 > 501
            assert ask(client) == "answered"
        server.refusals = [Refusal(pushback="0")]
        assert ask(client) == "answered"


def test_threads_share_one_client(server: RefusingServer, transport: Transport) -> None:
    barrier = threading.Barrier(8)
    with (
        Client(server.address, timeout_s=30.0, transport=transport) as client,
        ThreadPoolExecutor(8) as pool,
    ):

        def call(_number: int) -> str:
            barrier.wait()
            return ask(client)

        assert set(pool.map(call, range(8))) == {"answered"}
    assert len(server.attempts_s) == 8


def field_of(number: int, payload: bytes) -> bytes:
    assert len(payload) < 128
    return bytes([number << 3 | 2, len(payload)]) + payload


def bad_request(*violations: tuple[bytes, bytes]) -> bytes:
    """A serialized google.rpc.Status: a code, a message, something else, and a BadRequest."""
    request = b"".join(field_of(1, field_of(1, where) + field_of(2, what)) for where, what in violations)
    other = field_of(1, b"type.googleapis.com/google.rpc.Help") + field_of(2, b"\x0a\x01x")
    packed = field_of(1, b"type.googleapis.com/google.rpc.BadRequest") + field_of(2, request)
    return b"\x08\x03" + field_of(2, b"a message") + field_of(3, other) + field_of(3, packed)


def test_the_fields_to_blame_are_named(server: RefusingServer, asked: Asked) -> None:
    details = bad_request((b"examples[3].amount", b"not a number"), (b"columns[0]", b"too short"))
    server.refusals = [Refusal(grpc.StatusCode.INVALID_ARGUMENT, details=details)]
    with pytest.raises(CallError) as refused:
        asked(server.address, 30.0)
    assert [(one.field, one.description) for one in refused.value.violations] == [
        ("examples[3].amount", "not a number"),
        ("columns[0]", "too short"),
    ]


@pytest.mark.parametrize(
    "details",
    [b"\xff", b"\x1a\x7f", b"\x1a\x02\x0a\x7f", b"\x0b", b"\x1a\x04\x0a\x02\xff\xfe", struct.pack("<I", 7)],
)
def test_details_that_cannot_be_read_blame_no_field(
    server: RefusingServer, asked: Asked, details: bytes
) -> None:
    server.refusals = [Refusal(grpc.StatusCode.INVALID_ARGUMENT, details=details)]
    with pytest.raises(CallError, match="INVALID_ARGUMENT: the queue is full") as refused:
        asked(server.address, 30.0)
    assert refused.value.violations == ()


def test_a_server_that_is_not_there_is_unavailable(asked: Asked) -> None:
    with pytest.raises(CallError) as refused:
        asked("127.0.0.1:1", 5.0)
    assert refused.value.code in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}


@pytest.mark.parametrize("timeout_s", [0.0, -1.0, float("inf"), float("nan")])
def test_a_timeout_is_a_positive_number_of_seconds(server: RefusingServer, timeout_s: float) -> None:
    with pytest.raises(ValueError, match="timeout_s is"):
        Client(server.address, timeout_s=timeout_s)
    with Client(server.address) as client, pytest.raises(ValueError, match="timeout_s is"):
        client.infer("m", INPUTS, timeout_s=timeout_s)
    assert server.attempts_s == []


class StandingClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def attempts(timeout_s: float = 60.0, tokens: float = 100.0) -> tuple[RetryAttempts, StandingClock]:
    clock = StandingClock()
    made = RetryAttempts(
        RetryBudget(tokens), timeout_s, clock=clock, jitter=lambda low, high: (low + high) / 2
    )
    return made, clock


def waits(made: RetryAttempts, pushbacks_ms: Sequence[int | None]) -> list[float | None]:
    return [made.wait_s("UNAVAILABLE", pushback_ms) for pushback_ms in pushbacks_ms]


def test_the_backoff_grows_sixfold() -> None:
    made, _ = attempts()
    grown = [pytest.approx(0.02 * 6**n) for n in range(4)]
    assert waits(made, [None] * 5) == [*grown, None]


def test_the_backoff_begins_anew_after_a_pushback() -> None:
    made, _ = attempts()
    assert waits(made, [None, 500, None]) == [pytest.approx(0.02), 0.5, pytest.approx(0.02)]


def test_the_backoff_is_jittered_around_its_value() -> None:
    seen = []
    made = RetryAttempts(RetryBudget(), 60.0, jitter=lambda low, high: seen.append((low, high)) or high)
    assert made.wait_s("UNAVAILABLE", None) == pytest.approx(0.02 * 1.2)
    assert seen == [(0.8, 1.2)]


def test_the_deadline_is_a_point_in_time() -> None:
    made, clock = attempts(timeout_s=1.0)
    assert made.remaining_s() == 1.0
    clock.now_s += 0.75
    assert made.remaining_s() == pytest.approx(0.25)
    assert made.wait_s("UNAVAILABLE", 240) == pytest.approx(0.24)
    assert made.wait_s("UNAVAILABLE", 260) is None
    clock.now_s += 5.0
    assert made.remaining_s() == 0.0
