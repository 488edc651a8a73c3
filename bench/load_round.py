"""One load by the fixture `ghz` on one server: what it cost the server, with answers read beside it.

Unlike h2load it reads each call's status, and takes latencies at any load; it costs about as much.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from bench.doors import closed_loop
from bench.doors.servers import Server
from bench.load import LoadError
from bench.process_cpu import tree_clock_s
from bench.question import Question, Work
from bench.sampler import Sample, Sampler, grpc_caller
from penstock.pb import inference_pb2, model_config_pb2, prediction_pb2

if TYPE_CHECKING:
    # pytest imports it as a plugin, behind the conftest that imports this.
    from penstock.testing import Ghz, GhzReport


@dataclass(frozen=True)
class Flight:
    """Calls under way: so many on each of so many connections."""

    connections: int
    calls_per_connection: int


MANY = Flight(16, 4)
CROWD = Flight(8, 32)
# Of large requests: more rows than these would be than a queue takes.
FEW = Flight(4, 2)
ALONE = Flight(1, 1)


@dataclass(frozen=True)
class Asked:
    """What a server is asked in each round; `answer_bytes` is the size of each answer."""

    server: Server
    work: Work
    flight: Flight
    answer_bytes: int


@dataclass(frozen=True)
class LoadRound:
    """What a round came to. `cpu_us`: of the server's process tree, a request; `samples`: answers read in full."""

    cpu_us: float
    requests_per_s: float
    rows_per_s: float
    p50_us: float
    p99_us: float
    requests: int
    samples: int


def ask(server: Server, work: Work, flight: Flight) -> Asked:
    """Asks the first question once, for the size of its answer. Raises WrongAnswerError."""
    return Asked(server, work, flight, closed_loop.answer_bytes(server, work))


def measure(ghz: Ghz, asked: Asked, requests: int) -> LoadRound:
    """Raises LoadError or WrongAnswerError where an answer is missing or wrong."""
    server, work = asked.server, asked.work
    samples = [_sample(server, question) for question in work.questions]
    cpu_s = tree_clock_s(server.pid)
    with Sampler(grpc_caller(server.address, work.method), samples) as sampler:
        report = run(ghz, asked, requests)
    cpu_s = tree_clock_s(server.pid) - cpu_s
    return LoadRound(
        cpu_us=cpu_s * 1e6 / (requests + sampler.asked),
        requests_per_s=report["rps"],
        rows_per_s=report["rps"] * work.rows,
        p50_us=report.latency_ns(0.5) / 1e3,
        p99_us=report.latency_ns(0.99) / 1e3,
        requests=requests,
        samples=sampler.asked,
    )


def run(ghz: Ghz, asked: Asked, requests: int) -> GhzReport:
    """The load alone, on one thread. Raises LoadError unless every call has the status OK and an answer of its size."""
    flight = asked.flight
    report = ghz(
        host=asked.server.address,
        call=asked.work.method.removeprefix("/"),
        binary=asked.work.questions[0].request,
        connections=flight.connections,
        concurrency=flight.connections * flight.calls_per_connection,
        total=requests,
        cpus=1,
    )
    if not report.is_all_ok:
        raise LoadError(f"{asked.server.name}, {asked.work.name}: {report!r}")
    if report.answer_bytes != requests * asked.answer_bytes:
        raise LoadError(
            f"{asked.server.name}, {asked.work.name}: {report.answer_bytes} bytes of answers to {requests} calls, "
            f"{asked.answer_bytes} were due to each"
        )
    return report


def write_protoset(folder: Path) -> Path:
    """The services' descriptors, for servers that have no reflection."""
    files = [
        FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
        for module in (model_config_pb2, inference_pb2, prediction_pb2)
    ]
    file = folder / "penstock.protoset"
    file.write_bytes(FileDescriptorSet(file=files).SerializeToString())
    return file


def _sample(server: Server, question: Question) -> Sample:
    return Sample(question.request, lambda answer: server.accepts(question, answer))
