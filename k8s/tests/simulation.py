"""The base on simulated nodes, with time fifteen times as fast: what is applied, and who watches its pods."""

from __future__ import annotations

import copy
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import yaml

from k8s.tests.control_plane import ControlPlane
from k8s.tests.metrics_api import serving
from tests.structure import manifests as k8s
from tests.structure.manifests import Manifest

# The autoscaler looks each second in place of each 15 s, and its periods and windows are as much shorter; so are the
# pods' start and end (pod_stages.yaml). Numbers of pods, percentages and tolerances are the base's own.
SPEED = 15
NAMESPACE = "penstock-simulated"
ZONES = ("zone-a", "zone-b", "zone-c")


def base(folder: str = "base", /, **deployment: Any) -> list[Manifest]:
    """The objects of a folder that has the base, for the simulation; keywords change the Deployment's spec."""
    made = copy.deepcopy(k8s.render(folder))
    for manifest in made:
        if manifest["kind"] == "Namespace":
            manifest["metadata"]["name"] = NAMESPACE
        elif "namespace" in manifest["metadata"]:
            manifest["metadata"]["namespace"] = NAMESPACE
    k8s.one(made, "Deployment")["spec"].update(deployment)
    return made


def faster(scaler: Manifest, max_replicas: int) -> Manifest:
    """The autoscaler at the simulation's speed."""
    made = copy.deepcopy(scaler)
    made["spec"]["maxReplicas"] = max_replicas
    for direction in made["spec"]["behavior"].values():
        direction["stabilizationWindowSeconds"] //= SPEED
        for policy in direction["policies"]:
            policy["periodSeconds"] //= SPEED
    return made


def apply(plane: ControlPlane, manifests: list[Manifest]) -> None:
    plane.kubectl("apply", "--filename", "-", input_text=yaml.safe_dump_all(manifests))


def add_nodes(plane: ControlPlane, count: int) -> None:
    """Nodes of 16 CPUs, dealt to three zones."""
    nodes = []
    for number in range(count):
        name = f"simulated-{number:02d}"
        labels = {
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "topology.kubernetes.io/zone": ZONES[number % 3],
        }
        size = {"cpu": "16", "memory": "32Gi", "pods": "110"}
        metadata = {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}}
        status = {"allocatable": size, "capacity": size}
        nodes.append({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": status})
    apply(plane, nodes)
    plane.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=60s")


def replicas(plane: ControlPlane) -> tuple[int, int]:
    """How many pods are wanted, and how many are ready."""
    found = plane.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/penstock")
    return found["spec"].get("replicas", 1), found["status"].get("readyReplicas", 0)


@dataclass
class Watcher:
    """Follows every event of the pods, so that nothing between two looks is missed."""

    plane: ControlPlane
    # Each event's time, pods that serve, and pods that there are, those that leave included.
    seen: list[tuple[float, int, int]] = field(default_factory=list)

    def start(self) -> None:
        """Returns once it follows."""
        threading.Thread(target=self._follow, daemon=True).start()
        self.plane.wait_for(lambda: bool(self.seen), "the watch of pods", 30)

    def forget(self) -> None:
        """Begins anew with the last event."""
        del self.seen[:-1]

    def fewest(self) -> int:
        return min(serve for _, serve, _ in self.seen)

    def most(self) -> int:
        return max(there for _, _, there in self.seen)

    def _follow(self) -> None:
        pods: dict[str, bool] = {}
        path = f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=app.kubernetes.io%2Fname%3Dpenstock"
        first = len(self.plane.get(path)["items"])
        try:
            for number, event in enumerate(self.plane.watch(path), 1):
                pod = event["object"]
                if event["type"] == "DELETED":
                    pods.pop(pod["metadata"]["name"], None)
                else:
                    pods[pod["metadata"]["name"]] = serving(pod)
                # While the first list is read, pods seem to be missing.
                if number >= first:
                    self.seen.append((time.monotonic(), sum(pods.values()), len(pods)))
        except OSError:
            # The control plane has ended.
            return
