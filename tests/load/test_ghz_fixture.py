"""The fixture `ghz` of penstock.testing, before a server of grpcio's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2_grpc

from penstock.errors import ConfigError
from penstock.testing import Ghz
from tests.load.methods import files

CHECK = "grpc.health.v1.Health/Check"
SUITE = """
import pytest

@pytest.fixture(scope="session")
def ghz_defaults():
    return {"host": HOST, "insecure": True, "protoset": PROTOSET}

def test_the_server_holds_its_rate(ghz):
    report = ghz(call="grpc.health.v1.Health/Check", data={"service": ""}, rps=400, total=200, concurrency=4)
    assert report.is_all_ok
    assert report["count"] == 200
    assert report["rps"] < 450
"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool)
        health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(None).wait()


@pytest.fixture
def protoset(tmp_path: Path) -> str:
    file = tmp_path / "health.protoset"
    file.write_bytes(files().SerializeToString())
    return str(file)


@pytest.fixture
def ghz(address: str, protoset: str, tmp_path: Path) -> Ghz:
    return Ghz(tmp_path, {"host": address, "insecure": True, "protoset": protoset, "call": CHECK})


def test_options_are_ghzs_and_the_report_has_ghzs_names(ghz: Ghz) -> None:
    report = ghz(data={"service": ""}, concurrency=4, connections=2, total=300, tags={"of": "a test"})
    assert report.is_all_ok
    assert report["statusCodeDistribution"] == {"OK": 300}
    assert report["tags"] == {"of": "a test"}
    assert report["details"] is None
    assert 0 < report["fastest"] <= report.latency_ns(0.5) * 1.001 <= report["slowest"] * 1.002
    # SERVING takes two bytes.
    assert report.answer_bytes == 300 * 2


def test_calls_that_fail_are_in_the_report(ghz: Ghz) -> None:
    report = ghz(data={"service": "unknown"}, total=50, details=True)
    assert not report.is_all_ok
    assert report["statusCodeDistribution"] == {"NotFound": 50}
    assert {call["status"] for call in report["details"]} == {"NotFound"}
    assert "NotFound" in repr(report)
    assert ghz(data={"service": ""}, total=50).is_all_ok


def test_a_message_may_come_as_bytes_and_options_with_a_trailing_underscore(ghz: Ghz) -> None:
    report = ghz(binary=b"", rps=400, total=20, async_=True, duration_stop="wait")
    assert report.is_all_ok
    assert report["options"]["async"] is True


def test_a_trace_is_replayed_whole(ghz: Ghz, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.write_text("".join(f"{n / 1000}\n" for n in range(250)))
    options = {"load_schedule": "trace", "load_trace": str(trace), "data": {}}
    assert ghz(**options)["count"] == 250
    assert ghz(**options, total=20)["count"] == 20


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"concurency": 4}, "ghz: concurency is not supported: did you mean concurrency?"),
        ({"output": "file"}, "ghz: output is not supported: the report is what the call gives"),
        ({"total": "many"}, "ghz: total: found 'many', allowed: a whole number"),
        ({"total": 0}, "--total: found 0, allowed: 1 call at least"),
    ],
)
def test_an_option_that_cannot_be_had_is_named(ghz: Ghz, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence.replace("?", r"\?")):
        ghz(**options)
    assert ghz(data={}, total=1).is_all_ok


def test_a_project_gets_it_by_naming_the_plugin(address: str, protoset: str, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["penstock.testing"]\n')
    suite = SUITE.replace("HOST", repr(address)).replace("PROTOSET", repr(protoset))
    (tmp_path / "test_suite.py").write_text(suite)
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
