"""One closed-loop load on one server: what it cost, with answers read beside it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc

from bench import load
from bench.doors.cases import Case
from bench.doors.figures import Round
from bench.doors.servers import Server
from bench.process_cpu import machine_cpu_s, own_cpu_s, tree_cpu_s
from bench.question import Question, Work
from bench.sampler import Sample, Sampler, check, grpc_caller

# Before the first round: connections' and allocators' first times.
_WARM_UP_REQUESTS = 2_000
# The length of the trial whose rate tells how many requests fill a round.
_TRIAL_S = 0.3
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Asked:
    """What a server is asked in every round of a case; `answer_bytes` is the size of each answer."""

    server: Server
    case: Case
    work: Work
    folder: Path
    answer_bytes: int


def ask(server: Server, case: Case, work: Work, folder: Path) -> Asked:
    """Asks the first question once, for the size of the answer. Raises WrongAnswerError."""
    return Asked(server, case, work, folder, answer_bytes(server, work))


def warm_up(asked: Asked) -> float:
    """One short load; gives requests a second."""
    return run(asked, _WARM_UP_REQUESTS).requests_per_s


def requests_for(asked: Asked, seconds: float) -> int:
    """How many requests this server answers in so many seconds, from two short loads, which also warm it up."""
    rate = run(asked, max(_WARM_UP_REQUESTS, int(warm_up(asked) * _TRIAL_S))).requests_per_s
    return max(_WARM_UP_REQUESTS, int(rate * seconds))


def measure(asked: Asked, requests: int) -> Round:
    """Raises LoadError or WrongAnswerError where an answer is missing or wrong."""
    server = asked.server
    samples = [_sample(server, question) for question in asked.work.questions]
    batches, rows = server.batches()
    started_s, cpu_s, others_s = time.monotonic(), tree_cpu_s(server.pid), others_cpu_s(server)
    with Sampler(grpc_caller(server.address, asked.work.method), samples) as sampler:
        seen = run(asked, requests)
    took_s, cpu_s = time.monotonic() - started_s, tree_cpu_s(server.pid) - cpu_s
    others_s = others_cpu_s(server) - others_s
    batches_after, rows_after = server.batches()
    return Round(
        cpu_us=cpu_s * 1e6 / (requests + sampler.asked),
        requests_per_s=seen.requests_per_s,
        rows_per_s=seen.requests_per_s * asked.work.rows,
        p50_us=seen.p50_us,
        p99_us=seen.p99_us,
        rows_a_batch=(rows_after - rows) / (batches_after - batches) if batches_after > batches else None,
        others_cores=others_s / took_s,
        requests=requests,
        samples=sampler.asked,
    )


def answer_bytes(server: Server, work: Work) -> int:
    """The size of the server's answer to the first question. Raises WrongAnswerError."""
    with grpc.insecure_channel(server.address) as channel:
        call: Callable[..., bytes] = channel.unary_unary(work.method)
        answer = call(work.questions[0].request, timeout=_TIMEOUT_S, wait_for_ready=True)
    check(_sample(server, work.questions[0]), answer)
    return len(answer)


def run(asked: Asked, requests: int) -> load.LoadResult:
    """The load alone. Raises LoadError."""
    one = load.Load(
        address=asked.server.address,
        method=asked.work.method,
        request=asked.work.questions[0].request,
        answer_bytes=asked.answer_bytes,
        requests=requests,
        connections=asked.case.connections,
        calls_per_connection=asked.case.calls_per_connection,
    )
    return load.run(one, asked.folder)


def others_cpu_s(server: Server) -> float:
    """CPU time so far of what is neither the server, nor this benchmark, nor a load generator of its own."""
    return machine_cpu_s() - tree_cpu_s(server.pid) - own_cpu_s()


def _sample(server: Server, question: Question) -> Sample:
    return Sample(question.request, lambda answer: server.accepts(question, answer))
