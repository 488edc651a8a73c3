"""What the benchmarks tell pytest, and the fixture `ghz` with what every load has in common."""

from typing import Any

import pytest

from bench import load_round

pytest_plugins = ["penstock.testing"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "speed: a ratio that must hold, quick enough for every test run")


@pytest.fixture(scope="session")
def ghz_defaults(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The floor has no reflection, so that methods are found in a file."""
    protoset = load_round.write_protoset(tmp_path_factory.mktemp("protoset"))
    return {"insecure": True, "protoset": str(protoset)}
