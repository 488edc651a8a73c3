"""A stand-in for an ALB's gRPC target group, and an open-loop caller behind it; the servers are real processes.

What it has of an ALB: targets are asked for Probe/Ready and see calls after two answers with code 0; a target that was
deregistered gets new calls until that has come through; the one with the fewest open calls is next; no retries.
What it has not: a hop of its own, HTTP/2 of its own making, several nodes.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field

import grpc

from penstock.pb import inference_pb2, inference_pb2_grpc, probe_pb2, probe_pb2_grpc

# As an ALB, which has none.
NO_RETRIES = (("grpc.enable_retries", 0),)


@dataclass
class Times:
    """Of the target group, in seconds."""

    health_interval: float
    register_lag: float
    deregister_lag: float


@dataclass
class Target:
    """A server as the balancer knows it."""

    channel: grpc.aio.Channel
    infer: grpc.aio.UnaryUnaryMultiCallable[inference_pb2.ModelInferRequest, inference_pb2.ModelInferResponse]
    open_calls: int = 0
    in_a_row: int = 0
    healthy: asyncio.Event = field(default_factory=asyncio.Event)


class TargetGroup:
    """Used in one event loop, from `register` of the first target to `close`."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self._targets: dict[str, Target] = {}
        self._all: list[Target] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def register(self, address: str) -> Target:
        """Takes its time; the target's `healthy` says when calls come to it, as a readiness gate does."""
        channel = grpc.aio.insecure_channel(address, NO_RETRIES)
        target = Target(channel, inference_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer)
        self._all.append(target)
        self._begin(self._registered(address, target))
        return target

    def deregister(self, address: str) -> None:
        """New calls come until the lag is over."""
        self._begin(self._deregistered(address))

    async def call(self, request: inference_pb2.ModelInferRequest, timeout_s: float) -> grpc.StatusCode:
        """One call to the target with the fewest open ones, and its code."""
        able = [target for target in self._targets.values() if target.healthy.is_set()]
        if not able:
            # What an ALB without targets answers is 503, which gRPC calls so.
            return grpc.StatusCode.UNAVAILABLE
        target = min(able, key=lambda each: each.open_calls)
        target.open_calls += 1
        try:
            await target.infer(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            return error.code()
        finally:
            target.open_calls -= 1
        return grpc.StatusCode.OK

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for target in self._all:
            await target.channel.close()

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)  # type: ignore[arg-type]

    async def _registered(self, address: str, target: Target) -> None:
        await asyncio.sleep(self._times.register_lag)
        self._targets[address] = target
        probe = probe_pb2_grpc.ProbeStub(target.channel)
        while address in self._targets:
            try:
                await probe.Ready(probe_pb2.ReadyRequest(), timeout=self._times.health_interval)
                target.in_a_row = max(1, target.in_a_row + 1)
            except grpc.aio.AioRpcError:
                target.in_a_row = min(-1, target.in_a_row - 1)
            if target.in_a_row >= 2:
                target.healthy.set()
            elif target.in_a_row <= -2:
                target.healthy.clear()
            await asyncio.sleep(self._times.health_interval)

    async def _deregistered(self, address: str) -> None:
        await asyncio.sleep(self._times.deregister_lag)
        self._targets.pop(address, None)


@dataclass
class Load:
    """Calls at a fixed rate, however long each takes."""

    group: TargetGroup
    request: inference_pb2.ModelInferRequest
    per_second: int
    timeout_s: float
    codes: Counter[grpc.StatusCode] = field(default_factory=Counter)
    # How far the generator was behind its own clock at most.
    behind_s: float = 0.0

    async def run(self, until: asyncio.Event) -> None:
        """Returns once that is set and every call is answered."""
        calls: set[asyncio.Task[None]] = set()
        began, sent = time.monotonic(), 0
        while not until.is_set():
            due = began + sent / self.per_second
            now = time.monotonic()
            if now < due:
                await asyncio.sleep(due - now)
            self.behind_s = max(self.behind_s, time.monotonic() - due)
            task = asyncio.create_task(self._one())
            calls.add(task)
            task.add_done_callback(calls.discard)
            sent += 1
        await asyncio.gather(*calls)

    async def _one(self) -> None:
        self.codes[await self.group.call(self.request, self.timeout_s)] += 1

    def failed(self) -> int:
        return sum(self.codes.values()) - self.codes[grpc.StatusCode.OK]
