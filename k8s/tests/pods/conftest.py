"""One cluster with one node a run; where namespaces.sh could not make its namespaces everything here skips."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from k8s.tests import control_plane
from k8s.tests.control_plane import BINARIES, ControlPlane
from k8s.tests.pods import node
from k8s.tests.pods.envoy import ENVOY
from k8s.tests.pods.node import Node

IMAGES = Path(__file__).parents[3] / "build" / "k8s" / "images"
ARCHIVES = [IMAGES / f"{name}.tar" for name in ("pause", "penstock", "models-v1", "models-v2")]


@pytest.fixture(scope="session")
def cluster() -> Iterator[ControlPlane]:
    """The control plane and its node, with the images."""
    inside = os.environ.get(
        "PENSTOCK_PODS", "pods are run by k8s/tests/pods/namespaces.sh, as make k8s-test does"
    )
    if inside != "1":
        pytest.skip(inside)
    lost = [name for name in (*control_plane.PROGRAMS, *node.PROGRAMS) if not (BINARIES / name).exists()]
    lost += [file.name for file in (*ARCHIVES, ENVOY) if not file.exists()]
    if lost:
        pytest.skip(f"not built: {', '.join(lost)} (make k8s-test builds them)")
    # namespaces.sh removes it, when the mounts in it are gone.
    plane = ControlPlane(Path(os.environ["PENSTOCK_PODS_FOLDER"]) / "cluster", simulated=False)
    try:
        plane.start()
        Node(plane).start(ARCHIVES)
        yield plane
    finally:
        plane.stop()
