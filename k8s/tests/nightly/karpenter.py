"""Karpenter's core with its own simulated provider: real decisions, nodes of kwok's that take their time to come.

The NodePool is that of components/karpenter, its requirements as they are. What is replaced: the class of nodes, and
how long a node must be quiet before it is consolidated, which is as much shorter as the simulation's times. Karpenter's
own periods and the time that it gives a drain are as they are.
"""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

from k8s.tests import simulation
from k8s.tests.control_plane import BINARIES, ControlPlane
from k8s.tests.simulation import SPEED
from tests.structure import manifests as k8s
from tests.structure.manifests import Manifest

PROGRAM = BINARIES / "karpenter-kwok"
# CRDs and AWS' instance types with prices, of Karpenter's own module; binaries.sh puts them there.
SOURCE = BINARIES / "karpenter"
# From the instance's launch to its registration as a node: a minute, as components/karpenter says.
NODE_DELAY_S = 60 // SPEED
NODE_CLASS = {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "penstock"}
ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}
# Compute-optimised ones, which our NodePool asks for, and those beside them, which it must not take.
CATEGORIES = ("c", "m")
_NAME = re.compile(r"([a-z]+)(\d+)[a-z-]*\.\w+")


def start(plane: ControlPlane, folder: Path) -> None:
    """Returns when the NodePool is ready; Karpenter ends with the control plane."""
    folder.mkdir()
    types = folder / "instance_types.json"
    types.write_text(json.dumps(instance_types()))
    crds = ["--filename", str(SOURCE / "crds")]
    plane.kubectl("apply", "--server-side", *crds)
    plane.kubectl("wait", "--for=condition=Established", *crds, "--timeout=30s")
    settings = {
        "KUBECONFIG": plane.kubeconfig("admin"),
        "DISABLE_LEADER_ELECTION": "true",
        "SYSTEM_NAMESPACE": "kube-system",
        # Any that are free.
        "METRICS_PORT": "0",
        "HEALTH_PROBE_PORT": "0",
        "INSTANCE_TYPES_FILE_PATH": types,
        # How long it waits for more pods before it makes nodes: a second, and ten at most.
        "BATCH_IDLE_DURATION": f"{1000 // SPEED}ms",
        "BATCH_MAX_DURATION": f"{10_000 // SPEED}ms",
    }
    plane.run("karpenter", "env", *(f"{name}={value}" for name, value in settings.items()), PROGRAM)
    simulation.apply(plane, [node_class(), node_pool()])
    plane.kubectl("wait", "--for=condition=Ready", "nodepool/penstock", "--timeout=60s")


def node_class() -> Manifest:
    return {
        "apiVersion": f"{NODE_CLASS['group']}/v1alpha1",
        "kind": NODE_CLASS["kind"],
        "metadata": {"name": NODE_CLASS["name"]},
        "spec": {"nodeRegistrationDelay": f"{NODE_DELAY_S}s"},
    }


def node_pool() -> Manifest:
    """The component's, for simulated nodes."""
    (found,) = k8s.of_kind(k8s.render("components/karpenter/nodes"), "NodePool")
    made = copy.deepcopy(found)
    made["spec"]["template"]["spec"]["nodeClassRef"] = NODE_CLASS
    disruption = made["spec"]["disruption"]
    minutes = int(disruption["consolidateAfter"].removesuffix("m"))
    disruption["consolidateAfter"] = f"{minutes * 60 // SPEED}s"
    return made


def instance_types() -> list[dict[str, Any]]:
    """AWS' with the labels that Karpenter's provider for AWS gives them, which our NodePool selects by."""
    made = []
    for each in json.loads((SOURCE / "aws_instance_types.json").read_text()):
        name = _NAME.fullmatch(each["name"])
        if not name or name[1] not in CATEGORIES or each["operatingSystems"] != ["linux"]:
            continue
        if each["architecture"] not in ARCHITECTURES:
            continue
        labels = {"category": name[1], "generation": name[2], "cpu": each["resources"]["cpu"]}
        requirements = [
            {"key": f"karpenter.k8s.aws/instance-{label}", "operator": "In", "values": [value]}
            for label, value in labels.items()
        ]
        for offering in each["offerings"]:
            offering["Requirements"] += requirements
        made.append({**each, "architecture": ARCHITECTURES[each["architecture"]]})
    return made


def objects(*, headroom: bool) -> list[Manifest]:
    """The base with both components, at the simulation's speed; without headroom for a control."""
    made = simulation.base("tests/nightly/manifests")
    scaler = k8s.one(made, "HorizontalPodAutoscaler")
    made[made.index(scaler)] = simulation.faster(scaler, max_replicas=100)
    return [m for m in made if headroom or m["metadata"]["name"] != "penstock-headroom"]
