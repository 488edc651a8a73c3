"""What kustomize makes of k8s/: each folder is rendered once a run and shared by the tests."""

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.config import Settings, load_settings

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"

Manifest = dict[str, Any]


def folders(of_kind: str, under: str) -> list[str]:
    """Folders below `k8s/<under>` whose kustomization is a Component or a Kustomization, as paths within k8s/."""
    return [
        str(file.parent.relative_to(K8S))
        for file in sorted((K8S / under).rglob("kustomization.yaml"))
        if yaml.safe_load(file.read_text())["kind"] == of_kind
    ]


OVERLAYS = folders("Kustomization", "overlays")
COMPONENTS = folders("Component", "components")
# The base as each of them makes it.
WAYS = ["base", *OVERLAYS, *COMPONENTS]
# Applied by themselves, most of them once a cluster.
ALONE = [*folders("Kustomization", "components"), *folders("Kustomization", "policies")]

# Components that change what another one brings.
COMPONENT_NEEDS = {
    "components/mtls": ["components/alb-ingress"],
    "components/argo-rollouts": ["components/alb-ingress"],
    "components/models/poll": ["components/models/s3-csi"],
}


@functools.cache
def render(folder: str) -> list[Manifest]:
    """The objects of a folder of k8s/; of a component, those of the base with it."""
    return _with_base(folder) if folder in COMPONENTS else _build(K8S / folder)


def _with_base(component: str) -> list[Manifest]:
    with tempfile.TemporaryDirectory(dir=_scratch()) as scratch:
        needs = COMPONENT_NEEDS.get(component, [])
        used = [os.path.relpath(K8S / each, scratch) for each in (*needs, component)]
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [os.path.relpath(K8S / "base", scratch)],
            "components": used,
        }
        (Path(scratch) / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        return _build(Path(scratch))


def one(manifests: list[Manifest], kind: str, name: str = "penstock") -> Manifest:
    (found,) = (m for m in manifests if m["kind"] == kind and m["metadata"]["name"] == name)
    return found


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [m for m in manifests if m["kind"] == kind]


def pod(manifests: list[Manifest]) -> Manifest:
    spec: Manifest = one(manifests, "Deployment")["spec"]["template"]["spec"]
    return spec


def container(manifests: list[Manifest]) -> Manifest:
    (server,) = (c for c in pod(manifests)["containers"] if c["name"] == "penstock")
    assert isinstance(server, dict)
    return server


def settings(manifests: list[Manifest]) -> Settings:
    """The settings as the server itself reads them, which refuses variables that it does not know."""
    variables: dict[str, str] = {}
    for source in container(manifests).get("envFrom", []):
        variables |= one(manifests, "ConfigMap", source["configMapRef"]["name"])["data"]
    variables |= {v["name"]: v["value"] for v in container(manifests).get("env", []) if "value" in v}
    return load_settings({}, variables)


def _scratch() -> Path:
    """A folder of this tree: kustomize follows relative paths alone."""
    folder = ROOT / "build" / "kustomize"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _build(folder: Path) -> list[Manifest]:
    tool = shutil.which("kustomize") or shutil.which(ROOT / "build" / "bin" / "kustomize")
    if tool is None:
        pytest.skip("kustomize is not installed (tests/tools.sh installs it where Go is)")
    built = subprocess.run(
        [tool, "build", str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert built.returncode == 0, f"{folder}: {built.stderr}"
    assert not built.stderr, f"{folder}: {built.stderr}"
    return [m for m in yaml.load_all(built.stdout, Loader=_Loader) if m]


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
