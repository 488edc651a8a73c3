"""The commands of README and docs/rest.md, and README's Python, run as they stand there against the example models."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import program
from tests.server_process import ServerProcess, environment

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
# Where README's server listens.
ADDRESS, HTTP_ADDRESS = "localhost:8001", "localhost:8000"
PROGRAMS = (ROOT / ".venv" / "bin", ROOT / "build" / "bin")
_FENCE = r"^```(\w*)\n(.*?)^```$"
FENCES = re.findall(_FENCE, README, re.MULTILINE | re.DOTALL)
REST = (ROOT / "docs" / "rest.md").read_text()
SCRIPTS = [
    text
    for _, text in FENCES + re.findall(_FENCE, REST, re.MULTILINE | re.DOTALL)
    if text.startswith(("curl", "grpcurl", "penstock"))
]
(PYTHON,) = [text for language, text in FENCES if language == "python"]


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    """Of the models that `make setup` trains."""
    with ServerProcess(ROOT / "models") as process:
        yield process


def run(*command: str) -> str:
    """What a command prints, with README's PATH."""
    path = os.pathsep.join((*map(str, PROGRAMS), os.environ["PATH"]))
    told = subprocess.run(
        command, cwd=ROOT, env=environment({"PATH": path}), capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    return told.stdout


def test_readme_says_where_programs_are() -> None:
    (line,) = re.findall(r"^export PATH=(.*)$", README, re.MULTILINE)
    assert line == f'"{":".join(f"$PWD/{folder.relative_to(ROOT)}" for folder in PROGRAMS)}:$PATH"'


def test_there_are_scripts_to_run() -> None:
    assert len(SCRIPTS) >= 6


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: " ".join(script.split()[:2]))
def test_a_script_of_readme_runs(server: ServerProcess, script: str) -> None:
    if not script.startswith("penstock"):
        program(script.split(maxsplit=1)[0])
    script = script.replace(ADDRESS, server.address).replace(HTTP_ADDRESS, server.http_address)
    printed = run("sh", "-ec", script)
    assert '"error"' not in printed


def test_the_python_of_readme_prints_three_scores(server: ServerProcess) -> None:
    printed = run(sys.executable, "-c", PYTHON.replace(ADDRESS, server.address))
    assert len(re.findall(r"\d\.\d+", printed)) == 3
