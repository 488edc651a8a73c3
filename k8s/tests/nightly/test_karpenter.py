"""Karpenter's core with the base: headroom yields to a sudden load, consolidation moves no more pods than it may."""

from __future__ import annotations

import contextlib
import math
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from k8s.tests import report, simulation
from k8s.tests.control_plane import ControlPlane
from k8s.tests.metrics_api import MetricsApi
from k8s.tests.nightly import karpenter
from k8s.tests.nightly.timeline import Pod, Timeline
from k8s.tests.report import Part
from k8s.tests.simulation import NAMESPACE, Watcher
from tests.structure import manifests as k8s

pytestmark = pytest.mark.timeout(1500)

TARGET = 0.65
FEW, MANY = 20, 80
# The autoscaler's first step from FEW, which is what the headroom has room for.
STEP = 20
LIMIT_S = 240


@dataclass
class Rise:
    """What a load of four times brought, from the moment it rose."""

    timeline: Timeline
    rose_s: float
    nodes_before: int
    room_before: int
    ready_s: float = 0.0
    forgotten: int = 0

    def pods(self) -> list[Pod]:
        """The servers that were made for it, in their order."""
        return self.timeline.servers_since(self.rose_s)

    def at_once(self) -> int:
        """How many of the first step had a node before the first one that was made for them had come."""
        came_s = self.first_node_s()
        return sum(pod.bound_s is not None and pod.bound_s < came_s for pod in self.pods()[:STEP])

    def first_node_s(self) -> float:
        """No node that was asked for after the rise comes sooner than its delay."""
        return self.timeline.first_node_since(self.rose_s + karpenter.NODE_DELAY_S)

    def waits_s(self) -> list[float]:
        """Of the first step's pods, from their making to their node."""
        return [pod.bound_s - pod.made_s for pod in self.pods()[:STEP] if pod.bound_s is not None]

    def step_ready_s(self) -> float:
        """Until as many pods as the first step has were ready beside those before."""
        ready = sorted(pod.ready_s for pod in self.pods() if pod.ready_s is not None)
        return ready[STEP - 1] - self.rose_s

    def told(self) -> str:
        """For the report; seconds are the simulation's, as Karpenter's own work is no faster in it."""
        nodes = self.timeline.nodes_there()
        kinds = Counter(node.kind for node in nodes)
        return (
            f"{self.at_once()} of the first {STEP} pods had a node before a new one came, the last after "
            f"{max(self.waits_s()):.1f} s; {STEP} more ready after {self.step_ready_s():.0f} s, all after "
            f"{self.ready_s - self.rose_s:.0f} s; {self.nodes_before} to {len(nodes)} nodes "
            f"({', '.join(f'{count} {kind}' for kind, count in kinds.most_common())}); "
            f"{self.forgotten} pods forgotten by the scheduler, and deleted"
        )


@pytest.fixture(scope="module")
def metrics(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MetricsApi]:
    if not karpenter.PROGRAM.exists():
        pytest.skip("Karpenter is not built (make k8s-nightly builds it where Go is)")
    karpenter.start(plane, tmp_path_factory.mktemp("karpenter") / "settings")
    served = MetricsApi(plane, tmp_path_factory.mktemp("metrics"))
    served.start()
    yield served
    served.stop()


@contextlib.contextmanager
def fleet(plane: ControlPlane, metrics: MetricsApi, *, headroom: bool) -> Iterator[Timeline]:
    """FEW pods under as much load, on nodes that Karpenter made for them."""
    metrics.busy_pods = FEW * TARGET
    simulation.apply(plane, karpenter.objects(headroom=False))
    try:
        plane.wait_for(lambda: settled(plane, FEW), f"{FEW} pods", LIMIT_S)
        if headroom:
            simulation.apply(plane, karpenter.objects(headroom=True))
            plane.wait_for(lambda: placeholders_ready(plane) == STEP, "the headroom", LIMIT_S)
        timeline = Timeline(plane)
        timeline.start()
        yield timeline
    finally:
        plane.kubectl("delete", "namespace", NAMESPACE, "--timeout=120s")
        plane.kubectl("delete", "nodeclaims", "--all", "--timeout=120s", timeout_s=150)


def settled(plane: ControlPlane, pods: int, without: int = 0) -> bool:
    wanted, ready = simulation.replicas(plane)
    # Within the autoscaler's tolerance, for which one pod of many is too little.
    return abs(wanted - pods) <= math.ceil(pods * 0.02) and ready == wanted - without


def fallen(plane: ControlPlane) -> bool:
    wanted, ready = simulation.replicas(plane)
    # The autoscaler's tolerance downwards is Kubernetes' tenth.
    return wanted <= FEW * 1.15 and ready == wanted


def forgotten(plane: ControlPlane) -> list[str]:
    """Pods that have pushed a placeholder out and are not looked at any more (components/headroom)."""
    found = plane.get(f"/api/v1/namespaces/{NAMESPACE}/pods")["items"]
    nominated = [
        pod for pod in found if "nominatedNodeName" in pod["status"] and "nodeName" not in pod["spec"]
    ]
    return [pod["metadata"]["name"] for pod in nominated]


