"""The image's bill of materials, in CycloneDX, by OWASP's tool for Python.

usage: python -m k8s.tests.pods.sbom CYCLONEDX_PY ARCHIVE FILE

The distributions are those that the image itself has installed, read from its OCI archive.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from k8s.tests.pods.archive import Archive

SITE = "opt/penstock/lib/python3.11/site-packages/"


def write(tool: Path, archive: Path, bill: Path) -> None:
    bill.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        # An environment that has the image's metadata and nothing else, for a tool that reads environments.
        venv.create(scratch, with_pip=False)
        (site,) = (Path(scratch) / "lib").glob("python*/site-packages")
        for path, content in Archive(archive, ".dist-info/").contents.items():
            file = site / path.removeprefix(SITE)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        how = ("--gather-license-texts", "--output-reproducible", "--output-file", bill)
        subprocess.run([tool, "environment", *how, scratch], check=True)


if __name__ == "__main__":
    write(*(Path(argument) for argument in sys.argv[1:]))
