"""`penstock bench` beside ghz itself: on the same configurations and server, reports of one form and like figures."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import json_format

from tests.contract import repository
from tests.contract.tensors import raw_request
from tests.programs import program
from tests.server_process import ServerProcess, environment

INFER = "inference.GRPCInferenceService.ModelInfer"
STREAM = "inference.GRPCInferenceService.ModelStreamInfer"
PROTO = Path(__file__).parents[2] / "proto"
# Of calls a second that were asked for. Both share the machine with whatever else runs on it.
TOLERANCE = 0.2


def request(model: str = "pair", name: str = "conformance") -> dict[str, Any]:
    message = raw_request(model, ("x", "FP32", np.ones((1, 4))), id=name)
    return dict(json_format.MessageToDict(message))


GOOD = json.dumps(request())
ARRAY = json.dumps([request(name="{{.RequestNumber}}"), request(name="{{.UUID}}")])
FLAGS = {
    "plain": ["-n", "300", "-c", "8", "--connections", "2", "-d", GOOD],
    "all of them failed": ["-n", "50", "-c", "5", "-d", json.dumps(request("nobody"))],
    "failures that count": ["-n", "50", "-c", "5", "--count-errors", "-d", json.dumps(request("nobody"))],
    "templates, metadata and tags": [
        *("-n", "100", "-c", "4", "-d", ARRAY, "-m", '{"trace": "{{.RequestNumber}}", "x-bin": "abc"}'),
        *("--tags", '{"env": "test"}', "--name", "a name, with = in it"),
    ],
    "a rate": ["-n", "200", "-r", "200", "-c", "10", "-d", GOOD],
    "a rate without a bound": ["-n", "100", "-r", "200", "-c", "10", "--async", "-d", GOOD],
    "a duration": ["-z", "1s", "-r", "100", "--duration-stop", "wait", "-c", "5", "-d", GOOD],
    "skipped": ["-n", "100", "-c", "5", "--skipFirst", "30", "-d", GOOD],
    "compressed": ["-n", "20", "-c", "2", "-e", "-d", GOOD],
    "by .proto": [
        *("--proto", str(PROTO / "inference" / "open_inference.proto"), "-i", str(PROTO)),
        *("-n", "20", "-c", "2", "-d", GOOD),
    ],
    "a step": [
        *("-n", "150", "-c", "10", "--load-schedule", "step", "--load-start", "50", "--load-end", "150"),
        *("--load-step", "50", "--load-step-duration", "500ms", "-d", GOOD),
    ],
    "a line": [
        *("-n", "100", "-c", "10", "--load-schedule", "line", "--load-start", "100", "--load-step", "20"),
        *("--load-max-duration", "5s", "-d", GOOD),
    ],
    "workers in steps": [
        *("-z", "1s", "-r", "100", "--duration-stop", "wait", "--concurrency-schedule", "step", "-d", GOOD),
        *("--concurrency-start", "1", "--concurrency-end", "4", "--concurrency-step", "1"),
        *("--concurrency-step-duration", "200ms"),
    ],
}
RATED = {"a rate": 200, "a rate without a bound": 200, "a duration": 100, "workers in steps": 100}
# What a duration bounds is one call more or less.
BY_TIME = {"a duration", "workers in steps"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with models of every kind."""
    with ServerProcess(repository.write(tmp_path_factory.mktemp("models"))) as process:
        yield process


def both(server: ServerProcess, *flags: str, call: str = INFER) -> tuple[str, str]:
    """What ghz prints, and what penstock bench prints."""
    common = [*flags, f"--call={call}", "--insecure", server.address]
    return run([program("ghz"), *common]), run([sys.executable, "-m", "penstock", "bench", *common])


