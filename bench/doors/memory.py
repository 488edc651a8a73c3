"""What a door's process holds: with 10,000 calls in flight, and after very many calls.

A process of its own, so that what other cases left behind is not in it. RSS, like with like: shared libraries count
in it as they do in the process that only imports torch.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench import open_loop
from bench.doors import closed_loop
from bench.doors.cases import CROWD
from bench.doors.figures import Memory
from bench.doors.servers import Place, Server, penstock
from bench.process_cpu import tree
from bench.question import Work
from bench.slow_model import SlowModel

IN_FLIGHT = 10_000
# No burst: a server may take only so many new calls at a time, and it is what waits that is measured.
_CALLS_PER_S = 2_000.0
# Behind the batch of the first call all others wait; they are the second batch.
_BATCH_S = 1.5 * IN_FLIGHT / _CALLS_PER_S
_DRAIN_S = 10 * _BATCH_S
# 80 calls on each, of the 100 that a connection may carry.
_CONNECTIONS = 125
_LOOK_S = 0.05
# Growth is counted after this share of the calls: caches and allocators have their size by then.
_CHUNKS = 10
GROWTH_REQUESTS = 1_000_000
# What a run that was not told a number spends on a slow door.
_MOST_GROWTH_S = 20.0
_MB = 1e6
_ONLY_TORCH = "import torch; torch.ones(64, 64) @ torch.ones(64, 64); print(open('/proc/self/status').read())"


@dataclass(frozen=True)
class Wanted:
    """The model in front of which calls pile up, and the work of which there is much, so many calls of it."""

    slow: SlowModel
    work: Work
    growth_requests: int | None


def measure(door: str, place: Place, wanted: Wanted) -> Memory:
    """Raises UnavailableError where there is no such door."""
    flags = [*place.flags, "--default-timeout-ms", "300000"]
    with penstock(door, wanted.slow.repository, flags) as server:
        above_mb, in_flight, failed = _with_many_in_flight(server, wanted.slow.work(_BATCH_S), place.folder)
    with penstock(door, place.repository, place.flags) as server:
        growth_mb, requests = _growth(server, wanted.work, place.folder, wanted.growth_requests)
    return Memory(above_mb, in_flight, failed, growth_mb, requests)


def _with_many_in_flight(server: Server, work: Work, folder: Path) -> tuple[float, int, int]:
    """The most held beyond an import of torch, the most calls in flight by the server's count, those that failed."""
    (question,) = work.questions
    schedule = open_loop.Schedule(
        address=server.address,
        method=work.method,
        request=question.request,
        answer_bytes=len(question.answer),
        rate=_CALLS_PER_S,
        duration_s=IN_FLIGHT / _CALLS_PER_S,
        warm_up_s=0.0,
        drain_s=_DRAIN_S,
        connections=_CONNECTIONS,
    )
    most_mb, most_in_flight = 0.0, 0
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(open_loop.run, schedule, folder)
        while not loading.done():
            most_mb = max(most_mb, rss_mb(server.pid))
            most_in_flight = max(most_in_flight, server.in_flight())
            time.sleep(_LOOK_S)
        failed = sum(loading.result().errors.values())
    return most_mb - _torch_mb(), most_in_flight, failed


def _growth(server: Server, work: Work, folder: Path, requests: int | None) -> tuple[float, int]:
    """What was added to the process's memory between a tenth of the calls and all of them, and how many they were."""
    asked = closed_loop.ask(server, CROWD, work, folder)
    if requests is None:
        requests = min(GROWTH_REQUESTS, closed_loop.requests_for(asked, _MOST_GROWTH_S))
    held_mb = []
    for _ in range(_CHUNKS):
        closed_loop.run(asked, requests // _CHUNKS)
        held_mb.append(rss_mb(server.pid))
    return held_mb[-1] - held_mb[0], requests // _CHUNKS * _CHUNKS


def rss_mb(pid: int) -> float:
    """Resident memory of the whole process tree."""
    return sum(_rss_mb(Path(f"/proc/{each}/status").read_text()) for each in tree(pid))


def _torch_mb() -> float:
    command = [sys.executable, "-c", _ONLY_TORCH]
    return _rss_mb(subprocess.run(command, capture_output=True, text=True, check=True).stdout)  # noqa: S603 - this Python


def _rss_mb(status: str) -> float:
    found = re.search(r"^VmRSS:\s*(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 / _MB if found else 0.0
