"""What the Dockerfile makes: who runs it, what is in it, and what is not."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from k8s.tests import report
from k8s.tests.pods.archive import Archive
from k8s.tests.pods.conftest import IMAGES
from k8s.tests.report import Part

# Of all files together, in bytes.
LARGEST = 900 * 10**6
PYTHON_BILL, RUST_BILL = IMAGES / "python.cdx.json", IMAGES / "rust.cdx.json"
ROOT = Path(__file__).parents[3]
COMPILERS = re.compile(r"(.*-)?(gcc|g\+\+|cc|c\+\+|cpp|clang|rustc|cargo|ld|as|make)(-[0-9.]+)?")


SITE = "opt/penstock/lib/python3.11/site-packages"


@pytest.fixture(scope="module")
def image() -> Archive:
    archive = IMAGES / "penstock.tar"
    if not archive.exists():
        pytest.skip(
            "the image is not built (make k8s-test builds it where root, buildah and debootstrap are)"
        )
    return Archive(archive)


def test_it_serves_as_a_user_without_rights(image: Archive) -> None:
    assert image.config["User"] == "65532:65532"
    assert image.config["Entrypoint"] == ["penstock", "serve"]
    assert "PENSTOCK_REPOSITORY=/models" in image.config["Env"]
    assert set(image.config["ExposedPorts"]) == {"8000/tcp", "8001/tcp", "8002/tcp"}


def test_it_has_penstock_and_its_licence(image: Archive) -> None:
    assert f"{SITE}/penstock/_fastpath.abi3.so" in image.files
    assert any(re.fullmatch(rf"{SITE}/penstock-.*\.dist-info/licenses/LICENSE", path) for path in image.files)


def test_no_compiler_is_in_it(image: Archive) -> None:
    programs = [path for path in image.files if "bin" in PurePosixPath(path).parts]
    assert programs
    assert [path for path in programs if COMPILERS.fullmatch(PurePosixPath(path).name)] == []


def test_no_cache_source_or_test_is_in_it(image: Archive) -> None:
    left = re.compile(
        r"(.*/)?(\.cache|pip/cache)/.*|root/\..*/.*|src/.*|wheel/.*|wheels/.*|var/cache/apt/.*\.deb"
    )
    assert [path for path in image.files if left.fullmatch(path)] == []
    installed = [path for path in image.files if path.startswith(f"{SITE}/")]
    assert installed
    assert [path for path in installed if re.search(r"/tests/|/torch/test/|/penstock/.*\.rs$", path)] == []


def test_no_pip_can_install_into_it(image: Archive) -> None:
    assert not [path for path in image.files if path.startswith("opt/penstock/") and "/pip/" in path]


def test_nothing_of_the_build_machine_stays(image: Archive) -> None:
    assert "etc/pip.conf" not in image.files


def test_it_is_no_larger_than_it_must_be(image: Archive) -> None:
    size = sum(image.files.values())
    report.add_row(Part.IMAGE, "size", f"{size / 1e6:.0f} MB unpacked, {len(image.files):,} files")
    assert size <= LARGEST


def test_the_bill_of_materials_has_every_distribution_that_is_installed(image: Archive) -> None:
    bill = written(PYTHON_BILL)
    listed = {f"{normal(c['name'])}-{c['version']}" for c in bill["components"]}
    metadata = [path for path in image.files if re.fullmatch(rf"{SITE}/[^/]+\.dist-info/METADATA", path)]
    found = (path.split("/")[-2].removesuffix(".dist-info").rsplit("-", 1) for path in metadata)
    assert listed == {f"{normal(name)}-{version}" for name, version in found}
    report.add_row(
        Part.IMAGE,
        "bill of materials, Python",
        f"{len(listed)} distributions, CycloneDX {bill['specVersion']}",
    )


def test_the_bill_of_materials_has_the_crates_of_the_extension(image: Archive) -> None:
    assert f"{SITE}/penstock/_fastpath.abi3.so" in image.files
    bill = written(RUST_BILL)
    listed = {(c["name"], c["version"]) for c in bill["components"]}
    locked = {(p["name"], p["version"]) for p in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]}
    assert listed <= locked
    needs = tomllib.loads((ROOT / "fastpath" / "Cargo.toml").read_text())["dependencies"]
    wanted = {need.get("package", name) if isinstance(need, dict) else name for name, need in needs.items()}
    assert wanted <= {name for name, _ in listed}
    report.add_row(
        Part.IMAGE, "bill of materials, Rust", f"{len(listed)} crates, CycloneDX {bill['specVersion']}"
    )


def written(bill: Path) -> dict[str, Any]:
    if not bill.exists():
        pytest.skip("the bill of materials is not written (make k8s-test writes it)")
    read: dict[str, Any] = json.loads(bill.read_text())
    assert read["bomFormat"] == "CycloneDX"
    return read


def normal(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
