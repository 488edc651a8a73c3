"""The Deployment on the cluster and the balancer before it."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from k8s.tests.control_plane import ControlPlane
from k8s.tests.pods import workload
from k8s.tests.pods.balancer import Balancer
from k8s.tests.pods.envoy import Envoy
from k8s.tests.pods.traffic import BARE_PER_SECOND, CHECKED_PER_SECOND, Seen
from k8s.tests.pods.workload import NAMESPACE, Way

# A pod's start, its registration and its end, all on two cores that others use too.
LIMIT_S = 180


class Fleet:
    """Pods of one way, from entering the block to its end."""

    def __init__(
        self,
        plane: ControlPlane,
        folder: Path,
        way: Way,
        *,
        replicas: int = 3,
        requests_per_connection: int = 1000,
    ) -> None:
        self.plane, self.way, self.replicas = plane, way, replicas
        self.envoy = Envoy(folder, requests_per_connection)
        self.balancer = Balancer(plane, self.envoy)

    def __enter__(self) -> Self:
        self.envoy.start()
        self.balancer.start()
        try:
            self.apply("v1")
            self.settle()
        except BaseException:
            # Another fleet has the same ports.
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.balancer.stop()
        self.envoy.stop()
        # Nobody calls any more.
        self.kubectl("delete", "deployment", "penstock", "--wait=false")
        self.kubectl("delete", "pods", "--all", "--grace-period=1", "--timeout=60s")

    def apply(self, models: str) -> None:
        made = workload.objects(self.way, self.replicas, models)
        self.plane.kubectl("apply", "--filename", "-", input_text=yaml.safe_dump_all(made))

    def kubectl(self, *arguments: str) -> str:
        return self.plane.kubectl("--namespace", NAMESPACE, *arguments, timeout_s=LIMIT_S + 30).stdout

    def release(self, name: str) -> None:
        """A change of the pods' template, which is what a new image is too."""
        change = {"spec": {"template": {"metadata": {"annotations": {"release": name}}}}}
        self.kubectl("patch", "deployment", "penstock", "--patch", json.dumps(change))

    def scale(self, replicas: int) -> None:
        self.replicas = replicas
        self.kubectl("scale", "deployment", "penstock", f"--replicas={replicas}")

    def settle(self) -> None:
        """Returns when the rollout is over, the pods that had to leave are gone, and the others get calls."""
        self.kubectl("rollout", "status", "deployment/penstock", f"--timeout={LIMIT_S}s")
        self.plane.wait_for(
            lambda: len(self.pods()) == self.replicas and self.balancer.healthy() == self.replicas,
            f"{self.replicas} targets",
            LIMIT_S,
        )

    def pods(self) -> list[dict[str, Any]]:
        path = f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=app.kubernetes.io%2Fname%3Dpenstock"
        items: list[dict[str, Any]] = self.plane.get(path)["items"]
        return items

    def restarts(self) -> int:
        return sum(
            s["restartCount"] for pod in self.pods() for s in pod["status"].get("containerStatuses", [])
        )

    def wait_for_restarts(self, count: int) -> float:
        """Seconds until so many restarts are seen and every pod gets calls again."""
        began = time.monotonic()
        self.plane.wait_for(lambda: self.restarts() >= count, "a restart", LIMIT_S)
        self.settle()
        return time.monotonic() - began

    def start_seconds(self, pod: dict[str, Any]) -> float:
        """From the start of the pod's server to its containers' readiness."""
        (server,) = pod["status"]["containerStatuses"]
        (ready,) = (c for c in pod["status"]["conditions"] if c["type"] == "ContainersReady")
        began, ended = (
            datetime.fromisoformat(moment)
            for moment in (server["state"]["running"]["startedAt"], ready["lastTransitionTime"])
        )
        return (ended - began).total_seconds()


def all_well(seen: Seen, fleet: Fleet) -> None:
    """Nothing failed, and nothing was answered wrongly."""
    assert seen.failures == {}, fleet.envoy.refusals()
    assert seen.client_failures == {}
    assert seen.wrong() == 0
    # Both called all the time.
    assert seen.calls > 10 * BARE_PER_SECOND
    assert seen.client_calls > 10 * CHECKED_PER_SECOND
