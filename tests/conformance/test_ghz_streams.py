"""Streams with intervals, ends and templates for each message, and TLS's exceptions, beside ghz itself."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.test_ghz import GOOD, INFER, PROTO, STREAM, both, request
from tests.contract import repository
from tests.programs import program
from tests.server_process import ServerProcess, environment
from tests.tls.authority import Authority

WATCH = "grpc.health.v1.Health.Watch"
TWO = json.dumps([request(name="one"), request(name="two")])
DYNAMIC = json.dumps([request(name="{{.UUID}}"), request(name="{{newUUID}} {{.RequestNumber}}")])
SAME = ("options", "count", "statusCodeDistribution", "errorDistribution", "endReason")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(repository.write(tmp_path_factory.mktemp("models"))) as process:
        yield process


def reports(server: ServerProcess, *flags: str, call: str) -> tuple[dict[str, Any], dict[str, Any]]:
    theirs, ours = (json.loads(text) for text in both(server, *flags, "-O", "json", call=call))
    return theirs, ours


@pytest.mark.parametrize(
    ("flags", "least_ms"),
    [
        # Two messages after the first, 60 ms apart.
        (["--stream-interval=60ms", "--stream-call-count=3"], 120),
        # Were it not closed before the second message, it would meet its deadline.
        (["--stream-interval=1m", "--stream-call-count=4", "--stream-call-duration=50ms"], 50),
    ],
)
def test_messages_of_a_stream_follow_each_other_at_intervals_until_time_is_up(
    server: ServerProcess, flags: list[str], least_ms: int
) -> None:
    theirs, ours = reports(server, "-n", "6", "-c", "3", "-d", TWO, *flags, call=STREAM)
    for key in SAME:
        assert ours[key] == theirs[key], key
    assert ours["statusCodeDistribution"] == {"OK": 6}
    assert min(theirs["fastest"], ours["fastest"]) >= least_ms * 1e6


def test_templates_are_filled_in_for_each_message_of_a_stream(server: ServerProcess) -> None:
    common = ["-n", "8", "-c", "4", "--stream-dynamic-messages", "--stream-call-count=2", "-d", DYNAMIC]
    theirs, ours = reports(server, *common, call=STREAM)
    for key in SAME:
        assert ours[key] == theirs[key], key


@pytest.mark.parametrize("flags", [["--stream-call-count=1"], ["--stream-call-duration=10ms", "-t", "300ms"]])
def test_a_stream_of_answers_is_cut_short_as_ghz_cuts_it(server: ServerProcess, flags: list[str]) -> None:
    # A Watch has one answer, and no second one before its timeout.
    theirs, ours = reports(server, "-n", "4", "-c", "2", *flags, call=WATCH)
    # Who tells of a deadline first, the server or the client, has words of its own.
    for key in ("options", "count", "statusCodeDistribution", "endReason"):
        assert ours[key] == theirs[key], key


@dataclass(frozen=True)
class Secured:
    """A server whose certificate is signed by nobody that is known, and not made out to localhost."""

    process: ServerProcess
    cacert: Path

    @property
    def address(self) -> str:
        return f"localhost:{self.process.serving['port']}"


NAME = "elsewhere.example"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority("of nobody")
    identity = authority.issue(dns=NAME)
    for name, pem in (("ca", authority.pem), ("chain", identity.chain), ("key", identity.key)):
        (folder / name).write_bytes(pem)
    flags = ("--tls-certificate", str(folder / "chain"), "--tls-key", str(folder / "key"))
    with ServerProcess(repository.write(folder / "models"), *flags) as process:
        yield Secured(process, folder / "ca")


def secure(tool: str, server: Secured, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [program("ghz")] if tool == "ghz" else [sys.executable, "-m", "penstock", "bench"]
    common = ["-n", "20", "-c", "2", "-d", GOOD, f"--call={INFER}", "-O", "json"]
    return subprocess.run(
        [*command, *common, *flags, server.address],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("tool", ["ghz", "penstock"])
def test_a_certificate_is_looked_at_unless_told_otherwise(secured: Secured, tool: str) -> None:
    declared = ("--proto", str(PROTO / "inference" / "open_inference.proto"), "-i", str(PROTO))
    trusted = f"--cacert={secured.cacert}"
    for flags in ([trusted], [f"--cname={NAME}"]):
        refused = secure(tool, secured, *declared, *flags, "--connect-timeout=2s")
        # ghz goes on, and has every call fail.
        assert refused.returncode != 0 or "OK" not in json.loads(refused.stdout)["statusCodeDistribution"]
    for flags in (["--skipTLS"], [trusted, f"--cname={NAME}"]):
        done = secure(tool, secured, *declared, *flags)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert report["statusCodeDistribution"] == {"OK": 20}
        assert (report["options"].get("skipTLS"), report["options"].get("cname")) == (
            (True, None) if flags == ["--skipTLS"] else (None, NAME)
        )


def test_reflection_goes_by_the_same_certificate(secured: Secured) -> None:
    for flags in (["--skipTLS"], [f"--cacert={secured.cacert}", f"--cname={NAME}"]):
        done = secure("penstock", secured, *flags)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["statusCodeDistribution"] == {"OK": 20}
