"""The real Deployment controller, scheduler and eviction on the base: never fewer pods that serve, by every event."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from k8s.tests import report, simulation
from k8s.tests.control_plane import ControlPlane
from k8s.tests.report import Part
from k8s.tests.simulation import NAMESPACE, Watcher

pytestmark = pytest.mark.timeout(600)

PODS = 40


@pytest.fixture(scope="module")
def fleet(plane: ControlPlane) -> Iterator[Watcher]:
    """40 pods of the base, without its autoscaler, and a watcher of them."""
    simulation.add_nodes(plane, 24)
    # A release that does not get on is told after 30 s in place of 600.
    made = simulation.base(replicas=PODS, progressDeadlineSeconds=30)
    simulation.apply(plane, [m for m in made if m["kind"] != "HorizontalPodAutoscaler"])
    plane.wait_for(lambda: simulation.replicas(plane) == (PODS, PODS), "40 pods", 120)
    wait_for_rollout(plane)
    watcher = Watcher(plane)
    watcher.start()
    yield watcher
    plane.kubectl("delete", "namespace", NAMESPACE, "--timeout=120s")


def release(plane: ControlPlane, **annotations: str) -> None:
    """A change of the pods' template, which is what a new image is too."""
    change: dict[str, Any] = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    arguments = (
        "patch",
        "deployment",
        "penstock",
        "--type",
        "merge",
        "--patch",
        str(change).replace("'", '"'),
    )
    plane.kubectl("--namespace", NAMESPACE, *arguments)


def wait_for_rollout(plane: ControlPlane, *, succeeds: bool = True) -> str:
    arguments = ("rollout", "status", "deployment/penstock", "--timeout=300s")
    ran = plane.kubectl("--namespace", NAMESPACE, *arguments, check=False, timeout_s=320)
    assert (ran.returncode == 0) is succeeds, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def test_a_rolling_update_never_serves_with_fewer_pods(fleet: Watcher) -> None:
    began = time.monotonic()
    fleet.forget()
    release(fleet.plane, release="two")
    wait_for_rollout(fleet.plane)
    took_s = time.monotonic() - began
    assert len(fleet.seen) > PODS
    assert fleet.fewest() >= PODS
    report.add_row(
        Part.SIMULATED,
        f"rolling update of {PODS} pods",
        f"{len(fleet.seen)} events, never fewer than {fleet.fewest()} serving, at most {fleet.most()} pods at once, "
        f"{took_s:.0f} s",
    )


def test_a_broken_release_stalls_serves_on_and_is_undone_by_one_command(fleet: Watcher) -> None:
    fleet.forget()
    release(fleet.plane, **{"penstock.test/broken": "yes"})
    assert "exceeded its progress deadline" in wait_for_rollout(fleet.plane, succeeds=False)
    fleet.plane.kubectl("--namespace", NAMESPACE, "rollout", "undo", "deployment/penstock")
    wait_for_rollout(fleet.plane)
    assert fleet.fewest() >= PODS
    report.add_row(
        Part.SIMULATED,
        "broken release, and its undoing",
        f"never fewer than {fleet.fewest()} of {PODS} serving",
    )


def test_the_pods_are_spread_over_the_zones(fleet: Watcher) -> None:
    nodes = {n["metadata"]["name"]: n for n in fleet.plane.objects("get", "nodes")["items"]}
    pods = fleet.plane.objects("--namespace", NAMESPACE, "get", "pods")["items"]
    zone = "topology.kubernetes.io/zone"
    zones = [nodes[p["spec"]["nodeName"]]["metadata"]["labels"][zone] for p in pods]
    counts = [zones.count(name) for name in simulation.ZONES]
    assert max(counts) - min(counts) <= 2, counts


def test_draining_a_zone_keeps_to_the_disruption_budget(fleet: Watcher) -> None:
    fleet.forget()
    zone = f"topology.kubernetes.io/zone={simulation.ZONES[0]}"
    fleet.plane.kubectl(
        "drain",
        "--selector",
        zone,
        "--delete-emptydir-data",
        "--ignore-daemonsets",
        "--timeout=240s",
        timeout_s=250,
    )
    fleet.plane.wait_for(lambda: simulation.replicas(fleet.plane)[1] == PODS, "the fleet after the drain", 60)
    fleet.plane.kubectl("uncordon", "--selector", zone)
    # A tenth.
    assert PODS - 4 <= fleet.fewest() < PODS
    report.add_row(
        Part.SIMULATED,
        "drain of a zone",
        f"never fewer than {fleet.fewest()} of {PODS} serving (the budget allows 36)",
    )


def test_the_watcher_sees_a_rollout_that_serves_with_fewer_pods(fleet: Watcher) -> None:
    """Control: without maxUnavailable 0 the same watcher must find fewer, or the tests above prove nothing."""
    fleet.forget()
    plane = fleet.plane
    # Not by the label that the policies look for.
    plane.kubectl("--namespace", NAMESPACE, "label", "deployment", "penstock", "app.kubernetes.io/name-")
    loose = '{"spec":{"strategy":{"rollingUpdate":{"maxUnavailable":"25%","maxSurge":0}}}}'
    plane.kubectl(
        "--namespace", NAMESPACE, "patch", "deployment", "penstock", "--type", "merge", "--patch", loose
    )
    release(plane, release="four")
    wait_for_rollout(plane)
    assert fleet.fewest() < PODS
    report.add_row(
        Part.SIMULATED,
        "rolling update with maxUnavailable 25 %",
        f"down to {fleet.fewest()} of {PODS} serving",
        control=True,
    )
