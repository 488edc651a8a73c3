"""Programs that tests drive and that not every machine has."""

import os
import shutil
from pathlib import Path

import pytest


def program(name: str) -> str:
    """Where a program is: on PATH, in $GOBIN or in ~/go/bin; without it the test skips and says so."""
    places = [os.environ.get("PATH", ""), os.environ.get("GOBIN", ""), str(Path.home() / "go" / "bin")]
    path = shutil.which(name, path=os.pathsep.join(filter(None, places)))
    if path is None:
        pytest.skip(f"{name} is not on PATH, in $GOBIN or in ~/go/bin; tests/tools.sh installs it")
    return path