def run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment())
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def shape(value: Any) -> Any:
    """Keys and types, all the way down; a list's by what its elements have together."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        shapes = {json.dumps(shape(each), sort_keys=True) for each in value}
        return sorted(shapes)
    return (
        "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
    )


@pytest.mark.parametrize("case", FLAGS)
def test_a_report_in_json_is_ghzs_key_by_key_and_its_figures_agree(server: ServerProcess, case: str) -> None:
    theirs, ours = (json.loads(text) for text in both(server, "-O", "json", *FLAGS[case]))
    assert ours["options"] == theirs["options"]
    # Its keys are statuses and messages: compared as figures.
    counted = {"statusCodeDistribution", "errorDistribution"}
    plain = [{key: each[key] for key in each.keys() - counted} for each in (theirs, ours)]
    assert shape(plain[1]) == shape(plain[0])
    assert ours["endReason"] == theirs["endReason"]
    if case not in BY_TIME:
        for key in ("count", "statusCodeDistribution", "errorDistribution"):
            assert ours[key] == theirs[key], key
        assert len(ours["details"]) == len(theirs["details"])
    if case in RATED:
        for report in (theirs, ours):
            assert abs(report["rps"] / RATED[case] - 1) < TOLERANCE, report["rps"]


def test_the_figures_of_a_report_agree_with_each_other(server: ServerProcess) -> None:
    report = json.loads(both(server, "-O", "pretty", *FLAGS["plain"])[1])
    latencies = [detail["latency"] for detail in report["details"]]
    assert len(latencies) == report["count"] == sum(bucket["count"] for bucket in report["histogram"])
    assert (min(latencies), max(latencies)) == (report["fastest"], report["slowest"])
    assert report["average"] == pytest.approx(np.mean(latencies), abs=1)
    assert sum(bucket["frequency"] for bucket in report["histogram"]) == pytest.approx(1)
    for entry in report["latencyDistribution"]:
        exact = np.percentile(latencies, entry["percentage"], method="inverted_cdf")
        assert entry["latency"] == pytest.approx(exact, rel=0.002)


@pytest.mark.parametrize("count", [0, 5])
def test_streams_are_counted_as_ghz_counts_them(server: ServerProcess, count: int) -> None:
    data = json.dumps([request(name="one"), request(name="two")])
    flags = [
        "-n",
        "60",
        "-c",
        "6",
        "--connections",
        "2",
        f"--stream-call-count={count}",
        "-d",
        data,
        "-O",
        "json",
    ]
    theirs, ours = (json.loads(text) for text in both(server, *flags, call=STREAM))
    for key in ("options", "count", "statusCodeDistribution", "errorDistribution", "endReason"):
        assert ours[key] == theirs[key], key


@pytest.mark.parametrize("form", ["json", "toml"])
def test_a_configuration_file_asks_both_for_the_same(
    server: ServerProcess, tmp_path: Path, form: str
) -> None:
    values = {
        "call": INFER,
        "insecure": True,
        "total": 60,
        "concurrency": 6,
        "connections": 3,
        "timeout": "5s",
    }
    path = tmp_path / f"ghz.{form}"
    if form == "json":
        path.write_text(json.dumps(values | {"host": server.address, "data": request(), "tags": {"a": "b"}}))
    else:
        lines = [f"{key} = {json.dumps(value)}" for key, value in (values | {"host": server.address}).items()]
        data = request()
        lines += [
            "[data]",
            *(f"{key} = {json.dumps(data[key])}" for key in ("modelName", "id", "rawInputContents")),
        ]
        lines += [
            "[[data.inputs]]",
            *(f"{key} = {json.dumps(each)}" for key, each in data["inputs"][0].items()),
        ]
        path.write_text("\n".join(lines) + "\n")
    flags = ["--config", str(path), "-O", "json"]
    theirs = json.loads(run([program("ghz"), *flags]))
    ours = json.loads(run([sys.executable, "-m", "penstock", "bench", *flags]))
    for key in ("options", "count", "statusCodeDistribution"):
        assert ours[key] == theirs[key]


@pytest.mark.parametrize("case", ["plain", "all of them failed", "templates, metadata and tags"])
@pytest.mark.parametrize("form", ["summary", "csv", "influx-summary", "influx-details"])
def test_a_report_in_text_is_ghzs_but_for_its_numbers(server: ServerProcess, form: str, case: str) -> None:
    theirs, ours = (masked(text, form) for text in both(server, "-O", form, *FLAGS[case]))
    assert ours == theirs


def masked(text: str, form: str) -> list[str]:
    """The lines with measured numbers, their units and bars taken out; equal lines once."""
    if form == "influx-details":
        text = re.sub(r"(?m) \d+$", " TIME", text)
    if form == "influx-summary":
        text = re.sub(r" \d+$", " TIME", text)
    text = re.sub(r"(total|average|fastest|slowest|rps|median|p95|latency)=[\d.]+", r"\1=N", text)
    # Such as `Total:\t1.20 ms`, `10 % in 0.31 ms`, `0.345 [12]\t|∎∎`, and a line of the CSV.
    text = re.sub(r"(:\t| in )[\d.]+( m?s)?", r"\1N", text)
    text = re.sub(r"(?m)^  [\d.]+ \[\d+\]\t\|∎*", "  BUCKET", text)
    text = re.sub(r"(?m)^[\d.]+,(\w)", r"N,\1", text)
    lines = text.split("\n")
    return lines if form in ("summary", "influx-summary") else sorted(set(lines))


def test_a_page_has_every_call_in_it(server: ServerProcess, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    common = [
        "-O",
        "html",
        "-o",
        str(path),
        "-n",
        "40",
        "-c",
        "2",
        "-d",
        GOOD,
        f"--call={INFER}",
        "--insecure",
    ]
    assert run([sys.executable, "-m", "penstock", "bench", *common, server.address]) == ""
    (calls,) = re.findall(r"const rawData = (\[.*?\]);", path.read_text())
    assert len(json.loads(calls)) == 40
