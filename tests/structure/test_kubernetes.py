"""k8s/base keeps its promises: time to drain, no rights, probes by their names, settings that exist."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.config import Settings, load_settings

BASE = Path(__file__).parents[2] / "k8s" / "base"


def manifests() -> Iterator[dict[str, Any]]:
    for name in yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]:
        yield from yaml.safe_load_all((BASE / name).read_text())


def manifest(kind: str, name: str = "penstock") -> dict[str, Any]:
    (found,) = (m for m in manifests() if m["kind"] == kind and m["metadata"]["name"] == name)
    return found


@pytest.fixture
def pod() -> dict[str, Any]:
    spec: dict[str, Any] = manifest("Deployment")["spec"]["template"]["spec"]
    return spec


@pytest.fixture
def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["containers"]
    assert isinstance(only, dict)
    return only


@pytest.fixture
def settings(container: dict[str, Any]) -> Settings:
    """The settings as the server itself reads them, which refuses variables that it does not know."""
    return load_settings({}, {variable["name"]: variable["value"] for variable in container["env"]})


def test_every_file_of_the_base_is_listed() -> None:
    listed = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
    assert sorted(listed) == sorted(p.name for p in BASE.glob("*.yaml") if p.name != "kustomization.yaml")


def test_the_grace_period_outlasts_pre_stop_and_drain(
    pod: dict[str, Any], container: dict[str, Any], settings: Settings
) -> None:
    pre_stop_s = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    # Load balancers were seen to send for 15 to 19 seconds to a pod that is leaving.
    assert pre_stop_s >= 25
    drain_s = settings.drain_delay_s + settings.drain_timeout_s
    assert pod["terminationGracePeriodSeconds"] >= pre_stop_s + drain_s + 5


def test_a_rollout_never_serves_with_fewer_pods() -> None:
    assert manifest("Deployment")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_the_pod_passes_the_restricted_security_standard(
    pod: dict[str, Any], container: dict[str, Any]
) -> None:
    labels = manifest("Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_probes_ask_for_the_health_services_by_name(container: dict[str, Any], settings: Settings) -> None:
    asked = {probe: container[probe]["grpc"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert asked == {
        "startupProbe": {"port": settings.port, "service": "readiness"},
        "readinessProbe": {"port": settings.port, "service": "readiness"},
        "livenessProbe": {"port": settings.port, "service": "liveness"},
    }


def test_selectors_match_the_pods_labels() -> None:
    deployment = manifest("Deployment")["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    selectors = [
        deployment["selector"]["matchLabels"],
        manifest("Service")["spec"]["selector"],
        manifest("Service", "penstock-headless")["spec"]["selector"],
        manifest("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
    ]
    assert all(selector and selector.items() <= labels.items() for selector in selectors)


def test_service_ports_lead_to_the_servers_ports(container: dict[str, Any], settings: Settings) -> None:
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": settings.http_port, "grpc": settings.port, "metrics": settings.metrics_port}
    for name in ("penstock", "penstock-headless"):
        for port in manifest("Service", name)["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]


def test_kustomize_builds_the_base() -> None:
    command = next(
        (c for c in (["kustomize", "build"], ["kubectl", "kustomize"]) if shutil.which(c[0])), None
    )
    if command is None:
        pytest.skip("neither kustomize nor kubectl is installed")
    built = subprocess.run([*command, str(BASE)], capture_output=True, text=True, timeout=60, check=False)
    assert built.returncode == 0, built.stderr
    objects = list(yaml.safe_load_all(built.stdout))
    assert len(objects) == len(list(manifests()))
    assert {o["metadata"].get("namespace", "penstock") for o in objects} == {"penstock"}
