"""How a serving process ends: drain, deadline of the drain, streams, signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest

from penstock.pb import health_pb2, health_pb2_grpc, inference_pb2, prediction_pb2
from tests import models
from tests.contract.conftest import DOORS
from tests.gate import Gate
from tests.integration.calls import BusyCaller, health, in_flight, infer_request, values
from tests.server_process import START_S, ServerProcess, environment
from tests.waiting import wait_for


@pytest.mark.parametrize("door", DOORS)
def test_sigterm_answers_every_accepted_call_and_exits_0(repo: Path, gate: Gate, door: str) -> None:
    models.write_gated(repo, gate)
    with ServerProcess(repo, "--door", door) as server:
        with gate.closed():
            calls = [
                server.inference.ModelInfer.future(infer_request("gated", float(number)), timeout=60)
                for number in range(10)
            ]
            wait_for(lambda: in_flight(server) == 10, during=calls[0])
            server.terminate()
        assert [values(call.result()) for call in calls] == [(float(number),) for number in range(10)]
        assert server.exit_code() == 0
        assert server.wait_for("stopped")["forced"] is False
        assert server.other_lines == []


@pytest.mark.parametrize("door", DOORS)
def test_callers_who_never_pause_see_nothing_but_ok_and_unavailable_through_sigterm(
    two_models: Path, door: str
) -> None:
    with ServerProcess(two_models, "--door", door) as server, ExitStack() as stack:
        callers = [stack.enter_context(BusyCaller(server)) for _ in range(8)]
        wait_for(lambda: all(caller.codes[grpc.StatusCode.OK] > 50 for caller in callers))
        server.terminate()
        assert server.exit_code() == 0
        assert server.wait_for("stopped")["forced"] is False
        assert server.other_lines == []
        wait_for(lambda: all(caller.codes[grpc.StatusCode.UNAVAILABLE] > 0 for caller in callers))
    found = sum((caller.codes for caller in callers), Counter())
    assert set(found) == {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}, found


def test_while_draining_health_is_not_serving_and_late_calls_still_come_until_the_delay_is_over(
    two_models: Path,
) -> None:
    with ServerProcess(two_models, "--drain-delay-s", "3") as server:
        server.terminate()
        assert health(server) == health(server, "mlp") == health_pb2.HealthCheckResponse.NOT_SERVING
        assert health(server, "liveness") == health_pb2.HealthCheckResponse.SERVING
        assert not server.inference.ServerReady(inference_pb2.ServerReadyRequest(), timeout=10).ready
        assert server.http("/readyz")[0] == 503
        assert values(server.inference.ModelInfer(infer_request("raises", 2.0), timeout=10)) == (2.0,)
        assert server.exit_code() == 0
        with pytest.raises(grpc.RpcError) as caught:
            server.inference.ModelInfer(infer_request("raises", 2.0), timeout=10)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_when_the_time_to_drain_is_over_the_rest_is_unavailable(repo: Path, gate: Gate) -> None:
    models.write_gated(repo, gate)
    with ServerProcess(repo, "--drain-timeout-s", "0.1") as server, gate.closed():
        calls = [
            server.inference.ModelInfer.future(infer_request("gated", 1.0), timeout=60) for _ in range(6)
        ]
        wait_for(lambda: in_flight(server) == 6, during=calls[0])
        server.terminate()
        assert {call.code() for call in calls} == {grpc.StatusCode.UNAVAILABLE}
        assert server.exit_code() == 0
        assert server.wait_for("drain timeout")["failed"] == 6
        # The model still runs.
        assert server.wait_for("stopped")["forced"] is True


def test_an_idle_stream_and_a_health_watch_do_not_hold_up_the_end(two_models: Path) -> None:
    with ServerProcess(two_models) as server:
        watch = health_pb2_grpc.HealthStub(server.channel).Watch(health_pb2.HealthCheckRequest(), timeout=60)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        held_open = _HeldOpen()
        stream = server.prediction.PredictStream(held_open, timeout=60)
        first = next(stream)
        assert (first.error.id, first.error.code) == ("1", grpc.StatusCode.NOT_FOUND.value[0])
        server.terminate()
        assert [answer.status for answer in watch] == [health_pb2.HealthCheckResponse.NOT_SERVING]
        with pytest.raises(grpc.RpcError) as caught:
            next(stream)
        held_open.end()
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert server.exit_code() == 0
        assert server.other_lines == []


def test_sigterm_before_anything_is_served_ends_the_process_well(tmp_path: Path) -> None:
    # Nobody writes to it, so that the start goes no further than its settings.
    config = tmp_path / "settings"
    os.mkfifo(config)
    command = (sys.executable, "-m", "penstock", "serve", "--config", str(config))
    with subprocess.Popen(command, env=environment()) as process:
        wait_for(lambda: process.poll() is not None or handles(process, signal.SIGTERM))
        process.send_signal(signal.SIGTERM)
        assert process.wait(START_S) == 0


def handles(process: subprocess.Popen[bytes], number: signal.Signals) -> bool:
    """Whether a process has put a handler of its own in place for a signal."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    mask = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(mask.split()[1], 16) >> (number - 1) & 1)


def test_sigint_is_sigterm(two_models: Path) -> None:
    with ServerProcess(two_models) as server:
        server.process.send_signal(signal.SIGINT)
        assert server.exit_code() == 0
        assert server.wait_for("stopped")["forced"] is False


class _HeldOpen:
    """One request, and then a stream that stays open until `end`."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._sent = False

    def __iter__(self) -> _HeldOpen:
        return self

    def __next__(self) -> prediction_pb2.PredictRequest:
        if not self._sent:
            self._sent = True
            return prediction_pb2.PredictRequest(model_name="nothing", id="1")
        self._ended.wait()
        raise StopIteration

    def end(self) -> None:
        """Ends the stream from the caller's side."""
        self._ended.set()
