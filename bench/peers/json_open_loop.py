"""Open-loop load over HTTP/1.1, with flags and a report as those of bench/native's `openloop`.

A connection carries one call at a time; a call that is due while none is free waits, and that is part of its latency.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter, deque
from contextlib import suppress
from pathlib import Path

import numpy as np
import uvloop


class Run:
    """One schedule: so many calls at equal distances."""

    def __init__(self, flags: argparse.Namespace) -> None:
        self._flags = flags
        host, _, port = flags.address.rpartition(":")
        self._host, self._port = host, int(port)
        body = flags.message.read_bytes()
        head = (
            f"POST {flags.path} HTTP/1.1\r\nhost: {flags.address}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self._request = head.encode() + body
        self._due: deque[float] = deque()
        self._more = asyncio.Condition()
        self._news = asyncio.Event()
        self._counted_from = 0.0
        self._sent = 0
        self._settled = 0
        self._last_answer = 0.0
        self._latencies_s: list[float] = []
        self._lags_s: list[float] = []
        self._errors: Counter[str] = Counter()

    async def run(self) -> dict[str, object]:
        """Raises OSError where the server cannot be reached."""
        flags = self._flags
        links = [await asyncio.open_connection(self._host, self._port) for _ in range(flags.connections)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._carry(*link)) for link in links]
            start = time.perf_counter()
            self._counted_from = start + flags.warm_up_s
            calls = int(flags.rate * (flags.warm_up_s + flags.duration_s))
            for number in range(calls):
                due = start + number / flags.rate
                if (wait := due - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                async with self._more:
                    self._due.append(due)
                    self._more.notify()
            end = start + flags.warm_up_s + flags.duration_s + flags.drain_s
            with suppress(TimeoutError):
                async with asyncio.timeout(max(end - time.perf_counter(), 0.0)):
                    while self._settled < calls:
                        await self._news.wait()
                        self._news.clear()
            for task in tasks:
                task.cancel()
        if self._settled < calls:
            self._errors["no answer"] += calls - self._settled
        return self._report()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One call after the other on one connection."""
        try:
            while True:
                async with self._more:
                    await self._more.wait_for(lambda: self._due)
                    due = self._due.popleft()
                counts = due >= self._counted_from
                self._sent += counts
                if counts:
                    self._lags_s.append(time.perf_counter() - due)
                writer.write(self._request)
                problem = await _read_answer(reader)
                self._settled += 1
                self._news.set()
                if problem:
                    self._errors[problem] += 1
                elif counts:
                    self._last_answer = time.perf_counter()
                    self._latencies_s.append(self._last_answer - due)
        finally:
            writer.close()

    def _report(self) -> dict[str, object]:
        latencies_us = np.array(self._latencies_s or [0.0]) * 1e6
        p50, p99, p999 = np.percentile(latencies_us, [50, 99, 99.9])
        took_s = max(self._last_answer - self._counted_from, self._flags.duration_s)
        return {
            "sent": self._sent,
            "ok": len(self._latencies_s),
            "errors": dict(self._errors),
            "p50_us": p50,
            "p99_us": p99,
            "p99.9_us": p999,
            "max_us": latencies_us.max(),
            "lag_p99_us": np.percentile(np.array(self._lags_s or [0.0]) * 1e6, 99),
            "achieved_rate": len(self._latencies_s) / took_s,
        }


async def _read_answer(reader: asyncio.StreamReader) -> str:
    """Reads to the answer's end; says what is wrong with it, or nothing. Raises IncompleteReadError."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, found, rest = head.partition(b"\r\ncontent-length:")
    if not found:
        raise ValueError("an answer without content-length")
    await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
    status = head.split(b" ", 2)[1].decode()
    return "" if status == "200" else f"status {status}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.peers.json_open_loop", description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--message", type=Path, required=True, help="the file with the body")
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--duration-s", type=float, required=True)
    parser.add_argument("--warm-up-s", type=float, required=True)
    parser.add_argument("--drain-s", type=float, required=True)
    parser.add_argument("--connections", type=int, required=True)
    flags = parser.parse_args()

    async def run() -> dict[str, object]:
        return await Run(flags).run()

    print(json.dumps(uvloop.run(run()), default=float))


if __name__ == "__main__":
    main()
