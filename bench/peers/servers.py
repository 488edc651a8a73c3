"""The servers under load: each is started by a context manager, and ended with all its processes when that is left."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from bench.doors import servers as doors
from bench.doors.servers import UnavailableError
from bench.peers import commands, process_tree
from bench.peers.catalogue import OURS, Peer
from bench.peers.commands import Place
from bench.peers.json_caller import HttpError, json_caller
from bench.peers.works import Models
from bench.question import Work
from bench.sampler import Call, Sample, WrongAnswerError, check, grpc_caller
from bench.triton_server import free_port

# Java, torch and a few hundred modules on two cores.
_START_S = 120.0
# A server that was paused finds all its timers due.
_WAKE_S = 30.0
_END_S = 15.0
_PAUSE_S = 0.05
# After the first right answer: what else the server had put off.
_SETTLE_S = 0.2
_CHECKED_QUESTIONS = 8


@dataclass(frozen=True)
class Running:
    """A server that runs, and its answers to what it will be asked, by the works' names."""

    peer: Peer
    address: str
    pid: int
    works: Mapping[str, Work]

    @contextmanager
    def caller(self, work: Work) -> Iterator[Call]:
        """Calls over a connection of their own. A call raises grpc.RpcError or HttpError."""
        made = json_caller if self.peer.wire.is_json else grpc_caller
        with made(self.address, work.method) as call:
            yield call

    @contextmanager
    def awake(self) -> Iterator[None]:
        """It runs within the block, and takes no CPU time outside it. Raises UnavailableError: it stays asleep."""
        process_tree.resume(self.pid)
        self.settle()
        try:
            yield
        finally:
            process_tree.pause(self.pid)

    def settle(self) -> None:
        """Waits until it answers, and has done what it put off. Raises UnavailableError."""
        self._wait_until_it_answers(_WAKE_S, "it does not answer after a pause or an overload")
        time.sleep(_SETTLE_S)

    def check(self) -> None:
        """Waits until it answers, then asks questions of every work. Raises UnavailableError or WrongAnswerError."""
        self._wait_until_it_answers(_START_S, "it did not start")
        for work in self.works.values():
            with self.caller(work) as call:
                for question in work.questions[:_CHECKED_QUESTIONS]:
                    check(Sample(question.request, question.is_answered_by), call(question.request))

    def _wait_until_it_answers(self, most_s: float, otherwise: str) -> None:
        """Any work's question, for models may be loaded one after the other."""
        until = time.monotonic() + most_s
        for work in self.works.values():
            question = work.questions[0]
            while why := self._why_not(work, question.request):
                if time.monotonic() > until or not process_tree.is_running(self.pid):
                    raise UnavailableError(f"{otherwise}: {why}")
                time.sleep(_PAUSE_S)

    def _why_not(self, work: Work, request: bytes) -> str:
        """Empty where there is an answer."""
        try:
            with self.caller(work) as call:
                call(request)
        except grpc.RpcError as error:
            return f"{error.code().name} {error.details()}"
        except (HttpError, OSError) as error:
            return str(error)
        return ""


@contextmanager
def start(peer: Peer, models: Models, folder: Path) -> Iterator[Running]:
    """A server whose answers are right; its files go to `folder`. Raises UnavailableError."""
    started = _ours(peer, models) if peer.name in OURS else _theirs(peer, models, folder)
    with started as running:
        try:
            running.check()
        except WrongAnswerError as error:
            raise UnavailableError(f"it answers otherwise than the model: {error}") from error
        except grpc.RpcError as error:
            raise UnavailableError(f"it refuses a question: {error.details()}") from error
        except HttpError as error:
            raise UnavailableError(f"it refuses a question: {error}") from error
        yield running


@contextmanager
def _ours(peer: Peer, models: Models) -> Iterator[Running]:
    with doors.penstock(peer.name, models.repository, ()) as server:
        yield Running(peer, server.address, server.pid, models.works(peer.wire))


@contextmanager
def _theirs(peer: Peer, models: Models, folder: Path) -> Iterator[Running]:
    folder.mkdir()
    place = Place(folder, models.files, free_port())
    try:
        command = commands.command(peer.name, place)
    except subprocess.CalledProcessError as error:
        raise UnavailableError(f"it cannot be set up: {_last_line(error.stderr.decode())}") from error
    log = folder / "log"
    words = [sys.executable, "-m", "bench.peers.launcher", *command.words]
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603 - of bench.peers.commands
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(os.environ) | command.variables,
            # Ctrl-C is for the benchmark, which then ends them in order.
            start_new_session=True,
        )
        try:
            yield Running(peer, f"127.0.0.1:{place.port}", process.pid, models.works(peer.wire))
        except UnavailableError as error:
            raise UnavailableError(_with_log(error, log)) from error
        finally:
            process_tree.end(process.pid, _END_S)
            process.wait()


def _with_log(error: UnavailableError, log: Path) -> str:
    last = _last_line(log.read_text(errors="replace"))
    return f"{error}; its last word: {last}" if last else str(error)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
