"""Every manifest against the schema of its kind, strictly: a misspelt field is an error, as a real API server says too.

The schemas are made by k8s/tests/schemas.py, which `make tools` calls; without them these tests skip.
"""

import json
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.structure import manifests as k8s

SCHEMAS = k8s.ROOT / "build" / "k8s" / "schemas"
NAMES = "{{.Group}}-{{.ResourceAPIVersion}}-{{.ResourceKind}}.json"


def kubeconform(folder: Path) -> list[dict[str, str]]:
    """What is wrong with the manifests of a folder."""
    tool = shutil.which("kubeconform") or shutil.which(k8s.ROOT / "build" / "bin" / "kubeconform")
    if tool is None or not (SCHEMAS / "definitions.json").exists():
        pytest.skip("kubeconform or its schemas are missing (make tools installs both where Go is)")
    ran = subprocess.run(
        [tool, "-strict", "-output", "json", "-schema-location", f"{SCHEMAS}/{NAMES}", str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    wrong: list[dict[str, str]] = json.loads(ran.stdout)["resources"]
    return wrong


def test_every_manifest_fits_the_schema_of_its_kind(tmp_path: Path) -> None:
    for way in (*k8s.WAYS, *k8s.ALONE):
        (tmp_path / f"{way.replace('/', ' ')}.yaml").write_text(yaml.safe_dump_all(k8s.render(way)))
    gateway_class = k8s.K8S / "cluster" / "gateway-class.yaml"
    (tmp_path / "gateway-class.yaml").write_text(gateway_class.read_text())
    assert kubeconform(tmp_path) == []


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("Deployment", "minReadySeconds", "minReadySecond"),
        ("HorizontalPodAutoscaler", "stabilizationWindowSeconds", "stabilisationWindowSeconds"),
        ("NetworkPolicy", "podSelector", "podSelectors"),
    ],
)
def test_a_misspelt_field_is_found(kind: str, right: str, wrong: str, tmp_path: Path) -> None:
    text = yaml.safe_dump(k8s.one(k8s.render("base"), kind))
    assert right in text
    (tmp_path / "wrong.yaml").write_text(text.replace(right, wrong))
    (found,) = kubeconform(tmp_path)
    assert wrong in found["msg"]


def test_the_cluster_fits_eksctls_schema() -> None:
    if not (SCHEMAS / "eksctl.json").exists():
        pytest.skip("eksctl's schema is missing (make tools fetches it where Go is)")
    schema = json.loads((SCHEMAS / "eksctl.json").read_text())
    cluster = yaml.safe_load((k8s.K8S / "cluster" / "cluster.yaml").read_text())
    jsonschema.Draft7Validator(schema).validate(cluster)
