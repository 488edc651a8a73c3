"""Annotations and attributes of load balancers are ones that the controller and AWS know."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.structure import manifests as k8s
from tests.structure.manifests import Manifest

SOURCE = k8s.ROOT / "build" / "k8s" / "schemas" / "annotations.go"
INGRESS, SERVICE = "alb.ingress.kubernetes.io/", "service.beta.kubernetes.io/"


def annotated() -> Iterator[tuple[str, str, str]]:
    """Prefix, name and value of every annotation of the load balancer controller below k8s/."""
    for way in k8s.WAYS:
        for manifest in k8s.render(way):
            for key, value in manifest["metadata"].get("annotations", {}).items():
                if key.startswith((INGRESS, SERVICE)):
                    prefix, name = key.split("/", 1)
                    yield prefix + "/", name, value


def known_annotations() -> dict[str, set[str]]:
    if not SOURCE.exists():
        pytest.skip("the controller's source is missing (make tools fetches it where Go is)")
    found = re.findall(r'^\s+(Ingress|Svc)\w+\s+= "([a-z0-9.-]+)"', SOURCE.read_text(), re.MULTILINE)
    names: dict[str, set[str]] = {INGRESS: set(), SERVICE: set()}
    for kind, name in found:
        names[INGRESS if kind == "Ingress" else SERVICE].add(name)
    return names


def known_attributes(shape: str) -> set[str]:
    """Names of attributes that botocore's model of ELBv2 describes."""
    loaders = pytest.importorskip("botocore.loaders", reason="botocore is not installed")
    model = loaders.Loader().load_service_model("elbv2", "service-2")
    text = model["shapes"][shape]["members"]["Key"].get("documentation", "")
    described = model["shapes"][model["shapes"][shape]["members"]["Key"]["shape"]].get("documentation", "")
    return set(re.findall(r"<code>([a-z0-9_.]+)</code>", text + described))


def attributes_of(manifests: list[Manifest], shape: str) -> dict[str, str]:
    """Attributes in all forms in which they are written, of target groups or of load balancers."""
    ending, field = {
        "TargetGroupAttribute": ("target-group-attributes", "targetGroupAttributes"),
        "LoadBalancerAttribute": ("load-balancer-attributes", "loadBalancerAttributes"),
    }[shape]
    found: dict[str, str] = {}
    for manifest in manifests:
        for key, value in manifest["metadata"].get("annotations", {}).items():
            if key.endswith((ending, ending.replace("load-balancer-", "aws-load-balancer-"))):
                found |= dict(pair.split("=", 1) for pair in value.split(","))
        spec = manifest.get("spec", {})
        for each in spec.get("defaultConfiguration", spec).get(field, []):
            found[each["key"]] = each["value"]
    return found


def test_every_annotation_is_one_that_the_controller_reads() -> None:
    known = known_annotations()
    assert {(prefix, name) for prefix, name, _ in annotated() if name not in known[prefix]} == set()


@pytest.mark.parametrize("shape", ["TargetGroupAttribute", "LoadBalancerAttribute"])
@pytest.mark.parametrize("way", ["components/alb-ingress", "components/gateway-api", "components/nlb"])
def test_every_attribute_is_one_that_aws_knows(way: str, shape: str) -> None:
    attributes = attributes_of(k8s.render(way), shape)
    assert attributes
    assert set(attributes) - known_attributes(shape) == set()


def test_a_misspelt_attribute_or_annotation_is_found() -> None:
    assert "deregistration_delay.timeout_second" not in known_attributes("TargetGroupAttribute")
    assert "deregistration_delay.timeout_seconds" in known_attributes("TargetGroupAttribute")
    assert "success-code" not in known_annotations()[INGRESS]


def test_values_that_are_json_are_json() -> None:
    for _, name, value in annotated():
        if value.startswith(("[", "{")):
            assert json.loads(value), name


def test_the_gateway_asks_for_the_same_balancer_as_the_ingress() -> None:
    ingress, gateway = (k8s.render(f"components/{name}") for name in ("alb-ingress", "gateway-api"))
    for shape in ("TargetGroupAttribute", "LoadBalancerAttribute"):
        assert attributes_of(ingress, shape) == attributes_of(gateway, shape)


def test_the_balancer_waits_longer_for_silence_than_a_call_may_take() -> None:
    rendered = k8s.render("components/alb-ingress")
    idle_s = int(attributes_of(rendered, "LoadBalancerAttribute")["idle_timeout.timeout_seconds"])
    assert idle_s > k8s.settings(rendered).max_timeout_ms / 1000


def test_cells_share_a_name_and_nothing_else() -> None:
    cells = [k8s.render(way) for way in k8s.OVERLAYS if way.startswith("overlays/cells/")]
    ingresses = [k8s.one(cell, "Ingress") for cell in cells]
    assert len(cells) >= 2
    assert len({i["spec"]["rules"][0]["host"] for i in ingresses}) == 1
    for key in (f"{INGRESS}group.name", "external-dns.alpha.kubernetes.io/set-identifier"):
        assert len({i["metadata"]["annotations"][key] for i in ingresses}) == len(cells)
    assert len({i["metadata"]["namespace"] for i in ingresses}) == len(cells)
