"""One run: the servers start one after the other, and are loaded in turn, round by round; who is not loaded is paused.

All are started once, for what runs long is warm: compiled, its pools filled. Paused (SIGSTOP), a server that is busy
with itself while nobody asks it anything takes no CPU time from the one that is measured.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc

from bench import native
from bench.doors.servers import UnavailableError
from bench.load import LoadError
from bench.peers import measuring, process_tree, servers
from bench.peers.cases import CASES, CURVE, MANY
from bench.peers.catalogue import PEERS, Peer
from bench.peers.environments import Environments, versions
from bench.peers.figures import Point, Results
from bench.peers.json_caller import HttpError
from bench.peers.measuring import Asked
from bench.peers.servers import Running
from bench.peers.works import Models
from bench.sampler import WrongAnswerError

# Of a peer's own peak in the closed loop. At 110 % nothing is left but the queue: how a server takes that is a part of
# the picture.
SHARES = (0.1, 0.3, 0.5, 0.7, 0.9, 1.1)
# Beyond this the generator itself falls behind its schedule; no server gets there on two cores that it shares.
_MOST_CALLS_PER_S = 250_000.0
# What keeps one peer from being measured, and none of the others.
_FAULTS = (LoadError, WrongAnswerError, grpc.RpcError, HttpError, UnavailableError, OSError)


@dataclass(frozen=True)
class Plan:
    """What a run measures: `seconds` is about how long one load on one server takes."""

    parts: Sequence[str]
    peers: Sequence[str]
    rounds: int
    seconds: float


def install(names: Sequence[str]) -> dict[str, UnavailableError]:
    """Installs these peers' environments; gives those that could not be, and why."""
    environments, failed = Environments(), {}
    for name in names:
        if PEERS[name].environment:
            try:
                environments.install(PEERS[name].environment)
            except UnavailableError as error:
                failed[name] = error
    return failed


def measure(plan: Plan, folder: Path) -> Results:
    """Files go to `folder`. What fails at one peer is in the results' `missing`, and the others are measured."""
    return _Run(plan, folder).measure()


class _Run:
    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._results = Results()
        self._cases = [case for case in CASES if case.name in plan.parts]
        # What a round of a case asks of a peer, and how many requests; without those that have failed.
        self._asked: dict[tuple[str, str], tuple[Asked, int]] = {}

    def measure(self) -> Results:
        failed = install(self._plan.peers)
        if CURVE in self._plan.parts:
            # Not while a server is measured.
            native.program("openloop")
        with ExitStack() as stack:
            models = Models(self._folder / "repository")
            running = []
            for name in self._plan.peers:
                peer = PEERS[name]
                try:
                    if name in failed:
                        raise failed[name]
                    running.append(self._start(peer, models, stack))
                except UnavailableError as error:
                    self._missing(peer.label, error)
            for number in range(self._plan.rounds):
                for each in running:
                    self._part(each, f"round {number + 1}", self._round)
            for each in running if CURVE in self._plan.parts else ():
                self._part(each, CURVE, self._curve)
        return self._results

    def _start(self, peer: Peer, models: Models, stack: ExitStack) -> Running:
        """Started, right, warm and paused. Raises UnavailableError."""
        _say(f"{peer.label} starts")
        running = stack.enter_context(servers.start(peer, models, self._folder / peer.name))
        self._results.versions[peer.name] = versions(peer.environment, peer.packages)
        for case in self._cases or [MANY]:
            try:
                asked = measuring.ask(running, case, self._folder)
                requests = measuring.requests_for(asked, self._plan.seconds)
            except _FAULTS as error:
                self._missing(f"{peer.label}, {case.name}", error)
                continue
            self._asked[case.name, peer.name] = asked, requests
        self._results.memory_mb[peer.name] = process_tree.memory_mb(running.pid)
        process_tree.pause(running.pid)
        return running

    def _part(self, running: Running, what: str, measured: Callable[[Running], None]) -> None:
        """While the others are paused."""
        try:
            with running.awake():
                measured(running)
        except _FAULTS as error:
            self._missing(f"{running.peer.label}, {what}", error)

    def _round(self, running: Running) -> None:
        name = running.peer.name
        for case in self._cases:
            if (case.name, name) not in self._asked:
                continue
            try:
                seen = measuring.measure(*self._asked[case.name, name])
            except _FAULTS as error:
                # Not half of the rounds: the case's figures of this peer go.
                del self._asked[case.name, name]
                self._results.rounds.pop((case.name, name), None)
                self._missing(f"{running.peer.label}, {case.name}", error)
                continue
            self._results.rounds.setdefault((case.name, name), []).append(seen)
            _say(f"{running.peer.label}, {case.name}: {seen.cpu_us:.1f} µs, {seen.requests_per_s:,.0f}/s")
        self._results.memory_mb[name] = process_tree.memory_mb(running.pid)

    def _curve(self, running: Running) -> None:
        name = running.peer.name
        asked = measuring.ask(running, MANY, self._folder)
        peak = self._results.peak(MANY.name, name) or float(measuring.requests_for(asked, 1.0))
        # Calls that are few say little of a 99th percentile: the slower a peer, the longer.
        duration_s = 2.0 if peak > 1_000 else 3.0
        for share in SHARES:
            running.settle()
            rate = min(peak * share, _MOST_CALLS_PER_S)
            point = Point(share, rate, *measuring.open_round(asked, rate, duration_s))
            self._results.curves.setdefault(name, []).append(point)
            _say(f"{running.peer.label}, {rate:,.0f}/s offered: p99 {point.seen.p99_us / 1e3:.2f} ms")

    def _missing(self, what: str, error: Exception) -> None:
        why = error.details() if isinstance(error, grpc.Call) else str(error)
        sentence = f"{what}: {' '.join((why or repr(error)).split())[:300]}"
        self._results.missing.append(sentence)
        _say(sentence)


def _say(line: str) -> None:
    print(f"peers: {line}", file=sys.stderr, flush=True)
