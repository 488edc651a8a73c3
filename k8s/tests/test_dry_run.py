"""A real API server takes every manifest: strict decoding, validation, CRDs' rules, pod security, and our policies."""

import copy
from typing import Any

import pytest
import yaml

from k8s.tests.control_plane import ControlPlane
from tests.structure import manifests as k8s
from tests.structure.manifests import Manifest

# The namespaces that any of the manifests are in.
NAMESPACES = ("penstock", "penstock-staging", "penstock-a", "penstock-b")
IN_NO_NAMESPACE = ("Namespace", "PersistentVolume", "PriorityClass", "ClusterRole", "ClusterRoleBinding")


@pytest.fixture(scope="module")
def ready(plane_with_crds: ControlPlane) -> ControlPlane:
    """With the namespaces, which a dry run needs, and the policies in force."""
    plane = plane_with_crds
    for name in NAMESPACES:
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        if name != "penstock-staging":
            labels["penstock/environment"] = "prod" if name in ("penstock-a", "penstock-b") else "any"
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        plane.kubectl("apply", "--filename", "-", input_text=yaml.safe_dump(namespace))
    plane.kubectl("apply", "--filename", "-", input_text=yaml.safe_dump_all(k8s.render("policies")))
    # Policies are compiled some time after they are stored.
    bad = changed(k8s.render("base"), "Deployment", "terminationGracePeriodSeconds", 30)
    plane.wait_for(lambda: refusal(plane, bad), "admission policies", 60)
    return plane


def in_namespace(manifests: list[Manifest]) -> list[Manifest]:
    """As an overlay would: each object in a namespace."""
    placed = copy.deepcopy(manifests)
    for manifest in placed:
        if manifest["kind"] not in IN_NO_NAMESPACE and not manifest["apiVersion"].startswith(
            ("karpenter", "admissionregistration")
        ):
            manifest["metadata"].setdefault("namespace", "penstock")
    return placed


def dry_run(plane: ControlPlane, manifests: list[Manifest]) -> Any:
    return plane.kubectl(
        "apply", "--dry-run=server", "--validate=strict", "--filename", "-",
        input_text=yaml.safe_dump_all(in_namespace(manifests)), check=False,
    )  # fmt: skip


def refusal(plane: ControlPlane, manifests: list[Manifest]) -> str:
    ran = dry_run(plane, manifests)
    return "" if ran.returncode == 0 else ran.stderr


def changed(manifests: list[Manifest], kind: str, key: str, value: Any) -> list[Manifest]:
    """The object of this kind, alone, with the first field of this name set (None takes it away)."""
    (found, *_) = (m for m in copy.deepcopy(manifests) if m["kind"] == kind)
    holder = holder_of(found, key)
    assert holder is not None, key
    if value is None:
        del holder[key]
    else:
        holder[key] = value
    return [found]


def holder_of(node: Any, key: str) -> Any:
    if isinstance(node, dict) and key in node:
        return node
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return next((found for each in inner if (found := holder_of(each, key)) is not None), None)


@pytest.mark.parametrize("way", [*k8s.WAYS, *k8s.ALONE])
def test_the_api_server_takes_it(ready: ControlPlane, way: str) -> None:
    ran = dry_run(ready, k8s.render(way))
    assert ran.returncode == 0, ran.stderr
    # Of the pod security standard, of deprecated fields, of what a policy could not look at.
    assert "Warning" not in ran.stderr


@pytest.mark.parametrize("file", ["cluster/gateway-class.yaml"])
def test_the_api_server_takes_what_stands_once_a_cluster(ready: ControlPlane, file: str) -> None:
    ran = ready.kubectl("apply", "--dry-run=server", "--validate=strict", "--filename", str(k8s.K8S / file))
    assert "created" in ran.stdout


@pytest.mark.parametrize(
    ("way", "kind", "key"),
    [
        ("base", "Deployment", "minReadySeconds"),
        ("base", "HorizontalPodAutoscaler", "averageUtilization"),
        ("components/keda", "ScaledObject", "failureThreshold"),
        ("components/podmonitor", "PodMonitor", "scrapeTimeout"),
        ("components/gateway-api", "TargetGroupConfiguration", "healthCheckPath"),
        ("components/target-group-binding", "TargetGroupBinding", "multiClusterTargetGroup"),
        ("components/argo-rollouts", "Rollout", "dynamicStableScale"),
        ("components/kserve", "ServingRuntime", "multiModel"),
        ("components/karpenter/nodes", "EC2NodeClass", "instanceStorePolicy"),
        ("components/karpenter/nodes", "NodePool", "consolidateAfter"),
    ],
)
def test_a_misspelt_field_is_refused(ready: ControlPlane, way: str, kind: str, key: str) -> None:
    (wrong,) = changed(k8s.render(way), kind, key, None)
    holder = holder_of(k8s.of_kind(k8s.render(way), kind)[0], key)
    misspelt = yaml.safe_load(yaml.safe_dump(k8s.of_kind(k8s.render(way), kind)[0]).replace(key, key + "x"))
    assert holder is not None
    assert wrong != misspelt
    assert f"{key}x" in refusal(ready, [misspelt])


