"""JSON schemas for kubeconform, from Go modules: Kubernetes' OpenAPI and the CRDs of what the components use.

usage: python k8s/tests/schemas.py FOLDER

Modules come by the Go module proxy, at the versions below; what is there already is not made again. A module that
cannot be had is named in one line and its kinds are then unknown to kubeconform; that is no error here. `crds` gives
the CRDs themselves, for a real API server.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

# That of modules/kube, whose API server runs in `make k8s-test`.
KUBERNETES = "v1.36.3"

# Module, version, and the files or folders of CRDs in it.
CRD_MODULES = [
    (
        "github.com/kubernetes-sigs/aws-load-balancer-controller",
        "v0.0.0-20260423195125-93ff3b5fdaad",
        ["config/crd/bases", "config/crd/gateway"],
    ),
    ("sigs.k8s.io/gateway-api", "v1.6.0", ["config/crd/standard"]),
    ("github.com/kedacore/keda/v2", "v2.21.0", ["config/crd/bases"]),
    (
        "github.com/prometheus-operator/prometheus-operator",
        "v0.85.0",
        ["example/prometheus-operator-crd"],
    ),
    ("github.com/aws/karpenter-provider-aws", "v1.14.1", ["pkg/apis/crds"]),
    (
        "github.com/argoproj/argo-rollouts",
        "v1.8.3",
        ["manifests/crds/rollout-crd.yaml", "manifests/crds/analysis-template-crd.yaml"],
    ),
    (
        "github.com/kserve/kserve",
        "v0.15.2",
        [
            "config/crd/full/serving.kserve.io_servingruntimes.yaml",
            "config/crd/full/serving.kserve.io_inferenceservices.yaml",
        ],
    ),
]
# eksctl's own schema of its ClusterConfig.
EKSCTL = ("github.com/weaveworks/eksctl", "v0.215.0", "pkg/apis/eksctl.io/v1alpha5/assets/schema.json")
# Where the annotations of the load balancer controller are declared.
ANNOTATIONS = (CRD_MODULES[0][0], CRD_MODULES[0][1], "pkg/annotations/constants.go")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Takes a lone `=`, as prometheus-operator's CRDs have it, for text."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)


def module(path: str, version: str) -> Path | None:
    """The folder of a module's source, downloaded where it is not there; None, and a line, where it cannot be had."""
    asked = subprocess.run(
        ["go", "mod", "download", "-json", f"{path}@{version}"],
        capture_output=True, text=True, check=False, cwd=tempfile.gettempdir(),
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(asked.stdout or "{}")
    if asked.returncode or "Dir" not in answer:
        why = answer.get("Error") or asked.stderr.strip()[-200:]
        print(f"schemas: {path} {version} could not be had: {why}", file=sys.stderr)
        return None
    return Path(answer["Dir"])


def crds() -> Iterator[dict[str, Any]]:
    """All CRDs that could be had, each once."""
    seen = set()
    for path, version, places in CRD_MODULES:
        folder = module(path, version)
        for place in places if folder else []:
            found = Path(folder or "") / place
            for file in sorted(found.glob("*.yaml")) if found.is_dir() else [found]:
                for crd in yaml.load_all(file.read_text(), Loader=_Loader):
                    if (
                        crd
                        and crd.get("kind") == "CustomResourceDefinition"
                        and crd["metadata"]["name"] not in seen
                    ):
                        seen.add(crd["metadata"]["name"])
                        yield crd


def strict(schema: Any) -> Any:
    """The schema, refusing properties that it does not name wherever it names some."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if made.get("x-kubernetes-int-or-string") or made.get("format") == "int-or-string":
        made.pop("type", None)
        made.pop("format", None)
        made.setdefault("anyOf", [{"type": "integer"}, {"type": "string"}])
    named = isinstance(made.get("properties"), dict) and "additionalProperties" not in made
    if named and not made.get("x-kubernetes-preserve-unknown-fields"):
        made["additionalProperties"] = False
    return made


def write(folder: Path) -> None:
    """All schemas into an empty folder, named as kubeconform asks: group, version and kind in lower case."""
    kubernetes = module("k8s.io/kubernetes", KUBERNETES)
    if kubernetes:
        _write_kubernetes(kubernetes, folder)
    for crd in crds():
        group, kind = crd["spec"]["group"], crd["spec"]["names"]["kind"]
        for version in crd["spec"]["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            # CRDs leave it open; every object has one.
            schema["properties"]["metadata"] = {"type": "object"}
            (folder / _name(group, version["name"], kind)).write_text(json.dumps(schema))
    for (path, version, file), name in ((EKSCTL, "eksctl.json"), (ANNOTATIONS, "annotations.go")):
        source = module(path, version)
        if source:
            (folder / name).write_text((source / file).read_text())


def _write_kubernetes(source: Path, folder: Path) -> None:
    definitions = strict(json.loads((source / "api/openapi-spec/swagger.json").read_text())["definitions"])
    for name, definition in definitions.items():
        # These are any JSON, or take several forms.
        if name.endswith((".JSON", ".Quantity", ".IntOrString", ".RawExtension")):
            definition.clear()
    (folder / "definitions.json").write_text(json.dumps({"definitions": definitions}))
    for name, definition in definitions.items():
        for kind in definition.get("x-kubernetes-group-version-kind", []):
            if "metadata" in definition.get("properties", {}):
                reference = {"$ref": f"definitions.json#/definitions/{name}"}
                path = folder / _name(kind["group"], kind["version"], kind["kind"])
                path.write_text(json.dumps(reference))


def _name(group: str, version: str, kind: str) -> str:
    # kubeconform takes the version of the core group for its name.
    return f"{group or version}-{version}-{kind}.json".lower()


def main() -> None:
    """Makes the folder where it is not as this file would make it."""
    folder = Path(sys.argv[1])
    stamp = folder / "versions.json"
    wanted = json.dumps([KUBERNETES, CRD_MODULES, EKSCTL, Path(__file__).read_text()])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if not shutil.which("go"):
        print("schemas: Go is not installed; tests against schemas will skip", file=sys.stderr)
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write(folder)
    stamp.write_text(wanted)
    print(f"schemas: {len(list(folder.iterdir()))} files in {folder}")


if __name__ == "__main__":
    main()
