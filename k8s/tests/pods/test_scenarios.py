"""What happens to pods while they are called: no call fails, or those alone that went to a dead or hung process.

All is real but the balancer, which is Envoy led by `balancer.py`, and the size and speed of things (`workload.py`).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from k8s.tests import report
from k8s.tests.control_plane import ControlPlane
from k8s.tests.pods import processes
from k8s.tests.pods.fleet import Fleet, all_well
from k8s.tests.pods.models import FACTORS
from k8s.tests.pods.traffic import BARE_PER_SECOND, Seen, Traffic
from k8s.tests.pods.workload import Way
from k8s.tests.report import Part

# An hour is for the longer mode.
pytestmark = pytest.mark.timeout(3600)

# At least so many calls in the test of rolling updates; k8s/tests/README.md has the longer mode.
CALLS = int(os.environ.get("PENSTOCK_PODS_CALLS", "0"))

# Of calls at a fixed rate to three servers; a machine that is busy for a tenth of a second has that many waiting.
MOST_IN_FLIGHT = BARE_PER_SECOND // 10


@pytest.fixture(scope="module")
def fleet(cluster: ControlPlane) -> Iterator[Fleet]:
    """Three pods the manifests' way."""
    with Fleet(cluster, cluster.folder / "balancer", Way()) as running:
        yield running


def test_the_server_runs_without_rights_and_cannot_write(fleet: Fleet) -> None:
    servers = processes.servers()
    assert len(servers) == fleet.replicas
    for server in servers:
        status = server.status()
        assert status["Uid"].split() == ["65532"] * 4
        assert status["Gid"].split() == ["65532"] * 4
        assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
        assert status["NoNewPrivs"] == "1"
        # By a filter: the runtime's default profile.
        assert status["Seccomp"] == "2"
        options = {where: options.split(",")[0] for where, options in server.mounts().items()}
        assert options["/"] == options["/models"] == "ro"
        assert options["/tmp"] == "rw"  # noqa: S108 - the base's volume


def test_a_new_pod_is_ready_soon(fleet: Fleet) -> None:
    """From the start of its container to its first readiness; Kubernetes tells both in whole seconds."""
    took_s = max(fleet.start_seconds(pod) for pod in fleet.pods())
    report.add_row(Part.PODS, "start of three servers at once, to ready", f"{took_s:.0f} s for the slowest")
    # The base's start-up probe allows 300.
    assert took_s < 60


def test_a_rolling_update_loses_no_call(fleet: Fleet) -> None:
    with Traffic(fleet.envoy) as traffic:
        began, rollouts = time.monotonic(), 0
        while not rollouts or (time.monotonic() - began) * BARE_PER_SECOND < CALLS:
            rollouts += 1
            fleet.release(f"rolling-{rollouts}")
            fleet.settle()
        seen = traffic.stop()
    seen.add_row("rolling update", f"{rollouts} of it")
    all_well(seen, fleet)


def test_scaling_out_and_in_loses_no_call(fleet: Fleet) -> None:
    with Traffic(fleet.envoy) as traffic:
        fleet.scale(5)
        fleet.settle()
        fleet.scale(3)
        fleet.settle()
        seen = traffic.stop()
    seen.add_row("scaling, 3 to 5 to 3 pods")
    all_well(seen, fleet)


def test_a_new_model_by_rollout_loses_no_call_and_answers_at_the_end(fleet: Fleet) -> None:
    with Traffic(fleet.envoy) as traffic:
        fleet.apply("v2")
        fleet.settle()
        seen = traffic.stop()
    seen.add_row("a new model, by image volume and rollout")
    all_well(seen, fleet)
    assert set(seen.factors) == set(FACTORS.values())
    with Traffic(fleet.envoy) as traffic:
        time.sleep(5)
        after = traffic.stop()
    assert set(after.factors) == {FACTORS["v2"]}


def test_a_killed_server_costs_the_calls_that_went_to_it(fleet: Fleet) -> None:
    before = fleet.restarts()
    with Traffic(fleet.envoy) as traffic:
        time.sleep(3)
        killed_s = time.monotonic()
        os.kill(processes.servers()[0].pid, signal.SIGKILL)
        took_s = fleet.wait_for_restarts(before + 1)
        time.sleep(3)
        seen = traffic.stop()
    out_s = fleet.balancer.first_out_s(killed_s) - killed_s
    seen.add_row(
        "kill -9 of a server",
        f"{seen.cut_off} were in flight, {seen.refused} the balancer sent to it before it was out of its targets, "
        f"after {out_s:.1f} s; serving again after {took_s:.0f} s",
    )
    assert seen.refused > 0
    # Nobody lost a call but those two ways; and the shipped policy outlasts the balancer's error.
    assert seen.cut_off + seen.refused == seen.failed, seen.failures
    assert seen.cut_off <= MOST_IN_FLIGHT
    assert seen.client_failures == {}
    nothing_fails_any_more(fleet, seen)


def test_a_hung_server_is_restarted(fleet: Fleet) -> None:
    before = fleet.restarts()
    with Traffic(fleet.envoy) as traffic:
        time.sleep(3)
        os.kill(processes.servers()[0].pid, signal.SIGSTOP)
        took_s = fleet.wait_for_restarts(before + 1)
        time.sleep(3)
        seen = traffic.stop()
    seen.add_row("SIGSTOP of a server", f"serving again after {took_s:.0f} s; {seen.why()}")
    nothing_fails_any_more(fleet, seen)


def nothing_fails_any_more(fleet: Fleet, seen: Seen) -> None:
    """Whatever was lost, no answer was wrong, and calls are well afterwards."""
    assert seen.wrong() == 0
    with Traffic(fleet.envoy) as traffic:
        # Each caller is to have called for ten; on a busy machine they take some to start.
        time.sleep(20)
        after = traffic.stop()
    all_well(after, fleet)