DEPLOYMENT = "Deployment"


@pytest.mark.parametrize(
    ("way", "kind", "key", "value", "sentence"),
    [
        ("base", DEPLOYMENT, "seconds", 10, "preStop must sleep for 25 s"),
        ("base", DEPLOYMENT, "lifecycle", None, "preStop must sleep for 25 s"),
        ("base", DEPLOYMENT, "terminationGracePeriodSeconds", 50, "terminationGracePeriodSeconds must be"),
        ("base", DEPLOYMENT, "maxUnavailable", 1, "maxUnavailable must be 0"),
        ("base", DEPLOYMENT, "maxUnavailable", "25%", "maxUnavailable must be 0"),
        ("base", DEPLOYMENT, "strategy", {"type": "Recreate"}, "maxUnavailable must be 0"),
        ("base", DEPLOYMENT, "startupProbe", None, "a startup, a readiness and a liveness probe"),
        ("base", DEPLOYMENT, "livenessProbe", {"grpc": {"port": 8001, "service": "readiness"}}, 'ask for "liveness"'),
        ("base", DEPLOYMENT, "livenessProbe", {"tcpSocket": {"port": 8001}}, 'ask for "liveness"'),
        ("base", DEPLOYMENT, "readinessProbe", {"grpc": {"port": 8001}}, 'ask for "readiness"'),
        ("base", DEPLOYMENT, "requests", {"cpu": "500m", "memory": "1Gi"}, "must request whole CPUs"),
        ("base", DEPLOYMENT, "limits", {"memory": "1Gi"}, "must request whole CPUs"),
        ("base", "PodDisruptionBudget", "maxUnavailable", 0, "must be 1 or more"),
        ("base", "PodDisruptionBudget", "maxUnavailable", "50%", "must be 1 or more"),
        ("overlays/cells/a", DEPLOYMENT, "image", "REGISTRY/penstock:1", "by its digest"),
    ],
)  # fmt: skip
def test_the_policies_refuse_what_would_lose_calls(
    ready: ControlPlane, way: str, kind: str, key: str, value: Any, sentence: str
) -> None:
    assert sentence in refusal(ready, changed(k8s.render(way), kind, key, value))


ALB = "alb.ingress.kubernetes.io/"


@pytest.mark.parametrize(
    ("annotation", "value", "sentence"),
    [
        ("healthcheck-path", "/grpc.health.v1.Health/Check", "the health check must be"),
        ("healthcheck-path", None, "the health check must be"),
        ("success-codes", "12", "success-codes must be 0"),
        ("success-codes", None, "success-codes must be 0"),
        ("target-type", "instance", "target-type must be ip"),
    ],
)
def test_the_policies_refuse_an_alb_that_takes_unready_servers(
    ready: ControlPlane, annotation: str, value: str | None, sentence: str
) -> None:
    wrong = changed(k8s.render("components/alb-ingress"), "Ingress", ALB + annotation, value)
    assert sentence in refusal(ready, wrong)


def test_the_policies_leave_others_alone(ready: ControlPlane) -> None:
    (other,) = changed(k8s.render("base"), "Deployment", "maxUnavailable", 1)
    other["metadata"]["name"] = "another"
    other["metadata"]["labels"] = {"app.kubernetes.io/name": "another"}
    assert refusal(ready, [other]) == ""


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("allowPrivilegeEscalation", True),
        ("runAsNonRoot", False),
        ("hostNetwork", True),
        ("capabilities", {"add": ["NET_ADMIN"]}),
    ],
)
def test_pod_security_refuses_a_pod_with_rights(ready: ControlPlane, field: str, value: Any) -> None:
    spec = copy.deepcopy(k8s.pod(k8s.render("base")))
    # The namespace's own; a dry run of the other one leaves none behind.
    del spec["serviceAccountName"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "penstock"}, "spec": spec}
    assert refusal(ready, [pod]) == ""
    (holder_of(spec, field) or spec)[field] = value
    assert "violates PodSecurity" in refusal(ready, [pod])
