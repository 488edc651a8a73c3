"""When pods were made, got a node and were ready, and when nodes came and went; by every event of the watches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from k8s.tests.control_plane import ControlPlane
from k8s.tests.metrics_api import serving
from k8s.tests.simulation import NAMESPACE
from tests.structure.manifests import Manifest


@dataclass
class Pod:
    """Moments of one pod, by time.monotonic."""

    made_s: float
    bound_s: float | None = None
    ready_s: float | None = None
    preempted: bool = False
    gone_s: float | None = None


@dataclass
class Node:
    """Moments of one node, by time.monotonic, and what it can hold."""

    came_s: float
    cpus: int
    kind: str
    gone_s: float | None = None


@dataclass
class Timeline:
    """Follows from `start` on, until the control plane ends."""

    plane: ControlPlane
    servers: dict[str, Pod] = field(default_factory=dict)
    placeholders: dict[str, Pod] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    # What the autoscaler wanted, from when on.
    wanted: list[tuple[float, int]] = field(default_factory=list)

    def start(self) -> None:
        pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
        deployments = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
        watched: tuple[tuple[str, Callable[[str, Manifest], None]], ...] = (
            (pods, self._see_pod),
            ("/api/v1/nodes", self._see_node),
            (deployments, self._see_deployment),
        )
        for path, see in watched:
            threading.Thread(target=self._follow, args=(path, see), daemon=True).start()
        self.plane.wait_for(lambda: bool(self.wanted and self.servers), "the watches", 30)

    def nodes_there(self) -> list[Node]:
        return [node for node in list(self.nodes.values()) if node.gone_s is None]

    def cpus(self) -> int:
        """Of all nodes that are there."""
        return sum(node.cpus for node in self.nodes_there())

    def first_node_since(self, moment_s: float) -> float:
        return min(node.came_s for node in list(self.nodes.values()) if node.came_s > moment_s)

    def servers_since(self, moment_s: float) -> list[Pod]:
        """In the order of their making."""
        made = [pod for pod in list(self.servers.values()) if pod.made_s > moment_s]
        return sorted(made, key=lambda pod: pod.made_s)

    def fewest_wanted(self, around_s: float, slack_s: float) -> int:
        """The lowest wish within so many seconds of a moment, as events of two watches come in no order."""
        before = [wish for at, wish in self.wanted if at <= around_s - slack_s]
        near = [wish for at, wish in self.wanted if abs(at - around_s) < slack_s]
        return min([*before[-1:], *near])

    def _follow(self, path: str, see: Callable[[str, Manifest], None]) -> None:
        try:
            for event in self.plane.watch(path):
                see(event["type"], event["object"])
        except OSError:
            # The control plane has ended.
            return

    def _see_pod(self, event: str, seen: Manifest) -> None:
        now = time.monotonic()
        labels = seen["metadata"]["labels"]
        pods = self.placeholders if labels.get("app.kubernetes.io/component") == "headroom" else self.servers
        pod = pods.setdefault(seen["metadata"]["name"], Pod(now))
        if seen["spec"].get("nodeName") and pod.bound_s is None:
            pod.bound_s = now
        if serving(seen) and pod.ready_s is None:
            pod.ready_s = now
        reasons = [c.get("reason") for c in seen["status"].get("conditions", [])]
        pod.preempted |= "PreemptionByScheduler" in reasons
        if event == "DELETED":
            pod.gone_s = now

    def _see_node(self, event: str, seen: Manifest) -> None:
        labels = seen["metadata"]["labels"]
        node = self.nodes.setdefault(
            seen["metadata"]["name"],
            Node(
                time.monotonic(),
                int(labels["karpenter.k8s.aws/instance-cpu"]),
                labels["node.kubernetes.io/instance-type"],
            ),
        )
        if event == "DELETED":
            node.gone_s = time.monotonic()

    def _see_deployment(self, event: str, seen: Manifest) -> None:
        if seen["metadata"]["name"] == "penstock" and event != "DELETED":
            self.wanted.append((time.monotonic(), seen["spec"].get("replicas", 1)))
