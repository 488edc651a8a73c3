"""Options of command lines and files come to the same, and what is not supported is refused by name."""

import argparse
import json
from pathlib import Path

import pytest

from penstock.commands import bench
from penstock.errors import ConfigError
from penstock.load import durations
from penstock.load.options import ENDLESS, FIELDS, Options
from penstock.load.report import reported_total

CALL = ("--call", "a.B/C", "localhost:1")


def asked(*arguments: str) -> Options:
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    return bench.asked(parser.parse_args([*arguments]))


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("0", 0),
        ("20s", 20 * 10**9),
        ("1h15m30.5s", 4530_500_000_000),
        ("1.5ms", 1_500_000),
        ("300us", 300_000),
    ],
)
def test_durations_are_read_as_go_reads_them(text: str, ns: int) -> None:
    assert durations.parse(text) == ns


@pytest.mark.parametrize("text", ["", "20", "s", "1 s", "-3s", "1d", "3sx"])
def test_what_go_does_not_read_as_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        durations.parse(text)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (5, "5ns"),
        (1_500, "1.5µs"),
        (2_000_000, "2ms"),
        (20 * 10**9, "20s"),
        (5400 * 10**9, "1h30m0s"),
    ],
)
def test_durations_are_written_as_go_writes_them(ns: int, text: str) -> None:
    assert durations.text_of(ns) == text


def test_the_defaults_are_those_of_ghz() -> None:
    options = asked(*CALL)
    assert (options.total, options.concurrency, options.connections) == (200, 50, 1)
    assert (options.timeout, options.connect_timeout, options.format) == (20 * 10**9, 10 * 10**9, "summary")


def test_short_and_long_names_are_the_same() -> None:
    short = asked(
        "-n", "9", "-c", "3", "-z", "2s", "-r", "5", "-t", "1s", "-d", '{"a":1}', "-m", '{"k":"v"}', *CALL
    )
    long = asked(
        *("--total=9", "--concurrency=3", "--duration=2s", "--rps=5", "--timeout=1s"),
        *('--data={"a":1}', '--metadata={"k":"v"}', *CALL),
    )
    assert short == long


VALUES = {
    "call": "a.B.C",
    "host": "localhost:1",
    "total": 77,
    "concurrency": 9,
    "connections": 3,
    "insecure": True,
    "load-schedule": "step",
    "load-start": 5,
    "load-step": -2,
    "load-end": 1,
    "load-step-duration": "2s",
    "max-duration": "1m",
    "data": {"name": "{{.RequestNumber}}"},
    "metadata": {"token": "x"},
    "tags": {"env": "test"},
    "import-paths": ["a", "b"],
    "skipFirst": 4,
}
TOML = """
call = "a.B.C"
host = "localhost:1"
total = 77
concurrency = 9
connections = 3
insecure = true
load-schedule = "step"
load-start = 5
load-step = -2
load-end = 1
load-step-duration = "2s"
max-duration = "1m"
import-paths = ["a", "b"]
skipFirst = 4
[data]
name = "{{.RequestNumber}}"
[metadata]
token = "x"
[tags]
env = "test"
"""


def test_json_and_toml_files_and_the_command_line_come_to_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(VALUES))
    (tmp_path / "a.toml").write_text(TOML)
    of_json, of_toml = (asked("--config", str(tmp_path / name)) for name in ("a.json", "a.toml"))
    flags = []
    for name, value in VALUES.items():
        if value is True:
            flags.append(f"--{name}")
        elif name != "host":
            text = ",".join(value) if isinstance(value, list) else value
            flags.append(f"--{name}={text if isinstance(text, str | int) else json.dumps(text)}")
    # ghz itself has another default of these in a file.
    flags += ["--concurrency-start=1", "--concurrency-step=0"]
    assert of_json == of_toml == asked(*flags, "localhost:1")


def test_what_the_command_line_says_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(VALUES))
    options = asked("--config", str(tmp_path / "a.json"), "-n", "5", "other:2")
    assert (options.total, options.host, options.concurrency) == (5, "other:2", 9)


def test_a_key_that_is_not_known_is_named_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"conections": 3}))
    with pytest.raises(
        ConfigError, match=r"a\.json: conections is not supported \(did you mean connections\?\)"
    ):
        asked("--config", str(tmp_path / "a.json"), *CALL)


@pytest.mark.parametrize(
    "content", ["[1]", "{", '{"data": []}', '{"data": [1]}', '{"total": "x"}', '{"rps": -1}']
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(ConfigError, match=r"a\.json"):
        asked("--config", str(tmp_path / "a.json"), *CALL)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--lb-strategy=round_robin"], "--lb-strategy is not supported"),
        (["--debug=x.log"], "--debug is not supported"),
        (["--connections=51"], "--connections"),
        (["--load-schedule=step"], "--load-start"),
        (["--load-schedule=step", "--load-start=5"], "--load-step"),
        (["--load-schedule=step", "--load-start=5", "--load-step=1"], "--load-step-duration"),
        (["--concurrency-schedule=line", "--concurrency-end=5"], "--concurrency-start"),
        (["--skipFirst=201"], "--skipFirst"),
        (["--load-schedule=trace"], "--load-trace go together"),
        (["--load-trace=x"], "--load-trace go together"),
        (["--load-trace-speed=0"], "--load-trace-speed"),
        (["--expect=x", "--expect-every=0"], "--expect-every"),
        (["--expect-tolerance=1"], "--expect-tolerance"),
        (["--async"], "--async"),
        (["--total=0"], "--total"),
        (["--cert=x"], "--key"),
        (["--format=xml"], "--format"),
        (["--rps=1.5"], "--rps"),
        (["--timeout=5"], "--timeout"),
        (["--data={"], "--data"),
        (["--metadata=[]"], "--metadata"),
    ],
)
def test_what_cannot_be_had_is_refused_by_name(flags: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        asked(*flags, *CALL)


@pytest.mark.parametrize(("flags", "missing"), [(["localhost:1"], "--call"), (["--call=a.B/C"], "HOST")])
def test_a_call_and_a_host_are_needed(flags: list[str], missing: str) -> None:
    with pytest.raises(ConfigError, match=missing):
        asked(*flags)


def test_a_duration_makes_the_total_endless_as_in_ghz() -> None:
    assert reported_total(asked("-z", "1s", *CALL)) == ENDLESS
    assert reported_total(asked(*CALL)) == 200


def test_every_option_stands_in_the_document() -> None:
    document = (Path(__file__).parents[2] / "docs" / "bench.md").read_text()
    assert [name for name in FIELDS if name != "host" and f"`--{name}`" not in document] == []
