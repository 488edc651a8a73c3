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


def test_answers_that_are_not_as_expected_are_counted_and_told_by_the_exit_code(
    standing_server: ServerProcess, tmp_path: Path
) -> None:
    (tmp_path / "good.json").write_text('{"ready": true}')
    (tmp_path / "bad.json").write_text("[{}, {}]")
    flags = ("--insecure", READY, "-n", "60", "-c", "3", "--expect-every", "4", standing_server.address)
    good = penstock("bench", *flags, "--expect", tmp_path / "good.json")
    assert (good.returncode, good.stderr) == (0, "")
    assert re.search(r"Compared:\t15\n  Different:\t0\n", good.stdout)
    bad = penstock("bench", *flags, "--expect", tmp_path / "bad.json", "-O", "json")
    assert bad.returncode == 1
    assert bad.stderr == (
        "penstock: 15 of 15 answers are not as expected, first call 0: ready is True, expected False\n"
    )
    check = json.loads(bad.stdout)["contentCheck"]
    assert (check["compared"], check["mismatches"]) == (15, 15)


def test_a_trace_is_replayed_call_by_call(standing_server: ServerProcess, tmp_path: Path) -> None:
    times = [0.0] * 5 + [0.4] * 3 + [0.8]
    (tmp_path / "trace.csv").write_text("n,at\n" + "".join(f"{n},{at}\n" for n, at in enumerate(times)))
    trace = ("--load-schedule", "trace", "--load-trace", tmp_path / "trace.csv", "--load-trace-column", "at")
    flags = ("--insecure", READY, *trace, "-O", "json", standing_server.address)
    whole = json.loads(penstock("bench", *flags).stdout)
    assert (whole["count"], whole["statusCodeDistribution"]) == (9, {"OK": 9})
    assert whole["total"] >= 0.8e9
    faster = json.loads(penstock("bench", *flags, "--load-trace-speed", "4", "-n", "8").stdout)
    assert faster["count"] == 8
    assert faster["total"] >= 0.1e9


def test_templates_are_fresh_in_every_call(standing_server: ServerProcess, tmp_path: Path) -> None:
    """The server gives each request's id back; to expect others is to be told it."""
    models.write_mlp(tmp_path / "models")
    contents = {"fp32Contents": [0.5] * 32}
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 32], "contents": contents}
    data = {"modelName": "mlp", "id": "{{.WorkerID}} {{.RequestNumber}} {{.UUID}}", "inputs": [tensor]}
    (tmp_path / "expected.json").write_text("{}")
    flags = (
        "-n",
        "5",
        "-c",
        "1",
        "--expect-every",
        "1",
        "--expect-ignore",
        "model_name,model_version",
        "-O",
        "json",
    )
    with ServerProcess(tmp_path / "models") as server:
        call = "--call=inference.GRPCInferenceService/ModelInfer"
        done = penstock(
            *("bench", "--insecure", call, "-d", json.dumps(data), *flags),
            *("--expect", tmp_path / "expected.json", server.address),
        )
    told = json.loads(done.stdout)["contentCheck"]["first"]
    ids = [re.search(r"id is '(\S+) (\d+) (\S+)'", line) for line in told]
    assert [(found[1], found[2]) for found in ids if found] == [("g0c0", str(number)) for number in range(5)]
    assert len({found[3] for found in ids if found}) == 5
