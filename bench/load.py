"""Closed-loop load from another process: h2load sends copies of one call, a fixed number in flight.

h2load is part of nghttp2 (Debian: nghttp2-client). It costs a few µs a call, and its log of latencies as much again:
the log is asked for where one call is in flight, and latency under load is measured by open_loop.py.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# gRPC's message prefix: not compressed, then the length in four bytes, big end first.
_PREFIX_BYTES = 5
# A round that takes longer than this is not a measurement but a fault.
_TIMEOUT_S = 300.0


class LoadError(Exception):
    """There is no load generator, or calls did not end as they should."""


@dataclass(frozen=True)
class Load:
    """What is asked for: `request` is a serialized message, `answer_bytes` the size of its answer.

    Or `is_json`: a body POSTed over HTTP/1.1, one call at a time on as many connections as calls are in flight. The
    status of answers is checked in place of their size, for numbers are written in as many digits as they have.
    """

    address: str
    method: str
    request: bytes
    answer_bytes: int
    requests: int
    connections: int
    calls_per_connection: int
    is_json: bool = False

    @property
    def in_flight(self) -> int:
        """Calls that wait for their answers at a time."""
        return self.connections * self.calls_per_connection


@dataclass(frozen=True)
class LoadResult:
    """What h2load saw: all requests answered, in this time. Latencies only where one call was in flight."""

    requests_per_s: float
    p50_us: float | None
    p99_us: float | None


def is_installed() -> bool:
    return shutil.which("h2load") is not None


def generator() -> str:
    """The load generator and its version. Raises LoadError."""
    return _h2load("--version").strip()


def run(load: Load, folder: Path) -> LoadResult:
    """Sends the load and waits for its end; files go to `folder`. Raises LoadError where a call was not answered."""
    message = folder / "message"
    latencies = folder / "latencies.tsv"
    if load.is_json:
        message.write_bytes(load.request)
        how = ["--h1", "-c", str(load.in_flight), "-m", "1", "-H", "content-type: application/json"]
    else:
        message.write_bytes(b"\0" + len(load.request).to_bytes(4, "big") + load.request)
        how = ["-c", str(load.connections), "-m", str(load.calls_per_connection)]
        how += ["-H", "content-type: application/grpc", "-H", "te: trailers"]
    text = _h2load(
        *("-n", str(load.requests), *how, "-d", str(message)),
        *([f"--log-file={latencies}"] if load.in_flight == 1 else []),
        f"http://{load.address}{load.method}",
    )
    _check(load, text)
    if load.in_flight > 1:
        return LoadResult(_rate(text), None, None)
    # Start (µs since 1970), status, µs until the end of the response.
    micros = np.loadtxt(latencies, usecols=2)
    latencies.unlink()
    if len(micros) != load.requests:
        raise LoadError(f"{load.requests} calls, but {len(micros)} latencies")
    p50_us, p99_us = np.percentile(micros, [50, 99])
    return LoadResult(_rate(text), float(p50_us), float(p99_us))


def _check(load: Load, text: str) -> None:
    succeeded = int(_number(text, r"(\d+) succeeded"))
    if succeeded != load.requests:
        raise LoadError(f"{load.requests} calls, {succeeded} succeeded:\n{text}")
    if load.is_json:
        if int(_number(text, r"(\d+) 2xx")) != load.requests:
            raise LoadError(f"{load.requests} calls, not all with status 200:\n{text}")
        return
    # h2load does not read grpc-status, but a call that was refused has no message.
    received = int(_number(text, r"\((\d+)\) data"))
    if received != load.requests * (_PREFIX_BYTES + load.answer_bytes):
        raise LoadError(
            f"{received} bytes of answers to {load.requests} calls, {load.answer_bytes} were due to each"
        )


def _h2load(*arguments: str) -> str:
    path = shutil.which("h2load")
    if path is None:
        raise LoadError("h2load is not installed (Debian: apt install nghttp2-client)")
    command = [path, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)  # noqa: S603 - h2load
    except subprocess.TimeoutExpired as error:
        raise LoadError(f"h2load has not ended after {_TIMEOUT_S:.0f} s: calls were not answered") from error
    if done.returncode != 0:
        raise LoadError(f"h2load ended with {done.returncode}: {done.stderr or done.stdout}")
    return done.stdout


def _rate(text: str) -> float:
    return _number(text, r"([\d.]+) req/s")


def _number(text: str, pattern: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise LoadError(f"h2load did not say {pattern!r}:\n{text}")
    return float(found[1])
