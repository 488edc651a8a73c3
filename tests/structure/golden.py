"""What each overlay differs in from what it is made of, as lines that are kept in k8s/tests/golden and read in review.

`make k8s-golden` writes them anew. A change of the base shows where an overlay does not follow it: a list that a patch
replaces whole, a value that it sets itself.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.structure import manifests as k8s

FOLDER = k8s.K8S / "tests" / "golden"
# Dashboards, rules and scripts: that they have changed is said, what has changed stands in their own files.
LONGEST = 200


def file_of(overlay: str) -> Path:
    return FOLDER / (overlay.removeprefix("overlays/").replace("/", "-") + ".diff")


def origin(overlay: str) -> str:
    """The folder that an overlay begins with: the base, or for a cell prod."""
    folder = k8s.K8S / overlay
    first = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"][0]
    return str((folder / first).resolve().relative_to(k8s.K8S))


def difference(overlay: str) -> str:
    """Lines of its origin that the overlay has not (-), and its own (+)."""
    before, after = (lines(k8s.render(each)) for each in (origin(overlay), overlay))
    changes = difflib.unified_diff(before, after, lineterm="", n=0)
    return "".join(f"{line}\n" for line in changes if not line.startswith(("---", "+++", "@@")))


def lines(manifests: list[k8s.Manifest]) -> list[str]:
    """One line for each value, with its object and place."""
    placed = sorted(manifests, key=lambda m: (m["kind"], m["metadata"]["name"]))
    return [
        f"{m['kind']}/{m['metadata']['name']} {place.lstrip('.')} = {value}"
        for m in placed
        for place, value in _values(m, "")
        if place not in (".kind", ".metadata.name")
    ]


def _values(node: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict) and node:
        for key, inner in sorted(node.items()):
            yield from _values(inner, f"{place}.{key}")
    elif isinstance(node, list) and node and all(isinstance(i, dict) and "name" in i for i in node):
        for inner in node:
            yield from _values(inner, f"{place}[{inner['name']}]")
    elif isinstance(node, list) and node:
        # Without an index, by which all that comes after something new would differ.
        yield from ((f"{place}[]", _short(inner)) for inner in node)
    else:
        yield place, _short(node)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    if len(text) > LONGEST or "\n" in text:
        return f"{len(text)} characters, sha256 {hashlib.sha256(text.encode()).hexdigest()[:16]}"
    return text


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each in k8s.OVERLAYS:
        file_of(each).write_text(difference(each))
