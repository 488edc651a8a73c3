"""The base's own objects on the one node, with the times of leaving six times as fast.

Seconds of Kubernetes are whole; what would fall below its second stays at one. Probes' own time-outs stay, as a machine
with two cores is slow to answer.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

from tests.structure import manifests as k8s
from tests.structure.manifests import Manifest
from tests.structure.test_drain import PROPAGATION_S, deregistration_delays

SPEED = 6
NAMESPACE = "penstock"
IMAGE = "localhost/penstock:test"
# As the AWS load balancer controller names the conditions that it sets.
GATE = "target-health.elbv2.k8s.aws/penstock"

# A server that ends at SIGTERM with whatever it has under way.
ABRUPT = "penstock serve & trap 'kill -KILL $!' TERM; wait"

_RENDERED = k8s.render("components/alb-ingress")
SETTINGS = k8s.settings(_RENDERED)
PRE_STOP_S = k8s.container(_RENDERED)["lifecycle"]["preStop"]["sleep"]["seconds"] // SPEED
LAG_S = PROPAGATION_S / SPEED
DEREGISTRATION_S = deregistration_delays(_RENDERED)[0] / SPEED
LONGEST_CALL_S = SETTINGS.max_timeout_ms / 1000 / SPEED


@dataclass(frozen=True)
class Way:
    """How pods are run; the default is the manifests' way. The rest is for controls."""

    gate: bool = True
    pre_stop: bool = True
    drain: bool = True


def objects(way: Way, replicas: int = 3, models: str = "v1") -> list[Manifest]:
    """What is applied: the base with models by image volume, without its autoscaler."""
    made = copy.deepcopy(k8s.render("components/models/image-volume"))
    made = [m for m in made if m["kind"] != "HorizontalPodAutoscaler"]
    (settings,) = (m for m in made if m["kind"] == "ConfigMap")
    settings["data"] |= {
        "PENSTOCK_MAX_TIMEOUT_MS": str(SETTINGS.max_timeout_ms // SPEED),
        "PENSTOCK_DEFAULT_TIMEOUT_MS": str(SETTINGS.default_timeout_ms // SPEED),
        "PENSTOCK_DRAIN_DELAY_S": f"{SETTINGS.drain_delay_s / SPEED:.2f}",
        "PENSTOCK_DRAIN_TIMEOUT_S": f"{SETTINGS.drain_timeout_s / SPEED:.2f}",
    }
    deployment = k8s.one(made, "Deployment")
    deployment["spec"] |= {
        "replicas": replicas,
        "minReadySeconds": math.ceil(deployment["spec"]["minReadySeconds"] / SPEED),
        "progressDeadlineSeconds": 180,
    }
    _change_pod(deployment["spec"]["template"]["spec"], way, models)
    return made


def _change_pod(pod: dict[str, Any], way: Way, models: str) -> None:
    pod["terminationGracePeriodSeconds"] //= SPEED
    if way.gate:
        # What the AWS load balancer controller's webhook adds to a pod of a namespace with its label.
        pod["readinessGates"] = [{"conditionType": GATE}]
    (server,) = (c for c in pod["containers"] if c["name"] == "penstock")
    server["image"] = IMAGE
    server["imagePullPolicy"] = "Never"
    # Seven pods, those that leave among them, share two cores with their load; the limits stay, by which the server
    # sizes its threads.
    server["resources"]["requests"] = {"cpu": "250m", "memory": "128Mi"}
    for volume in pod["volumes"]:
        if "image" in volume:
            volume["image"] = {"reference": f"localhost/models:{models}", "pullPolicy": "Never"}
    if not way.drain:
        server["command"] = ["sh", "-c", ABRUPT]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        server[probe]["periodSeconds"] = math.ceil(server[probe]["periodSeconds"] / SPEED)
    if way.pre_stop:
        server["lifecycle"]["preStop"]["sleep"]["seconds"] = PRE_STOP_S
    else:
        del server["lifecycle"]