def placeholders_ready(plane: ControlPlane) -> int:
    found = plane.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/penstock-headroom")
    return int(found["status"].get("readyReplicas", 0))


def rise(plane: ControlPlane, metrics: MetricsApi, timeline: Timeline) -> Rise:
    """The load of MANY pods, until as many are ready."""
    held = sum(p.gone_s is None for p in (*timeline.servers.values(), *timeline.placeholders.values()))
    # A node keeps a tenth of a CPU for itself, so that one pod fewer than it has CPUs fits.
    room = timeline.cpus() - len(timeline.nodes_there()) - held
    seen = Rise(timeline, time.monotonic(), len(timeline.nodes_there()), room)
    metrics.busy_pods = MANY * TARGET
    plane.wait_for(lambda: settled(plane, MANY, len(forgotten(plane))), f"{MANY} pods", LIMIT_S)
    seen.ready_s = time.monotonic()
    left = forgotten(plane)
    seen.forgotten = len(left)
    for name in left:
        plane.kubectl("--namespace", NAMESPACE, "delete", "pod", name)
    plane.wait_for(lambda: settled(plane, MANY), f"{MANY} pods", LIMIT_S)
    return seen


def test_without_headroom_pods_wait_for_nodes(plane: ControlPlane, metrics: MetricsApi) -> None:
    """Control: in the same fleet, or headroom proves nothing."""
    with fleet(plane, metrics, headroom=False) as timeline:
        seen = rise(plane, metrics, timeline)
        assert seen.at_once() <= seen.room_before < STEP
        assert max(seen.waits_s()) >= karpenter.NODE_DELAY_S
        report.add_row(
            Part.KARPENTER, "a sudden load on Karpenter's nodes, without headroom", seen.told(), control=True
        )


def test_headroom_yields_and_comes_back_and_consolidation_keeps_to_the_budget(
    plane: ControlPlane, metrics: MetricsApi
) -> None:
    with fleet(plane, metrics, headroom=True) as timeline:
        seen = rise(plane, metrics, timeline)
        # But for those that the scheduler forgets, which are few.
        assert seen.at_once() >= STEP * 3 / 4 > seen.room_before
        came_s = seen.first_node_s()
        placeholders = list(timeline.placeholders.values())
        gone = [p for p in placeholders if p.preempted and p.gone_s and p.gone_s < came_s]
        assert len(gone) >= STEP - seen.room_before
        plane.wait_for(lambda: placeholders_ready(plane) == STEP, "new headroom", LIMIT_S)
        back_s = time.monotonic() - seen.rose_s
        report.add_row(
            Part.KARPENTER,
            f"a sudden load, with headroom for {STEP} pods",
            f"{seen.told()}; {len(gone)} placeholders made way at once, all back after {back_s:.0f} s",
        )
        nodes_follow_the_pods_away(plane, metrics, timeline)


def nodes_follow_the_pods_away(plane: ControlPlane, metrics: MetricsApi, timeline: Timeline) -> None:
    """A quarter of the load: pods go, then nodes, with what stays on them moved within the budget."""
    watcher = Watcher(plane)
    watcher.start()
    began_s, nodes, cpus = time.monotonic(), len(timeline.nodes_there()), timeline.cpus()
    metrics.busy_pods = FEW * TARGET
    plane.wait_for(lambda: fallen(plane), "fewer pods", LIMIT_S)
    fewer_s = time.monotonic() - began_s
    # Half of the room is more than the pods and the headroom need. Nodes go one by one, each looked at twice.
    plane.wait_for(lambda: timeline.cpus() <= cpus / 2, "fewer nodes", 3 * LIMIT_S)
    plane.wait_for(lambda: fallen(plane), "the pods that were moved", LIMIT_S)
    took_s = time.monotonic() - began_s
    moved = [at for at, serve, _ in watcher.seen if serve < timeline.fewest_wanted(at, 1)]
    for at, serve, _ in watcher.seen:
        wanted = timeline.fewest_wanted(at, 1)
        assert serve >= wanted - allowed(wanted), f"{serve} of {wanted}"
    lowest = min(serve for at, serve, _ in watcher.seen if at > began_s + fewer_s)
    report.add_row(
        Part.KARPENTER,
        "the load falls again, and nodes are consolidated",
        f"{MANY} to {FEW} pods in {fewer_s:.0f} s, {nodes} to {len(timeline.nodes_there())} nodes and {cpus} to "
        f"{timeline.cpus()} CPUs in {took_s:.0f} s; {len(watcher.seen)} events, {len(moved)} with fewer serving than "
        f"wanted, never fewer than the budget allows; at {FEW} pods never fewer than {lowest}",
    )


def allowed(pods: int) -> int:
    """How many the base's disruption budget lets go at once; Kubernetes rounds up."""
    budget = k8s.one(k8s.render("base"), "PodDisruptionBudget")["spec"]["maxUnavailable"]
    return math.ceil(pods * int(budget.removesuffix("%")) / 100)
