"""k8s/ keeps its promises however it is put together: no rights, probes by their names, settings that exist."""

import re

import pytest

from penstock.config import Settings
from tests.structure import manifests as k8s
from tests.structure.manifests import Manifest


@pytest.fixture(params=k8s.WAYS)
def rendered(request: pytest.FixtureRequest) -> list[Manifest]:
    return k8s.render(request.param)


@pytest.fixture
def pod(rendered: list[Manifest]) -> Manifest:
    return k8s.pod(rendered)


@pytest.fixture
def container(rendered: list[Manifest]) -> Manifest:
    return k8s.container(rendered)


@pytest.fixture
def settings(rendered: list[Manifest]) -> Settings:
    return k8s.settings(rendered)


@pytest.mark.parametrize("kustomization", sorted(k8s.K8S.rglob("kustomization.yaml")), ids=str)
def test_every_file_beside_a_kustomization_is_named_in_it(kustomization: k8s.Path) -> None:
    text = kustomization.read_text()
    beside = {p.name for p in kustomization.parent.iterdir() if p.is_file()} - {
        "kustomization.yaml",
        "README.md",
    }
    assert {name for name in beside if name not in text} == set()


@pytest.mark.parametrize("component", [*k8s.COMPONENTS, *k8s.ALONE])
def test_every_component_says_when_what_it_costs_and_how_it_is_tested(component: str) -> None:
    folder = k8s.K8S / component
    readme = next(f / "README.md" for f in (folder, folder.parent) if (f / "README.md").exists())
    text = readme.read_text()
    assert [word for word in ("**When**", "**Cost**", "**Tested**") if word not in text] == []


def test_a_rollout_never_serves_with_fewer_pods(rendered: list[Manifest]) -> None:
    assert k8s.one(rendered, "Deployment")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_the_autoscaler_alone_says_how_many_pods_there_are(rendered: list[Manifest]) -> None:
    scalers = [*k8s.of_kind(rendered, "HorizontalPodAutoscaler"), *k8s.of_kind(rendered, "ScaledObject")]
    fixed = "replicas" in k8s.one(rendered, "Deployment")["spec"]
    assert len(scalers) + fixed == 1


def test_the_pod_passes_the_restricted_security_standard(rendered: list[Manifest], pod: Manifest) -> None:
    (namespace,) = k8s.of_kind(rendered, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in (*pod["containers"], *pod.get("initContainers", [])):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_probes_ask_for_the_health_services_by_name(container: Manifest, settings: Settings) -> None:
    probes = {probe: container[probe] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    if settings.tls_certificate:
        # The kubelet's gRPC probes speak no TLS.
        asked = {probe: found["httpGet"] for probe, found in probes.items()}
        assert asked == {
            "startupProbe": {"port": settings.metrics_port, "path": "/readyz"},
            "readinessProbe": {"port": settings.metrics_port, "path": "/readyz"},
            "livenessProbe": {"port": settings.metrics_port, "path": "/livez"},
        }
        return
    assert {probe: found["grpc"] for probe, found in probes.items()} == {
        "startupProbe": {"port": settings.port, "service": "readiness"},
        "readinessProbe": {"port": settings.port, "service": "readiness"},
        "livenessProbe": {"port": settings.port, "service": "liveness"},
    }


def test_cpus_are_whole_and_requests_are_limits(container: Manifest) -> None:
    resources = container["resources"]
    assert resources["requests"] == resources["limits"]
    assert re.fullmatch(r"[1-9]\d*", str(resources["requests"]["cpu"]))


def test_selectors_match_the_pods_labels(rendered: list[Manifest]) -> None:
    deployment = k8s.one(rendered, "Deployment")["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    selectors = [deployment["selector"]["matchLabels"]]
    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy", "PodMonitor"):
        for manifest in k8s.of_kind(rendered, kind):
            spec = manifest["spec"]
            selector = spec.get("podSelector") or spec.get("selector")
            selectors.append(selector.get("matchLabels", selector))
    assert all(selector and selector.items() <= labels.items() for selector in selectors)


def test_service_ports_lead_to_the_servers_ports(
    rendered: list[Manifest], container: Manifest, settings: Settings
) -> None:
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": settings.http_port, "grpc": settings.port, "metrics": settings.metrics_port}
    for service in k8s.of_kind(rendered, "Service"):
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in ports


def test_all_objects_of_an_overlay_are_in_one_namespace(rendered: list[Manifest]) -> None:
    (namespace,) = k8s.of_kind(rendered, "Namespace")
    assert {m["metadata"].get("namespace", namespace["metadata"]["name"]) for m in rendered} == {
        namespace["metadata"]["name"]
    }
