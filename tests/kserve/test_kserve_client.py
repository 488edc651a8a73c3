"""KServe's clients, unchanged, at both doors and at the HTTP port."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract import repository
from tests.contract.conftest import DOORS
from tests.server_process import ServerProcess

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "build" / "kserve" / "bin" / "python"

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="KServe is not installed; `make kserve` installs it under build/ and tests it"
)


@pytest.fixture(scope="module", params=DOORS)
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """How every call ended."""
    models = repository.write(tmp_path_factory.mktemp("models"))
    with ServerProcess(models, "--door", request.param) as server:
        done = subprocess.run(
            [PYTHON, ROOT / "tests" / "kserve" / "calls.py", server.address, server.http_address],
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        yield json.loads(done.stdout)


def test_every_method_of_its_grpc_client_is_answered(told: Any) -> None:
    answers = told["grpc"]
    assert set(told["public"]) <= set(answers)
    assert (answers["is_server_live"], answers["is_server_ready"], answers["is_model_ready"]) == (True,) * 3
    assert set(answers["infer"].values()) == {True}, answers["infer"]
    assert answers["parameters"] is True
    assert answers["refused"] == "NOT_FOUND"


def test_bytes_are_the_same_typed_and_raw(told: Any) -> None:
    binary, typed = told["grpc"]["bytes"]
    assert binary == typed


def test_its_rest_client_is_answered(told: Any) -> None:
    answers = told["rest"]
    assert (answers["is_server_live"], answers["is_server_ready"], answers["is_model_ready"]) == (True,) * 3
    assert set(answers["infer"].values()) == {True}, answers["infer"]
