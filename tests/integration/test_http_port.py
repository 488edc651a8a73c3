"""The HTTP port in operation: deadlines, callers who go, a full queue, models that raise, the drain, its settings."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from tests import models, rest
from tests.contract.conftest import DOORS
from tests.gate import Gate
from tests.integration.calls import in_flight
from tests.integration.conftest import QUEUE_ROWS
from tests.integration.test_start import refused_start
from tests.server_process import ServerProcess
from tests.waiting import wait_for


def numbers(*rows: float, **fields: Any) -> dict[str, Any]:
    """A FP32 `x` of one value a row."""
    return {"inputs": [{"name": "x", "datatype": "FP32", "shape": [len(rows)], "data": list(rows)}], **fields}


def begin(server: ServerProcess, row: float = 1.0) -> Any:
    """A request to `gated` whose answer is not waited for."""
    connection = rest.connect(server)
    connection.request("POST", "/v2/models/gated/infer", json.dumps(numbers(row)))
    return connection


@pytest.mark.parametrize(
    ("headers", "fields"),
    [({"grpc-timeout": "50m"}, {}), ({}, {"parameters": {"timeout": 50_000}})],
    ids=["header", "parameter"],
)
def test_a_deadline_that_passes_is_504(
    server: ServerProcess, gate: Gate, headers: dict[str, str], fields: Any
) -> None:
    with gate.closed():
        refused = rest.infer(server, "gated", numbers(1.0, **fields), headers)
        assert (refused.status, refused.document["code"]) == (504, "DEADLINE_EXCEEDED")
    assert rest.infer(server, "gated", numbers(1.0)).document["outputs"][0]["data"] == [1.0]


def test_a_caller_who_goes_cancels_its_call(server: ServerProcess, gate: Gate) -> None:
    with gate.closed():
        connections = [begin(server) for _ in range(3)]
        wait_for(lambda: in_flight(server) == 3)
        for connection in connections:
            connection.close()
        wait_for(lambda: in_flight(server) == 0)
    assert server.metrics().total("penstock_cancelled_requests_total", model="gated") == 3
    assert rest.infer(server, "gated", numbers(1.0)).status == 200


def test_a_full_queue_is_503_with_a_time_to_come_again(server: ServerProcess, gate: Gate) -> None:
    with gate.closed():
        running = begin(server)
        wait_for(lambda: in_flight(server) == 1)
        wait_for(lambda: server.metrics().total("penstock_queue_rows", model="gated") == 0)
        waiting = [begin(server) for _ in range(QUEUE_ROWS)]
        wait_for(lambda: in_flight(server) == 1 + QUEUE_ROWS)
        refused = rest.infer(server, "gated", numbers(1.0))
        assert (refused.status, refused.document["code"]) == (503, "UNAVAILABLE")
        assert int(refused.headers["retry-after"]) >= 1
    for connection in (running, *waiting):
        assert rest.read(connection).status == 200
        connection.close()


def test_a_model_that_raises_is_500_with_an_error_id_and_nothing_else(server: ServerProcess) -> None:
    refused = rest.infer(server, "raises", numbers(-1.0))
    assert (refused.status, refused.document["code"]) == (500, "INTERNAL")
    assert "Traceback" not in refused.error
    assert rest.infer(server, "raises", numbers(2.0)).document["outputs"][0]["data"] == [2.0]


@pytest.mark.parametrize("door", DOORS)
def test_the_drain_answers_what_was_accepted_and_closes_connections(
    repo: Path, gate: Gate, door: str
) -> None:
    models.write_gated(repo, gate)
    with ServerProcess(repo, "--door", door) as server:
        idle = rest.connect(server)
        idle.request("GET", "/v2/health/ready")
        assert rest.read(idle).status == 200
        with gate.closed():
            calls = [begin(server, float(number)) for number in range(4)]
            wait_for(lambda: in_flight(server) == 4)
            server.terminate()
            # Closed once the engine refuses calls.
            assert idle.sock.recv(1) == b""
            refused = rest.infer(server, "gated", numbers(1.0))
            assert (refused.status, refused.error) == (503, "The server is shutting down; try another one.")
            assert refused.headers["connection"] == "close"
            assert "retry-after" in refused.headers
        for number, connection in enumerate(calls):
            answer = rest.read(connection)
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert answer.document["outputs"][0]["data"] == [float(number)]
            connection.close()
        idle.close()
        assert server.exit_code() == 0
        assert server.wait_for("stopped")["forced"] is False
        assert server.other_lines == []


def test_until_the_drain_delay_is_over_the_server_is_not_ready_and_calls_still_come(two_models: Path) -> None:
    with ServerProcess(two_models, "--drain-delay-s", "3600") as server:
        kept = rest.connect(server)
        for status in (200, 503):
            kept.request("GET", "/v2/health/ready")
            told = rest.read(kept)
            assert (told.status, told.document) == (status, {"ready": status == 200})
            if status == 200:
                server.terminate()
        assert rest.ask(server, "GET", "/v2/health/live").status == 200
        assert rest.infer(server, "raises", numbers(2.0)).status == 200
        kept.close()


def test_a_model_that_failed_to_load_is_503_and_others_answer(repo: Path) -> None:
    models.write_mlp(repo)
    (models.write_echo(repo, name="broken") / "1" / "model.pt").write_bytes(b"not a zip file")
    with ServerProcess(repo) as server:
        assert rest.ask(server, "GET", "/v2/health/ready").status == 503
        ready = rest.ask(server, "GET", "/v2/models/broken/ready")
        assert (ready.status, ready.document) == (503, {"name": "broken", "ready": False})
        assert rest.ask(server, "GET", "/v2/models/mlp/ready").status == 200
        for refused in (
            rest.infer(server, "broken", numbers(1.0)),
            rest.ask(server, "GET", "/v2/models/broken"),
        ):
            assert (refused.status, refused.headers["retry-after"]) == (503, "1")


def test_without_the_port_nothing_listens_and_the_log_names_none(two_models: Path) -> None:
    with ServerProcess(two_models, "--http-port", "-1") as server:
        assert "http_port" not in server.serving
        assert "penstock_http" not in server.http("/metrics")[1]


def test_an_http_port_in_use_is_named(standing_server: ServerProcess, two_models: Path) -> None:
    port = str(standing_server.serving["http_port"])
    sentence = refused_start("serve", two_models, "--port", "0", "--http-port", port, "--metrics-port", "0")
    assert f"127.0.0.1:{port}: cannot be listened on: Address already in use" in sentence


def test_connections_beyond_the_limit_wait(two_models: Path) -> None:
    with ServerProcess(two_models, "--max-connections", "1") as server:
        first = rest.connect(server)
        first.request("GET", "/v2")
        assert rest.read(first).status == 200
        second = rest.connect(server)
        second.request("GET", "/v2")
        second.sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            second.sock.recv(1)
        first.close()
        second.sock.settimeout(rest.TIMEOUT_S)
        assert rest.read(second).status == 200
        second.close()


def test_a_connection_of_age_ends_with_its_next_answer(two_models: Path) -> None:
    with ServerProcess(two_models, "--max-connection-age-s", "1") as server:
        connection = rest.connect(server)
        until = time.monotonic() + rest.TIMEOUT_S
        told = ""
        while told != "close" and time.monotonic() < until:
            connection.request("GET", "/v2")
            told = rest.read(connection).headers.get("connection", "")
            time.sleep(0.05)
        assert told == "close"
        connection.close()


@pytest.mark.slow
def test_slow_senders_lose_their_connection_and_others_do_not_notice(standing_server: ServerProcess) -> None:
    host, port = standing_server.http_address.split(":")
    silent = socket.create_connection((host, int(port)), timeout=rest.TIMEOUT_S)
    dripping = socket.create_connection((host, int(port)), timeout=rest.TIMEOUT_S)
    dripping.sendall(b"POST /v2/models/mlp/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    assert rest.ask(standing_server, "GET", "/v2").status == 200
    with silent, dripping:
        assert silent.recv(1) == b""
        assert dripping.recv(1000).startswith(b"HTTP/1.1 408 ")
    assert rest.ask(standing_server, "GET", "/v2").status == 200
