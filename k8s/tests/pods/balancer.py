"""A stand-in for the AWS load balancer controller and an ALB's target group; the calls themselves go through Envoy.

What it has of them: a pod is registered when its endpoint is ready, or its containers are where it has a readiness
gate; it is asked for Probe/Ready and gets calls after two answers with code 0, which turns its gate; a pod that
leaves is deregistered, gets new calls until that has come through, and keeps its open ones for the deregistration
delay.
What it has not: several balancer nodes, zones, the fail-open of a group without a healthy target.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import grpc

from k8s.tests.control_plane import ControlPlane
from k8s.tests.pods.envoy import Envoy
from k8s.tests.pods.workload import DEREGISTRATION_S, GATE, LAG_S, NAMESPACE, SPEED
from penstock.pb import probe_pb2, probe_pb2_grpc

# The manifests' interval of health checks and number of equal answers.
HEALTH_INTERVAL_S, IN_A_ROW = 5 / SPEED, 2
_LOOK_S = 0.1


@dataclass
class Target:
    """An address of the target group."""

    address: str
    pod: str
    gated: bool
    # initial, healthy, unhealthy, draining
    state: str = "initial"
    since: float = field(default_factory=time.monotonic)
    in_a_row: int = 0
    next_check: float = 0.0
    gate_open: bool = False


class Balancer:
    """Runs in a thread from `start` to `stop`. Every change of a target is in `events`."""

    def __init__(self, plane: ControlPlane, envoy: Envoy, register_lag_s: float = LAG_S) -> None:
        self._plane, self._envoy = plane, envoy
        self.register_lag_s = register_lag_s
        self.targets: dict[str, Target] = {}
        self.events: list[tuple[float, str, str]] = []
        self._pods: dict[str, Any] = {}
        self._slices: dict[str, Any] = {}
        # Since when an address is wanted, or not wanted any more.
        self._asked: dict[str, float] = {}
        self._channels: dict[str, grpc.Channel] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        slices = "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices?labelSelector={}"
        service = quote("kubernetes.io/service-name=penstock")
        for path, kept in (
            (slices.format(NAMESPACE, service), self._slices),
            (f"/api/v1/namespaces/{NAMESPACE}/pods", self._pods),
        ):
            threading.Thread(target=self._follow, args=(path, kept), daemon=True).start()
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(10)
        for channel in self._channels.values():
            channel.close()

    def healthy(self) -> int:
        return sum(target.state == "healthy" for target in list(self.targets.values()))

    def first_out_s(self, since_s: float) -> float:
        """When, by the monotonic clock, a target got no new calls any more for the first time after `since_s`."""
        return next(
            at for at, _, what in list(self.events) if at > since_s and what in ("unhealthy", "draining")
        )

    def _follow(self, path: str, kept: dict[str, Any]) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(OSError, ValueError):
                for event in self._plane.watch(path):
                    name = event["object"]["metadata"].get("name")
                    if event["type"] == "DELETED":
                        kept.pop(name, None)
                    elif event["type"] != "ERROR":
                        kept[name] = event["object"]
            self._ended.wait(0.5)

    def _run(self) -> None:
        told: dict[str, str] = {}
        while not self._ended.wait(_LOOK_S):
            self._follow_endpoints(self._wanted())
            for target in self.targets.values():
                if target.state != "draining" and time.monotonic() >= target.next_check:
                    self._check(target)
            states = {t.address: _ENVOY[t.state] for t in self.targets.values()}
            if states != told:
                self._envoy.set_endpoints(states)
                told = states
            for target in self.targets.values():
                if target.state == "healthy" and target.gated and not target.gate_open:
                    self._open_gate(target)

    def _wanted(self) -> dict[str, tuple[str, bool]]:
        """Addresses that are to be targets, with their pods and whether these have the gate."""
        wanted = {}
        for piece in list(self._slices.values()):
            port = next((p["port"] for p in piece.get("ports") or [] if p["name"] == "grpc"), None)
            for endpoint in piece.get("endpoints") or []:
                name = (endpoint.get("targetRef") or {}).get("name", "")
                pod = self._pods.get(name)
                if port is None or pod is None or endpoint["conditions"].get("terminating"):
                    continue
                gated = any(g["conditionType"] == GATE for g in pod["spec"].get("readinessGates") or [])
                ready = _is(pod, "ContainersReady") if gated else endpoint["conditions"].get("ready")
                if ready and "deletionTimestamp" not in pod["metadata"]:
                    wanted[f"{endpoint['addresses'][0]}:{port}"] = (name, gated)
        return wanted

    def _follow_endpoints(self, wanted: dict[str, tuple[str, bool]]) -> None:
        now = time.monotonic()
        known = {a for a, t in self.targets.items() if t.state != "draining"}
        for address in set(self._asked) - (set(wanted) ^ known):
            del self._asked[address]
        for address in set(wanted) - known:
            if now - self._asked.setdefault(address, now) >= self.register_lag_s:
                self.targets[address] = Target(address, *wanted[address])
                self._tell(address, "registered")
        for address in known - set(wanted):
            if now - self._asked.setdefault(address, now) >= LAG_S:
                self._turn(self.targets[address], "draining")
        for address, target in list(self.targets.items()):
            if target.state == "draining" and now - target.since >= DEREGISTRATION_S:
                del self.targets[address]
                self._tell(address, "gone")

    def _check(self, target: Target) -> None:
        target.next_check = time.monotonic() + HEALTH_INTERVAL_S
        if target.address not in self._channels:
            self._channels[target.address] = grpc.insecure_channel(
                target.address, (("grpc.enable_retries", 0),)
            )
        call = probe_pb2_grpc.ProbeStub(self._channels[target.address]).Ready.future(
            probe_pb2.ReadyRequest(), timeout=HEALTH_INTERVAL_S
        )
        call.add_done_callback(lambda ended: self._checked(target, ended.exception() is None))

    def _checked(self, target: Target, well: bool) -> None:
        target.in_a_row = max(1, target.in_a_row + 1) if well else min(-1, target.in_a_row - 1)
        if target.state == "draining":
            return
        if target.in_a_row >= IN_A_ROW and target.state != "healthy":
            self._turn(target, "healthy")
        elif target.in_a_row <= -IN_A_ROW and target.state == "healthy":
            self._turn(target, "unhealthy")

    def _open_gate(self, target: Target) -> None:
        condition = {
            "type": GATE,
            "status": "True",
            "lastTransitionTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        patch = json.dumps({"status": {"conditions": [condition]}})
        patched = self._plane.kubectl(
            "--namespace",
            NAMESPACE,
            "patch",
            "pod",
            target.pod,
            "--subresource=status",
            "--patch",
            patch,
            check=False,
        )
        target.gate_open = patched.returncode == 0

    def _turn(self, target: Target, state: str) -> None:
        target.state, target.since = state, time.monotonic()
        self._tell(target.address, state)

    def _tell(self, address: str, what: str) -> None:
        self.events.append((time.monotonic(), address, what))


_ENVOY = {"initial": "UNHEALTHY", "healthy": "HEALTHY", "unhealthy": "UNHEALTHY", "draining": "DRAINING"}


def _is(pod: Any, condition: str) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == condition and c["status"] == "True" for c in conditions)
