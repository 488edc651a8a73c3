"""One control plane a run; without its programs everything here skips."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from k8s.tests import control_plane, schemas
from k8s.tests.control_plane import ControlPlane


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    if lost := control_plane.missing():
        pytest.skip(f"not built: {', '.join(lost)} (make k8s-test builds them where Go is)")
    folder = Path(tempfile.mkdtemp(prefix="penstock-k8s-"))
    running = ControlPlane(folder)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def plane_with_crds(plane: ControlPlane) -> ControlPlane:
    """The control plane, with the CRDs of everything that the components use."""
    found = list(schemas.crds())
    if not found:
        pytest.skip("no CRD could be had; a Go module proxy is needed once")
    plane.kubectl(
        "apply",
        "--server-side",
        "--filename",
        "-",
        input_text=json.dumps({"apiVersion": "v1", "kind": "List", "items": found}),
        timeout_s=300,
    )
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    return plane
