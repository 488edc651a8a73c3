"""Calls at a fixed rate by penstock's own client, with what it retries; each answer's value is looked at.

usage: python -m k8s.tests.pods.caller ADDRESS CERTIFICATE CALLS_PER_SECOND
Ends at SIGTERM, and then prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from k8s.tests.pods.models import NAME
from penstock import AsyncClient, CallError, Tls


class Caller:
    """Counts answers by factor, and failures by code."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self.factors: Counter[float] = Counter()
        self.failures: Counter[str] = Counter()
        self.behind_s = 0.0

    async def run(self, per_second: float, until: asyncio.Event) -> None:
        calls: set[asyncio.Task[None]] = set()
        began, sent = time.monotonic(), 0
        while not until.is_set():
            due = began + sent / per_second
            now = time.monotonic()
            if now < due:
                await asyncio.sleep(due - now)
            self.behind_s = max(self.behind_s, time.monotonic() - due)
            task = asyncio.create_task(self._one(sent))
            calls.add(task)
            task.add_done_callback(calls.discard)
            sent += 1
        await asyncio.gather(*calls)

    async def _one(self, number: int) -> None:
        x = float(number % 1000 + 1)
        try:
            answer = await self._client.infer(NAME, {"x": np.array([x], np.float32)})
        except CallError as failure:
            self.failures[f"{failure.code}: {failure.message}"] += 1
        else:
            self.factors[float(answer.outputs["y"][0]) / x] += 1


async def main(address: str, certificate: bytes, per_second: float) -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    async with AsyncClient(address, tls=Tls(root_certificates=certificate)) as client:
        caller = Caller(client)
        await caller.run(per_second, over)
    counted = {"factors": caller.factors, "failures": caller.failures, "behind_s": caller.behind_s}
    sys.stdout.write(json.dumps(counted) + "\n")


if __name__ == "__main__":
    _, to, trusted, rate = sys.argv
    asyncio.run(main(to, Path(trusted).read_bytes(), float(rate)))
