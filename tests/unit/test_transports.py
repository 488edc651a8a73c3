"""Which transport a client takes, and what the two have in common: ends, cancels, limits."""

import asyncio
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import grpc
import numpy as np
import pytest

from penstock import AsyncClient, CallError, Client, Tls
from penstock.fast_transport import FastTransport
from penstock.grpcio_transport import GrpcioTransport
from penstock.pb import inference_pb2

Transport = Literal["fast", "grpcio"]
Handler = Callable[[bytes, grpc.ServicerContext], bytes]

BOTH = pytest.mark.parametrize("transport", ["fast", "grpcio"])
INPUTS = {"x": np.zeros((1, 2), np.float32)}
# Longer than anything takes; a test that waits for it has failed.
PATIENCE_S = 60.0


@contextmanager
def serving(handler: Handler, credentials: grpc.ServerCredentials | None = None) -> Iterator[str]:
    """The address of a server whose ModelInfer is `handler`."""
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool)
        methods = {"ModelInfer": grpc.unary_unary_rpc_method_handler(handler)}
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("inference.GRPCInferenceService", methods),)
        )
        address = "localhost:0"
        port = (
            server.add_secure_port(address, credentials)
            if credentials
            else server.add_insecure_port("127.0.0.1:0")
        )
        server.start()
        try:
            yield f"localhost:{port}" if credentials else f"127.0.0.1:{port}"
        finally:
            server.stop(None).wait()


def echo(request: bytes, _context: grpc.ServicerContext) -> bytes:
    """Gives the id back."""
    asked = inference_pb2.ModelInferRequest.FromString(request)
    return inference_pb2.ModelInferResponse(id=asked.id).SerializeToString()


class Silent:
    """A server that does not answer; tells when a call has come, and that it has been cancelled."""

    def __init__(self) -> None:
        self.came = threading.Event()
        self.gone = threading.Event()

    def __call__(self, _request: bytes, context: grpc.ServicerContext) -> bytes:
        context.add_callback(self.gone.set)
        self.came.set()
        self.gone.wait(PATIENCE_S)
        return b""


@pytest.mark.parametrize(
    ("target", "chosen", "kind"),
    [
        ("localhost:8001", {}, FastTransport),
        ("dns:///localhost:8001", {}, FastTransport),
        ("unix:/run/penstock", {}, FastTransport),
        ("localhost:8001", {"transport": "grpcio"}, GrpcioTransport),
        ("localhost:8001", {"options": [("grpc.max_send_message_length", 1000)]}, GrpcioTransport),
        ("ipv4:127.0.0.1:1,127.0.0.1:2", {}, GrpcioTransport),
        ("localhost:8001", {"tls": True}, FastTransport),
    ],
)
def test_the_fast_transport_is_taken_where_nothing_forbids_it(
    target: str, chosen: dict[str, Any], kind: type
) -> None:
    with Client(target, **chosen) as client:
        assert isinstance(client._hot, kind)


