"""One load on one running server: what it cost, with answers read beside it."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench import load, open_loop
from bench.doors.figures import Round
from bench.open_loop import OpenLoopResult, Schedule
from bench.peers.cases import Case
from bench.peers.servers import Running
from bench.process_cpu import machine_cpu_s, own_cpu_s, tree_cpu_s
from bench.question import Work
from bench.sampler import Sample, Sampler

# Of the first, short load, whose rate tells how many requests the next one has: long enough for Java's compiler.
_TRIAL_REQUESTS = 128
_TRIAL_S = 1.0
_OPEN_CONNECTIONS = 16
# A connection of HTTP/1.1 carries one call at a time.
_OPEN_JSON_CONNECTIONS = 64


@dataclass(frozen=True)
class Asked:
    """What a server is asked in every round of a case; `answer_bytes` is the size of each answer."""

    running: Running
    case: Case
    folder: Path
    answer_bytes: int

    @property
    def work(self) -> Work:
        """The case's, over the server's wire."""
        return self.running.works[self.case.work]


def ask(running: Running, case: Case, folder: Path) -> Asked:
    """Asks the first question once, for the size of the answer. Raises grpc.RpcError or HttpError."""
    work = running.works[case.work]
    with running.caller(work) as call:
        return Asked(running, case, folder, len(call(work.questions[0].request)))


def requests_for(asked: Asked, seconds: float) -> int:
    """How many requests this server answers in so many seconds, from two loads, which also warm it up."""
    least = max(_TRIAL_REQUESTS, asked.case.in_flight)
    rate = _run(asked, least).requests_per_s
    rate = _run(asked, max(least, int(rate * _TRIAL_S))).requests_per_s
    return max(asked.case.in_flight, int(rate * seconds))


def measure(asked: Asked, requests: int) -> Round:
    """Raises LoadError, WrongAnswerError, grpc.RpcError or HttpError where an answer is missing or wrong."""
    running = asked.running
    samples = [Sample(question.request, question.is_answered_by) for question in asked.work.questions]
    with _Spent(running.pid) as spent, Sampler(running.caller(asked.work), samples) as sampler:
        seen = _run(asked, requests)
    return Round(
        cpu_us=spent.cpu_s * 1e6 / (requests + sampler.asked),
        requests_per_s=seen.requests_per_s,
        rows_per_s=seen.requests_per_s * asked.work.rows,
        p50_us=seen.p50_us,
        p99_us=seen.p99_us,
        rows_a_batch=None,
        others_cores=spent.others_cores,
        requests=requests,
        samples=sampler.asked,
    )


def open_round(asked: Asked, rate: float, duration_s: float) -> tuple[OpenLoopResult, float]:
    """Calls at this rate, whatever comes of them; and the cores that others kept busy. Raises LoadError."""
    wire = asked.running.peer.wire
    schedule = Schedule(
        address=asked.running.address,
        method=asked.work.method,
        request=asked.work.questions[0].request,
        answer_bytes=asked.answer_bytes,
        rate=rate,
        duration_s=duration_s,
        warm_up_s=0.3,
        drain_s=3.0,
        connections=_OPEN_JSON_CONNECTIONS if wire.is_json else _OPEN_CONNECTIONS,
    )
    with _Spent(asked.running.pid) as spent:
        seen = (
            _json_open_loop(schedule, asked.folder) if wire.is_json else open_loop.run(schedule, asked.folder)
        )
    return seen, spent.others_cores


def _json_open_loop(schedule: Schedule, folder: Path) -> OpenLoopResult:
    body = folder / "open_loop_body"
    body.write_bytes(schedule.request)
    command = [
        *(sys.executable, "-m", "bench.peers.json_open_loop", "--address", schedule.address),
        *("--path", schedule.method, "--message", str(body), "--rate", str(schedule.rate)),
        *("--duration-s", str(schedule.duration_s), "--warm-up-s", str(schedule.warm_up_s)),
        *("--drain-s", str(schedule.drain_s), "--connections", str(schedule.connections)),
    ]
    return open_loop.run_program(command, schedule)


def _run(asked: Asked, requests: int) -> load.LoadResult:
    """The closed loop alone. Raises LoadError."""
    one = load.Load(
        address=asked.running.address,
        method=asked.work.method,
        request=asked.work.questions[0].request,
        answer_bytes=asked.answer_bytes,
        requests=requests,
        connections=asked.case.connections,
        calls_per_connection=asked.case.calls_per_connection,
        is_json=asked.running.peer.wire.is_json,
    )
    return load.run(one, asked.folder)


class _Spent:
    """CPU time within its `with` block: `cpu_s` of the server's tree; `others_cores` as in `Round`."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.cpu_s = 0.0
        self.others_cores = 0.0

    def __enter__(self) -> Self:
        self._started_s, self._before = time.monotonic(), self._now()
        return self

    def __exit__(self, *_error: object) -> None:
        took_s = time.monotonic() - self._started_s
        tree_s, others_s = (now - before for now, before in zip(self._now(), self._before, strict=True))
        self.cpu_s, self.others_cores = tree_s, others_s / took_s

    def _now(self) -> tuple[float, float]:
        tree_s = tree_cpu_s(self._pid)
        return tree_s, machine_cpu_s() - tree_s - own_cpu_s()
