"""Real servers with the base's own settings leave one after the other under calls: none is lost.

The kubelet's part (readiness, preStop, SIGTERM, SIGKILL) is played by the test in its order, and the balancer's by
`target_group`. All times are the manifests' own, six times as fast. The controls leave out one part each, and must lose
calls, or the first test proves nothing.
"""

import asyncio
import signal
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from k8s.tests import report
from k8s.tests.report import Part
from k8s.tests.target_group import Load, TargetGroup, Times
from tests import models
from tests.contract.conftest import DOORS
from tests.integration.calls import infer_request
from tests.server_process import ServerProcess
from tests.structure import manifests as k8s
from tests.structure.test_drain import PROPAGATION_S

pytestmark = pytest.mark.timeout(300)

SPEED = 6
SERVERS = 3
CALLS_PER_SECOND = 250
RENDERED = k8s.render("base")
SETTINGS = k8s.settings(RENDERED)
PRE_STOP_S = k8s.container(RENDERED)["lifecycle"]["preStop"]["sleep"]["seconds"] / SPEED
GRACE_S = k8s.pod(RENDERED)["terminationGracePeriodSeconds"] / SPEED
FLAGS = (
    *("--drain-delay-s", f"{SETTINGS.drain_delay_s / SPEED:.2f}"),
    *("--drain-timeout-s", f"{SETTINGS.drain_timeout_s / SPEED:.2f}"),
)


@dataclass
class Way:
    """How a rollout is done; the default is the manifests'."""

    gate: bool = True
    pre_stop: bool = True
    stop: signal.Signals = signal.SIGTERM
    register_lag_s: float = 1.0
    door: str = "fast"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    models.write_raises(folder)
    return folder


class Rollout:
    """Replaces each server by a new one, as the Deployment controller does with maxUnavailable 0 and a surge of one."""

    def __init__(self, repository: Path, way: Way, stack: ExitStack) -> None:
        self._repository, self._way, self._stack = repository, way, stack
        times = Times(5 / SPEED, way.register_lag_s, PROPAGATION_S / SPEED)
        self.group = TargetGroup(times)
        self.load = Load(
            self.group, infer_request("raises", 2.0), CALLS_PER_SECOND, SETTINGS.max_timeout_ms / 1000
        )
        self.exit_codes: list[int] = []
        self._leaving: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        old = [await self._started() for _ in range(SERVERS)]
        for server in old:
            await asyncio.wait_for(self.group.register(server.address).healthy.wait(), 60)
        over = asyncio.Event()
        calls = asyncio.create_task(self.load.run(over))
        for leaver in old:
            new = await self._started()
            target = self.group.register(new.address)
            if self._way.gate:
                await asyncio.wait_for(target.healthy.wait(), 60)
            self._leaving.append(asyncio.create_task(self._leave(leaver)))
        await asyncio.gather(*self._leaving)
        await asyncio.sleep(1)
        over.set()
        await calls
        await self.group.close()

    async def _started(self) -> ServerProcess:
        server = ServerProcess(self._repository, *FLAGS, "--door", self._way.door)
        await asyncio.to_thread(self._stack.enter_context, server)
        return server

    async def _leave(self, server: ServerProcess) -> None:
        self.group.deregister(server.address)
        if self._way.pre_stop:
            await asyncio.sleep(PRE_STOP_S)
        server.process.send_signal(self._way.stop)
        self.exit_codes.append(await asyncio.wait_for(asyncio.to_thread(server.exit_code), 60))


async def roll(repository: Path, way: Way) -> Rollout:
    with ExitStack() as stack:
        rollout = Rollout(repository, way, stack)
        await rollout.run()
    return rollout


def add_row(what: str, load: Load, *, control: bool = False) -> None:
    calls = sum(load.codes.values())
    bound = f" (95 % bound {3 / calls:.1e} a call)" if not load.failed() else ""
    report.add_row(
        Part.SERVERS,
        what,
        f"{load.failed():,} of {calls:,} calls failed{bound}; {SERVERS} servers replaced, "
        f"{CALLS_PER_SECOND} calls a second, generator at most {load.behind_s * 1000:.0f} ms behind",
        control=control,
    )


@pytest.mark.parametrize("door", DOORS)
async def test_a_rollout_as_the_manifests_say_loses_no_call(repository: Path, door: str) -> None:
    rollout = await roll(repository, Way(door=door))
    assert rollout.load.failed() == 0, rollout.load.codes
    assert sum(rollout.load.codes.values()) > 1000
    # By itself, and before SIGKILL would have come.
    assert rollout.exit_codes == [0] * SERVERS
    assert PRE_STOP_S + (SETTINGS.drain_delay_s + SETTINGS.drain_timeout_s) / SPEED < GRACE_S
    add_row(f"rollout, {door} door", rollout.load)


CONTROLS = {
    "no preStop": Way(pre_stop=False),
    "no preStop, abrupt exit": Way(pre_stop=False, stop=signal.SIGKILL),
    "slow registration, no readiness gate": Way(gate=False, register_lag_s=30),
}


@pytest.mark.parametrize("control", CONTROLS)
async def test_a_rollout_that_leaves_out_a_part_loses_calls(repository: Path, control: str) -> None:
    rollout = await roll(repository, CONTROLS[control])
    assert rollout.load.failed() > 0
    add_row(f"rollout of servers, {control}", rollout.load, control=True)


async def test_slow_registration_with_the_gate_loses_no_call(repository: Path) -> None:
    rollout = await roll(repository, Way(register_lag_s=10))
    assert rollout.load.failed() == 0, rollout.load.codes
    add_row("rollout, slow registration, readiness gate", rollout.load)
