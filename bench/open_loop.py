"""Open-loop load from another process: calls on a fixed schedule, each latency counted from its scheduled start."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import native
from bench.load import LoadError

# What a program may take beyond its schedule: a server that falls behind has fewer calls free, and all are sent.
_MORE_S = 60.0


@dataclass(frozen=True)
class Schedule:
    """So many calls a second for so many seconds; `answer_bytes` is the size of a right answer.

    Latencies count after `warm_up_s`; answers may come up to `drain_s` after the last call. Calls that are due within
    `tick_us` go out together: the longer, the less CPU the generator takes, and up to so much is part of a latency.
    """

    address: str
    method: str
    request: bytes
    answer_bytes: int
    rate: float
    duration_s: float
    warm_up_s: float = 0.5
    drain_s: float = 5.0
    connections: int = 16
    tick_us: int = 50


@dataclass(frozen=True)
class OpenLoopResult:
    """What the generator saw. `lag_p99_us`: how late it sent, which is part of every latency."""

    sent: int
    errors: dict[str, int]
    p50_us: float
    p99_us: float
    p999_us: float
    max_us: float
    lag_p99_us: float
    achieved_rate: float


def run(schedule: Schedule, folder: Path) -> OpenLoopResult:
    """Sends all calls and waits for their answers; files go to `folder`. Raises LoadError where it could not."""
    message = folder / "open_loop_message"
    message.write_bytes(schedule.request)
    command = [
        *(str(native.program("openloop")), "--address", schedule.address, "--path", schedule.method),
        *("--message", str(message), "--answer-bytes", str(schedule.answer_bytes)),
        *("--rate", str(schedule.rate), "--duration-s", str(schedule.duration_s)),
        *("--warm-up-s", str(schedule.warm_up_s), "--drain-s", str(schedule.drain_s)),
        *("--connections", str(schedule.connections), "--tick-us", str(schedule.tick_us)),
    ]
    return run_program(command, schedule)


def run_program(command: Sequence[str], schedule: Schedule) -> OpenLoopResult:
    """A program that keeps a schedule and prints what it saw, as `openloop` does. Raises LoadError where it fails."""
    most_s = schedule.warm_up_s + schedule.duration_s + schedule.drain_s + _MORE_S
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=most_s, check=False)  # noqa: S603 - named by the callers
    except subprocess.TimeoutExpired as error:
        raise LoadError(
            f"the open loop has not ended after {most_s:.0f} s: calls were not answered"
        ) from error
    if done.returncode != 0:
        raise LoadError(done.stderr)
    found = json.loads(done.stdout)
    return OpenLoopResult(
        sent=found["sent"],
        errors=found["errors"],
        p50_us=found["p50_us"],
        p99_us=found["p99_us"],
        p999_us=found["p99.9_us"],
        max_us=found["max_us"],
        lag_p99_us=found["lag_p99_us"],
        achieved_rate=found["achieved_rate"],
    )