@pytest.mark.parametrize(
    ("target", "chosen", "sentence"),
    [
        ("localhost:8001", {"transport": "quick"}, "found transport='quick', allowed"),
        ("localhost:8001", {"transport": "fast", "options": [("a", 1)]}, "options are given"),
        ("xds:///fraud", {"transport": "fast"}, "'xds:///fraud' is no host:port"),
        ("localhost:8001", {"tls": Tls(b"no certificate")}, "root_certificates: there is no certificate"),
    ],
)
def test_a_transport_that_cannot_be_had_is_said(target: str, chosen: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Client(target, **chosen)


def test_a_client_of_the_fast_transport_starts_none_of_grpcs_threads() -> None:
    program = """
import sys
from pathlib import Path
import numpy as np
from penstock import CallError, Client
try:
    with Client("127.0.0.1:1", timeout_s=5.0) as client:
        client.infer("m", {"x": np.zeros(1)})
except CallError as error:
    print(error.code)
print(sorted({(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()}))
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    code, threads = told.stdout.splitlines()
    assert code == "UNAVAILABLE"
    assert "grpc" not in threads.lower()
    assert "event_engine" not in threads
    assert "resolver" not in threads


@BOTH
def test_a_closed_client_takes_no_calls(transport: Transport) -> None:
    with serving(echo) as address:
        client = Client(address, transport=transport)
        assert client.infer("m", INPUTS, request_id="r-1").id == "r-1"
        client.close()
        with pytest.raises(CallError) as refused:
            client.infer("m", INPUTS)
        assert refused.value.code == "CANCELLED"
        with pytest.raises(CallError):
            client.infer_many("m", [INPUTS])
        with pytest.raises(CallError):
            client.server_live()
        client.close()


@BOTH
async def test_a_closed_async_client_takes_no_calls(transport: Transport) -> None:
    with serving(echo) as address:
        client = AsyncClient(address, transport=transport)
        assert (await client.infer("m", INPUTS, request_id="r-1")).id == "r-1"
        await client.close()
        with pytest.raises(CallError) as refused:
            await client.infer("m", INPUTS)
        assert refused.value.code == "CANCELLED"
        await client.close()


@BOTH
def test_to_close_a_client_ends_the_calls_under_way(transport: Transport) -> None:
    silent = Silent()
    with serving(silent) as address, ThreadPoolExecutor(1) as pool:
        client = Client(address, timeout_s=PATIENCE_S, transport=transport)
        call = pool.submit(client.infer, "m", INPUTS)
        assert silent.came.wait(PATIENCE_S)
        client.close()
        assert isinstance(call.exception(PATIENCE_S), CallError)


@BOTH
async def test_a_cancelled_task_cancels_its_call_at_the_server(transport: Transport) -> None:
    silent = Silent()
    with serving(silent) as address:
        async with AsyncClient(address, timeout_s=PATIENCE_S, transport=transport) as client:
            task = asyncio.create_task(client.infer("m", INPUTS))
            assert await asyncio.to_thread(silent.came.wait, PATIENCE_S)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(silent.gone.wait, PATIENCE_S)


@BOTH
async def test_to_close_an_async_client_cancels_the_calls_under_way(transport: Transport) -> None:
    silent = Silent()
    with serving(silent) as address:
        client = AsyncClient(address, timeout_s=PATIENCE_S, transport=transport)
        task = asyncio.create_task(client.infer("m", INPUTS))
        assert await asyncio.to_thread(silent.came.wait, PATIENCE_S)
        await client.close()
        with pytest.raises(asyncio.CancelledError):
            await task


@BOTH
def test_a_call_ends_with_its_deadline(transport: Transport) -> None:
    silent = Silent()
    with serving(silent) as address, Client(address, timeout_s=0.2, transport=transport) as client:
        with pytest.raises(CallError) as late:
            client.infer("m", INPUTS)
        assert late.value.code == "DEADLINE_EXCEEDED"
        assert silent.gone.wait(PATIENCE_S)


@BOTH
def test_a_message_over_the_limit_is_resource_exhausted(transport: Transport) -> None:
    with serving(echo) as address, Client(address, transport=transport) as client:
        with pytest.raises(CallError) as refused:
            client.infer("m", {"x": np.zeros(65 << 20, np.uint8)})
        assert refused.value.code == "RESOURCE_EXHAUSTED"
        assert client.infer("m", INPUTS, request_id="next").id == "next"


@BOTH
def test_many_calls_come_back_in_order_and_one_failure_ends_them_unless_it_is_kept(
    transport: Transport,
) -> None:
    def handler(request: bytes, context: grpc.ServicerContext) -> bytes:
        number = np.frombuffer(
            inference_pb2.ModelInferRequest.FromString(request).raw_input_contents[0], "<i8"
        )
        if number[0] == 70:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not 70")
        return inference_pb2.ModelInferResponse(id=str(number[0])).SerializeToString()

    requests = [{"x": np.array([number])} for number in range(200)]
    with serving(handler) as address, Client(address, transport=transport) as client:
        answers = client.infer_many("m", requests, return_exceptions=True, in_flight=16)
        told = [answer.code if isinstance(answer, CallError) else answer.id for answer in answers]
        assert told == [str(number) if number != 70 else "INVALID_ARGUMENT" for number in range(200)]
        with pytest.raises(CallError, match="not 70"):
            client.infer_many("m", requests)
        assert [answer.id for answer in client.infer_many("m", iter(requests[:3]))] == ["0", "1", "2"]
        with pytest.raises(ValueError, match="in_flight is 0"):
            client.infer_many("m", requests, in_flight=0)


@BOTH
async def test_many_tasks_get_their_own_answers(transport: Transport) -> None:
    with serving(echo) as address:
        async with AsyncClient(address, transport=transport) as client:
            asked = [client.infer("m", INPUTS, request_id=str(number)) for number in range(300)]
            assert [answer.id for answer in await asyncio.gather(*asked)] == [str(i) for i in range(300)]


def test_an_async_client_of_the_fast_transport_may_move_to_another_loop() -> None:
    with serving(echo) as address:
        client = AsyncClient(address)

        async def ask(name: str) -> str:
            return (await client.infer("m", INPUTS, request_id=name)).id

        assert [asyncio.run(ask(name)) for name in ("a", "b")] == ["a", "b"]
        asyncio.run(client.close())


def test_a_fork_is_told_to_make_its_own_client() -> None:
    program = """
import os, sys
import numpy as np
from penstock import CallError, Client
client = Client(sys.argv[1], timeout_s=30.0)
assert client.infer("m", {"x": np.zeros(1)}, request_id="a").id == "a"
child = os.fork()
if child == 0:
    try:
        client.infer("m", {"x": np.zeros(1)})
    except CallError as error:
        os._exit(0 if error.code == "FAILED_PRECONDITION" else 1)
    os._exit(2)
assert os.waitpid(child, 0)[1] == 0
assert client.infer("m", {"x": np.zeros(1)}, request_id="b").id == "b"
"""
    with serving(echo) as address:
        subprocess.run([sys.executable, "-c", program, address], check=True, timeout=PATIENCE_S)


@dataclass(frozen=True)
class Certificate:
    """In PEM, made for these tests: a key, its certificate for localhost, and the authority that signed it."""

    key: bytes
    chain: bytes
    authority: bytes


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder: Path = tmp_path_factory.mktemp("certificate")

    def openssl(name: str, *arguments: str) -> None:
        new = [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ]
        files = ("-keyout", f"{name}.key", "-out", f"{name}.pem")
        subprocess.run(["openssl", *new, *files, *arguments], check=True, capture_output=True, cwd=folder)

    openssl("authority", "-subj", "/CN=authority")
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    signed = ("-addext", "basicConstraints=CA:FALSE", "-CA", "authority.pem", "-CAkey", "authority.key")
    openssl("localhost", *names, *signed)
    read = (folder / name for name in ("localhost.key", "localhost.pem", "authority.pem"))
    return Certificate(*(file.read_bytes() for file in read))


@BOTH
def test_a_server_is_known_by_its_certificate(transport: Transport, certificate: Certificate) -> None:
    credentials = grpc.ssl_server_credentials([(certificate.key, certificate.chain)])
    with serving(echo, credentials) as address:
        with Client(address, tls=Tls(certificate.authority), transport=transport) as client:
            assert client.infer("m", INPUTS, request_id="r-1").id == "r-1"
        for stranger in (True, False):
            with (
                Client(address, tls=stranger, timeout_s=3.0, transport=transport) as client,
                pytest.raises(CallError) as refused,
            ):
                client.infer("m", INPUTS)
            assert refused.value.code == "UNAVAILABLE"


@BOTH
def test_a_client_shows_its_certificate_where_the_server_asks(
    transport: Transport, certificate: Certificate
) -> None:
    pair, authority = (certificate.key, certificate.chain), certificate.authority
    credentials = grpc.ssl_server_credentials([pair], authority, require_client_auth=True)
    with serving(echo, credentials) as address:
        with Client(address, tls=Tls(authority, *pair), transport=transport) as client:
            assert client.infer("m", INPUTS, request_id="r-1").id == "r-1"
        with (
            Client(address, tls=Tls(authority), timeout_s=10.0, transport=transport) as client,
            pytest.raises(CallError) as refused,
        ):
            client.infer("m", INPUTS)
        assert refused.value.code == "UNAVAILABLE"
