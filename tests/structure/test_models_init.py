"""The init container of k8s/components/models takes exactly the files whose digests the manifest vouches for."""

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.structure import manifests as k8s

# Stands in for the AWS command: `aws s3 cp … SOURCE .` with a folder for a source.
AWS = '#!/bin/sh\nset -eu\nwhile [ $# -gt 2 ]; do shift; done\ncp -R "$1"/. "$2"\n'


def write_sums(folder: Path) -> str:
    files = sorted(f for f in folder.rglob("*") if f.is_file() and f.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.relative_to(folder)}\n" for f in files]
    (folder / "SHA256SUMS").write_text("".join(lines))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def fetched(bucket: Path, digest: str, scratch: Path) -> bool:
    (container,) = k8s.pod(k8s.render("components/models/init"))["initContainers"]
    (scratch / "aws").write_text(AWS)
    (scratch / "aws").chmod(0o755)
    models = scratch / "models"
    models.mkdir()
    environment = {
        "PATH": f"{scratch}:{os.environ['PATH']}",
        "MODELS": str(bucket),
        "MODELS_SHA256": digest,
    }
    script = container["args"][0].replace("cd /models", f"cd {models}")
    ran = subprocess.run(
        [*container["command"], script], env=environment, capture_output=True, timeout=30, check=False
    )
    return ran.returncode == 0


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    (tmp_path / "bucket" / "fraud" / "1").mkdir(parents=True)
    (tmp_path / "bucket" / "fraud" / "model.toml").write_text("a model\n")
    (tmp_path / "bucket" / "fraud" / "1" / "model.pt").write_bytes(b"weights")
    return tmp_path / "bucket"


def test_models_with_the_right_digests_are_taken(bucket: Path, tmp_path: Path) -> None:
    assert fetched(bucket, write_sums(bucket), tmp_path)


def altered(bucket: Path) -> None:
    (bucket / "fraud" / "1" / "model.pt").write_bytes(b"others")


def missing(bucket: Path) -> None:
    (bucket / "fraud" / "1" / "model.pt").unlink()


def added(bucket: Path) -> None:
    (bucket / "fraud" / "2.pt").write_bytes(b"more")


def altered_with_its_list(bucket: Path) -> None:
    altered(bucket)
    write_sums(bucket)


@pytest.mark.parametrize("change", [altered, missing, added, altered_with_its_list])
def test_models_that_are_not_what_was_vouched_for_stop_the_pod(
    change: Callable[[Path], None], bucket: Path, tmp_path: Path
) -> None:
    digest = write_sums(bucket)
    change(bucket)
    assert not fetched(bucket, digest, tmp_path)
