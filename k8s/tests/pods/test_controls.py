"""Controls: a rollout that leaves out a part of the manifests' way loses calls, or `test_scenarios` proves nothing."""

from __future__ import annotations

import pytest

from k8s.tests.control_plane import ControlPlane
from k8s.tests.pods.fleet import Fleet
from k8s.tests.pods.traffic import Traffic
from k8s.tests.pods.workload import Way

pytestmark = pytest.mark.timeout(600)

# Longer than the new pods need to be ready, and the old ones to be gone.
SLOW_REGISTRATION_S = 45

LEAST_LOST = 20

CONTROLS = {
    "no preStop": Way(pre_stop=False),
    "no preStop, abrupt exit at SIGTERM": Way(pre_stop=False, drain=False),
    "slow registration, no readiness gate": Way(gate=False),
}


@pytest.mark.parametrize("control", CONTROLS)
def test_a_rollout_that_leaves_out_a_part_loses_calls(cluster: ControlPlane, control: str) -> None:
    folder = cluster.folder / f"balancer-{list(CONTROLS).index(control)}"
    way = CONTROLS[control]
    with Fleet(cluster, folder, way, replicas=2) as fleet, Traffic(fleet.envoy) as traffic:
        if not way.gate:
            fleet.balancer.register_lag_s = SLOW_REGISTRATION_S
        fleet.release("two")
        fleet.settle()
        seen = traffic.stop()
    seen.add_row(f"rolling update of pods, {control}", control=True)
    # By what was left out, and not by a deadline that a busy machine missed.
    assert seen.unavailable > LEAST_LOST
    # Those that are answered are answered rightly all the same.
    assert seen.wrong() == 0
