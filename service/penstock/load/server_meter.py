"""What a server says of itself while it is under load, or what /proc says of it: CPU time and load."""

from __future__ import annotations

import http.client
import re
import time
import urllib.parse
from dataclasses import dataclass

from penstock.errors import ConfigError, PenstockError
from penstock.load.process_tree import tree_cpu_s

_TIMEOUT_S = 5.0
# CPU time as penstock names it, and as Prometheus' client libraries of all languages do.
_CPUS = ("penstock_process_cpu_seconds_total", "process_cpu_seconds_total")
_LOAD_RATIO = "penstock_process_load_ratio"
_BUSY = "penstock_model_busy_seconds_total"
_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{.*\})? (\S+)", re.MULTILINE)


class MeterError(PenstockError):
    """A server that cannot be looked at."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One look: seconds so far, and a share of the last 5 s; None where nobody tells."""

    at_s: float
    cpu_s: float | None
    model_busy_s: float | None
    load_ratio: float | None


@dataclass(frozen=True, slots=True)
class Meter:
    """Looks at a server by its Prometheus endpoint, by its process, or by both; CPU time is then the process tree's."""

    metrics_url: str = ""
    pid: int = 0

    @property
    def is_there(self) -> bool:
        """Whether there is anything to look at."""
        return bool(self.metrics_url or self.pid)

    def read(self) -> Reading:
        """One look. Raises MeterError or ConfigError."""
        found = self._metrics() if self.metrics_url else {}
        return Reading(
            at_s=time.monotonic(),
            cpu_s=self._tree_cpu_s()
            if self.pid
            else next((found[name] for name in _CPUS if name in found), None),
            model_busy_s=found.get(_BUSY),
            load_ratio=found.get(_LOAD_RATIO),
        )

    def _tree_cpu_s(self) -> float:
        try:
            return tree_cpu_s(self.pid)
        except OSError as error:
            raise MeterError(
                f"--server-pid: process {self.pid} cannot be looked at: {error.strerror}"
            ) from None

    def _metrics(self) -> dict[str, float]:
        """Each metric's sum over its labels."""
        sums: dict[str, float] = {}
        for name, value in _SAMPLE.findall(self._text()):
            sums[name] = sums.get(name, 0.0) + float(value)
        return sums

    def _text(self) -> str:
        url = urllib.parse.urlsplit(self.metrics_url)
        if url.scheme != "http" or not url.hostname:
            raise ConfigError(
                f"--metrics-url: found {self.metrics_url!r}, allowed: such as http://127.0.0.1:8002/metrics"
            )
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", url.path or "/metrics")
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise MeterError(f"--metrics-url: {self.metrics_url} cannot be read: {error}") from None
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise MeterError(f"--metrics-url: {self.metrics_url} answers with HTTP {answer.status}")
        return text
