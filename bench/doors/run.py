"""One run: the servers start, and are loaded in turn, round by round."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from bench import open_loop
from bench.doors import closed_loop, memory, servers
from bench.doors.cases import ALONE, CASES, CROWD, DOORS, FLOOR, FRAUD_1, MEMORY, OPEN_LOOP, Case
from bench.doors.figures import Results
from bench.doors.servers import Place, Server, UnavailableError
from bench.feature_model import FeatureModel
from bench.fraud_model import FEATURES, FraudModel
from bench.question import Work
from bench.slow_model import SlowModel
from penstock.runtime import load_torchscript

# Different rows for the sampler, so that an answer that belongs to another call is seen.
_SAMPLES = 64
# Of the peak that a closed loop showed: as busy as a service should be.
_OPEN_LOOP_SHARE = 0.7
_OPEN_LOOP_S = 4.0
# At 310,000 calls a second they leave the generator a third of its core; of 50 µs, a tenth.
_TICK_US = 100
# Beyond this the generator itself falls behind its schedule, on two cores that it shares with the server.
_MOST_CALLS_PER_S = 350_000.0
_MODEL_CALLS = 2_000


@dataclass(frozen=True)
class Plan:
    """What a run measures. A round has `requests` requests, or as many as fill `seconds`."""

    parts: Sequence[str]
    servers: Sequence[str]
    rounds: int
    requests: int | None
    seconds: float
    growth_requests: int | None
    flags: Sequence[str]
    # Calls a second of the open loop; none: a share of each server's own peak.
    open_loop_rate: float | None = None


def measure(plan: Plan, folder: Path) -> Results:
    """Files go to `folder`. Raises LoadError or WrongAnswerError where an answer is missing or wrong."""
    return _Run(plan, folder).measure()


class _Run:
    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._results = Results()
        fraud, features = FraudModel(), FeatureModel()
        repository = folder / "models"
        self._place = Place(folder, repository, fraud.write(repository), plan.flags)
        features.write(repository)
        works = (fraud.work(1, _SAMPLES), fraud.work(64, _SAMPLES), features.work(_SAMPLES))
        self._works = {work.name: work for work in works}

    def measure(self) -> Results:
        plan = self._plan
        with ExitStack() as running:
            started = self._start(running)
            for case in CASES:
                if case.name in plan.parts:
                    self._case(case, started)
            if OPEN_LOOP in plan.parts:
                self._open_loop(started)
        if MEMORY in plan.parts:
            self._memory()
        return self._results

    def _start(self, running: ExitStack) -> list[Server]:
        """All servers but the floor."""
        started = []
        for name in self._plan.servers:
            if name == FLOOR or self._plan.parts == [MEMORY]:
                continue
            try:
                started.append(running.enter_context(servers.start(name, self._place)))
            except UnavailableError as error:
                self._missing(name, error)
        return started

    def _with_floor(self, case: Case, started: Iterable[Server], running: ExitStack) -> list[Server]:
        """The servers of a case, the floor first, with answers of the case's size."""
        those = [server for server in started if server.name in case.servers]
        if FLOOR not in self._plan.servers:
            return those
        answer = self._works[case.work].questions[0].answer
        return [running.enter_context(servers.floor(len(answer))), *those]

    def _case(self, case: Case, started: Iterable[Server]) -> None:
        work = self._works[case.work]
        with ExitStack() as running:
            asked = []
            for server in self._with_floor(case, started, running):
                one = closed_loop.ask(server, case, work, self._folder)
                asked.append((one, self._requests(one)))
            for number in range(self._plan.rounds):
                if case is ALONE:
                    self._results.model_call_us.append(_model_call_us(self._place.fraud_file))
                for one, requests in asked:
                    measured = closed_loop.measure(one, requests)
                    self._results.rounds.setdefault((case.name, one.server.name), []).append(measured)
                    _say(f"{case.name}, round {number + 1}, {one.server.name}: {measured}")

    def _requests(self, asked: closed_loop.Asked) -> int:
        """How many a round has; the server is warm afterwards."""
        if self._plan.requests is None:
            return closed_loop.requests_for(asked, self._plan.seconds)
        closed_loop.warm_up(asked)
        return self._plan.requests

    def _open_loop(self, started: Iterable[Server]) -> None:
        work = self._works[FRAUD_1]
        with ExitStack() as running:
            those = self._with_floor(CROWD, started, running)
            schedules = [(server, self._schedule(server, work)) for server in those]
            for number in range(self._plan.rounds):
                for server, schedule in schedules:
                    self._open_loop_round(server, schedule)
                    _say(
                        f"{OPEN_LOOP}, round {number + 1}, {server.name}: {self._results.open_loop[server.name][-1]}"
                    )

    def _open_loop_round(self, server: Server, schedule: open_loop.Schedule) -> None:
        started_s, others_s = time.monotonic(), closed_loop.others_cpu_s(server)
        seen = open_loop.run(schedule, self._folder)
        others_s = closed_loop.others_cpu_s(server) - others_s
        self._results.open_loop.setdefault(server.name, []).append(seen)
        others = self._results.open_loop_others_cores.setdefault(server.name, [])
        others.append(others_s / (time.monotonic() - started_s))

    def _schedule(self, server: Server, work: Work) -> open_loop.Schedule:
        asked = closed_loop.ask(server, CROWD, work, self._folder)
        rounds = self._results.of(CROWD.name, server.name)
        peak = (
            median(one.requests_per_s for one in rounds)
            if rounds
            else float(closed_loop.requests_for(asked, 1.0))
        )
        return open_loop.Schedule(
            address=server.address,
            method=work.method,
            request=work.questions[0].request,
            answer_bytes=asked.answer_bytes,
            rate=self._plan.open_loop_rate or min(peak * _OPEN_LOOP_SHARE, _MOST_CALLS_PER_S),
            duration_s=_OPEN_LOOP_S,
            connections=CROWD.connections,
            tick_us=_TICK_US,
        )

    def _memory(self) -> None:
        slow = SlowModel(self._folder / "slow")
        wanted = memory.Wanted(slow, self._works[FRAUD_1], self._plan.growth_requests)
        for door in self._plan.servers:
            if door not in DOORS:
                continue
            try:
                self._results.memory[door] = memory.measure(door, self._place, wanted)
            except UnavailableError as error:
                self._missing(door, error)
                continue
            _say(f"{MEMORY}, {door}: {self._results.memory[door]}")

    def _missing(self, name: str, error: UnavailableError) -> None:
        sentence = f"{name}: {error}"
        if sentence not in self._results.missing:
            self._results.missing.append(sentence)
            _say(sentence)


def _model_call_us(file: Path) -> float:
    """One row through the module alone, loaded as penstock loads it, on this thread: the median of many calls."""
    with file.open("rb") as opened:
        module = load_torchscript(opened)
    rows = torch.zeros(1, FEATURES)
    taken_ns = []
    with torch.inference_mode():
        for _ in range(_MODEL_CALLS):
            started_ns = time.perf_counter_ns()
            module(rows)
            taken_ns.append(time.perf_counter_ns() - started_ns)
    return median(taken_ns) / 1e3


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
