"""The servers under load: each is started by a context manager and stopped when that is left."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from bench import fraud_model, native, triton_server
from bench.doors.cases import DOORS, EMPTY, FLOOR, PLAIN, TRITON
from bench.question import Question
from penstock.config import Settings, load_settings
from penstock.doors import grpc_options
from tests.server_process import ServerProcess

_START_S = 60.0


class UnavailableError(Exception):
    """A server cannot be had here; says why."""


@dataclass(frozen=True)
class Server:
    """A server that runs. `accepts` tells whether an answer to a question is right."""

    name: str
    address: str
    pid: int
    accepts: Callable[[Question, bytes], bool] = Question.is_answered_by
    # Batches run so far, and their rows; zeros where there are none.
    batches: Callable[[], tuple[float, float]] = lambda: (0.0, 0.0)
    # Calls that are not answered yet, by the server's own count.
    in_flight: Callable[[], int] = lambda: 0


@dataclass(frozen=True)
class Place:
    """Where the servers find their models, and penstock's further flags."""

    folder: Path
    repository: Path
    fraud_file: Path
    flags: Sequence[str]


def start(name: str, place: Place) -> AbstractContextManager[Server]:
    """Any server but the floor. Raises UnavailableError."""
    if name in DOORS:
        return penstock(name, place.repository, place.flags)
    options = json.dumps(dict(grpc_options(load_settings({}))))
    if name == PLAIN:
        return _python(name, "bench.plain_server", options, str(place.fraud_file))
    if name == EMPTY:
        return _python(name, "bench.empty_server", options, accepts=lambda _, answer: answer == b"")
    return _triton(place)


def floor(answer_bytes: int) -> AbstractContextManager[Server]:
    """Answers so many zero bytes, whatever it is asked."""
    command = [str(native.program("floor")), "--answer-bytes", str(answer_bytes)]
    return _printing_its_port(FLOOR, command, lambda _, answer: answer == bytes(answer_bytes))


@contextmanager
def penstock(door: str, repository: Path, flags: Sequence[str]) -> Iterator[Server]:
    """Raises UnavailableError where this penstock has no such door."""
    if any(field.name == "door" for field in dataclasses.fields(Settings)):
        flags = ["--door", door, *flags]
    elif door != "grpcio":
        raise UnavailableError("this version of penstock has the grpcio door alone")
    with ServerProcess(repository, *flags) as server:

        def batches() -> tuple[float, float]:
            metrics = server.metrics()
            return metrics.total("penstock_batch_rows_count"), metrics.total("penstock_batch_rows_sum")

        def in_flight() -> int:
            return int(server.metrics().total("penstock_in_flight_requests"))

        yield Server(door, server.address, server.process.pid, batches=batches, in_flight=in_flight)


def _python(
    name: str,
    module: str,
    *arguments: str,
    accepts: Callable[[Question, bytes], bool] = Question.is_answered_by,
) -> AbstractContextManager[Server]:
    return _printing_its_port(name, [sys.executable, "-m", module, *arguments], accepts)


@contextmanager
def _printing_its_port(
    name: str, command: Sequence[str], accepts: Callable[[Question, bytes], bool]
) -> Iterator[Server]:
    with _process(command) as process:
        port = process.stdout.readline() if process.stdout else ""
        if not port.strip().isdigit():
            raise UnavailableError(f"{command} printed {port!r} where its port was due")
        yield Server(name, f"127.0.0.1:{int(port)}", process.pid, accepts)


@contextmanager
def _triton(place: Place) -> Iterator[Server]:
    if not triton_server.is_installed():
        raise UnavailableError("it is not set up (bench/triton_setup.sh)")
    repository = place.folder / "triton"
    triton_server.write_repository(repository, {fraud_model.NAME: place.fraud_file})
    port = triton_server.free_port()
    command, environment = triton_server.command(repository, port), triton_server.environment()
    with _process(command, environment) as process:
        address = f"127.0.0.1:{port}"
        _wait_until_ready(address, process)
        yield Server(TRITON, address, process.pid)


@contextmanager
def _process(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:  # noqa: S603 - named above
        try:
            yield process
        finally:
            # Triton ends its model processes when it is asked to end, and leaves them when it is killed.
            process.terminate()
            try:
                process.wait(_START_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_ready(address: str, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + _START_S
    with grpc.insecure_channel(address) as channel:
        while time.monotonic() < until and process.poll() is None:
            try:
                grpc.channel_ready_future(channel).result(timeout=1.0)
            except grpc.FutureTimeoutError:
                continue
            return
    raise UnavailableError("it did not start")
