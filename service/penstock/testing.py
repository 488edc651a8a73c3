"""A pytest plugin: the fixture `ghz`, which loads a gRPC server as `penstock bench` does, by ghz's options.

A project asks for it in its topmost conftest.py:

    pytest_plugins = ["penstock.testing"]

It is no entry point, by which pytest would load it in every project of an environment that has penstock: who loads no
server would pay for the import, and might have a fixture of that name. pytest is not among penstock's dependencies.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import ConfigError
from penstock.load import formats
from penstock.load.messages import reported_data, reported_metadata
from penstock.load.options import FIELDS, made, read
from penstock.load.report import Report, reported_options
from penstock.load.run import Arrivals
from penstock.load.run import run as run_load

# What has no meaning where the report is an object.
_REFUSED = {
    "output": "the report is what the call gives",
    "format": "the report is what the call gives; details=True adds a line a call",
    "binary-file": "binary takes the message's bytes",
}


class GhzReport(Mapping[str, Any]):
    """A run's report: the keys and values that `penstock bench -O json` writes; durations in nanoseconds."""

    def __init__(self, run: Report) -> None:
        self._run = run
        options = run.options
        reported = reported_options(options, reported_data(options), reported_metadata(options))
        self._report = formats.as_json(run, reported)

    def __getitem__(self, key: str) -> Any:
        """A value by the name that it has in ghz's JSON, such as `statusCodeDistribution`."""
        return self._report[key]

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._report)

    def __len__(self) -> int:
        """How many values there are."""
        return len(self._report)

    def __repr__(self) -> str:
        """What an assertion that fails should tell."""
        told = ("count", "rps", "statusCodeDistribution", "errorDistribution")
        return f"GhzReport({ {name: self[name] for name in told} })"

    @property
    def is_all_ok(self) -> bool:
        """Whether there were calls, and each had the status OK."""
        return self._run.count > 0 and self._run.statuses == {"OK": self._run.count}

    @property
    def answer_bytes(self) -> int:
        """The size of all answers' messages together."""
        return self._run.outcome.answer_bytes

    def latency_ns(self, quantile: float) -> int:
        """The latency that a share of the calls stayed below, to three digits."""
        return self._run.outcome.latency_ns(quantile)


class Ghz:
    """Runs loads; `defaults` are options of every run, which those of a run replace."""

    def __init__(self, folder: Path, defaults: Mapping[str, Any]) -> None:
        self._folder = folder
        self._defaults = defaults

    def __call__(
        self,
        *,
        binary: bytes | None = None,
        details: bool = False,
        arrivals: Arrivals = "uniform",
        **options: Any,
    ) -> GhzReport:
        """One run to its end, on threads of this process.

        Options are ghz's, as on the command line, with underscores for hyphens (`load_schedule="step"`, `async_=True`);
        `binary` is a serialized message, `details` puts every call into the report. Raises ConfigError, which names
        the option, MethodError or LoadError; calls that fail are in the report.
        """
        values = _values({**self._defaults, **options})
        if binary is not None:
            file = self._folder / "message"
            file.write_bytes(binary)
            values["binary_file"] = str(file)
        asked = made({**values, "format": "json" if details else "summary"})
        return GhzReport(run_load(asked, arrivals, None))


def _values(options: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the names of `Options`' fields. Raises ConfigError."""
    names = {name.replace("-", "_"): name for name in FIELDS if name not in _REFUSED}
    values = {}
    for given, value in options.items():
        name = names.get(given.rstrip("_"))
        if name is None:
            raise ConfigError(f"ghz: {given} is not supported: {_why(given, names)}")
        values[FIELDS[name].name] = read(name, value, f"ghz: {given}")
    return values


def _why(given: str, names: Mapping[str, str]) -> str:
    refused = _REFUSED.get(given.replace("_", "-"))
    if refused:
        return refused
    near = difflib.get_close_matches(given, names, n=1)
    return f"did you mean {near[0]}?" if near else "it is none of ghz's options"


@pytest.fixture(scope="session")
def ghz_defaults() -> dict[str, Any]:
    """Options of every run, such as `host` and `insecure`: a project overrides it."""
    return {}


@pytest.fixture(scope="session")
def ghz(ghz_defaults: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Ghz:
    """Loads a server with ghz's options and gives ghz's report: `ghz(call="a.B/C", data={}, total=1_000)["rps"]`."""
    return Ghz(tmp_path_factory.mktemp("ghz"), ghz_defaults)
