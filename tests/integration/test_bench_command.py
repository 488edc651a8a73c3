"""`penstock bench` as a person runs it: interrupted, at a server that goes, at one that is not there."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.pb import inference_pb2 as pb
from tests import models
from tests.server_process import ServerProcess, environment, penstock
from tests.waiting import wait_for

READY = "--call=inference.GRPCInferenceService/ServerReady"


def started(server: ServerProcess, *flags: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "penstock", "bench", "--insecure", READY, *flags, server.address]
    return subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def infers(server: ServerProcess) -> tuple[str, ...]:
    """Flags for calls that the server's own statistics count."""
    contents = {"fp32Contents": [0.5] * 32}
    data = {
        "modelName": "mlp",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 32], "contents": contents}],
    }
    return ("--call=inference.GRPCInferenceService/ModelInfer", "-d", json.dumps(data))


def has_calls(server: ServerProcess) -> bool:
    answer = server.inference.ModelStatistics(pb.ModelStatisticsRequest(name="mlp"))
    return any(
        model.inference_stats.success.count + model.inference_stats.fail.count for model in answer.model_stats
    )


def test_ctrl_c_ends_a_run_with_its_report(tmp_path: Path) -> None:
    models.write_mlp(tmp_path / "models")
    with ServerProcess(tmp_path / "models") as server:
        run = started(server, *infers(server), "-z", "60s", "-r", "200", "-O", "json")
        wait_for(lambda: has_calls(server))
        run.send_signal(signal.SIGINT)
        told, complaint = run.communicate(timeout=30)
    report = json.loads(told)
    assert (run.returncode, complaint, report["endReason"]) == (0, "", "cancel")
    assert 0 < report["count"] < 60 * 200


def test_a_server_that_goes_is_counted_against_and_ends_nothing(tmp_path: Path) -> None:
    models.write_mlp(tmp_path / "models")
    with ServerProcess(tmp_path / "models") as server:
        run = started(server, *infers(server), "-z", "3s", "-r", "100", "-t", "500ms", "-O", "json")
        wait_for(lambda: has_calls(server))
        server.process.kill()
        told, complaint = run.communicate(timeout=30)
    report = json.loads(told)
    assert (run.returncode, complaint, report["endReason"]) == (0, "", "timeout")
    assert set(report["statusCodeDistribution"]) & {"Unavailable", "DeadlineExceeded"}


def test_a_server_that_is_not_there_and_a_method_that_is_not_are_told_in_a_line(
    standing_server: ServerProcess,
) -> None:
    nobody = penstock("bench", "--insecure", READY, "127.0.0.1:1")
    assert (nobody.returncode, nobody.stderr.count("\n")) == (2, 1)
    assert "127.0.0.1:1" in nobody.stderr
    unknown = penstock(
        "bench", "--insecure", "--call=inference.GRPCInferenceService/Nope", standing_server.address
    )
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "has no method Nope" in unknown.stderr


@pytest.mark.parametrize("arrivals", ["uniform", "poisson"])
def test_diagnostics_say_what_the_reports_have_no_place_for(
    standing_server: ServerProcess, arrivals: str
) -> None:
    flags = ("-n", "100", "-r", "500", "--arrivals", arrivals, "--diagnostics", "-c", "100")
    done = penstock("bench", "--insecure", READY, *flags, standing_server.address)
    told = json.loads(done.stderr)
    assert told["answer_bytes"] == 100 * len(pb.ServerReadyResponse(ready=True).SerializeToString())
    assert told["latency_us"]["p50"] <= told["latency_us"]["p99.9"]
    assert (told["due_but_not_sent"], told["generator_cpu_us_per_call"] > 0) == (0, True)
    assert re.search(r"\[OK\]\s+100 responses", done.stdout)
