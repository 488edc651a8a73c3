"""Two callers of the balancer at once, at fixed rates: penstock bench, which repeats nothing, and penstock's client."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from k8s.tests import report
from k8s.tests.pods.envoy import Envoy
from k8s.tests.pods.models import FACTORS, NAME
from k8s.tests.report import Part

ROOT = Path(__file__).parents[3]
# Of bench, in calls a second over so many connections, and of the client, over one.
BARE_PER_SECOND, CONNECTIONS = 1000, 8
CHECKED_PER_SECOND = 50
# As long as a server of the base's settings, six times as fast, lets a call last.
TIMEOUT = "2.4s"
REQUEST = {
    "model_name": NAME,
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "contents": {"fp32_contents": [2.0]}}],
}


@dataclass(frozen=True)
class Seen:
    """What calls were answered."""

    # Of bench: calls, and those that failed by what was wrong.
    calls: int
    failures: dict[str, int]
    # Of the client: answers by what `x` was multiplied by, and failures by code.
    factors: dict[float, int]
    client_failures: dict[str, int]

    @property
    def failed(self) -> int:
        return sum(self.failures.values())

    @property
    def unavailable(self) -> int:
        """Of bench's failures, those whose call found no server, or lost it."""
        return sum(count for what, count in self.failures.items() if "code = Unavailable" in what)

    @property
    def cut_off(self) -> int:
        """Of those, the ones whose server ended while it had them."""
        return self._reset_by("connection termination")

    @property
    def refused(self) -> int:
        """Of those, the ones that the balancer sent where nobody listened."""
        return self._reset_by("remote connection failure")

    @property
    def client_calls(self) -> int:
        return sum(self.factors.values()) + self.client_failed

    @property
    def client_failed(self) -> int:
        return sum(self.client_failures.values())

    def wrong(self) -> int:
        """Answers that are of no release."""
        return sum(count for factor, count in self.factors.items() if factor not in FACTORS.values())

    def why(self) -> str:
        """Failures of both callers by what was wrong, most frequent first."""
        both = Counter(self.failures) + Counter(self.client_failures)
        return "; ".join(f"{count} × {what}" for what, count in both.most_common(4)) or "nothing"

    def _reset_by(self, reason: str) -> int:
        return sum(count for what, count in self.failures.items() if f"reset reason: {reason}" in what)

    def add_row(self, what: str, more: str = "", *, control: bool = False) -> None:
        """A line of the report; `more` stands at its end."""
        report.add_row(
            Part.PODS,
            what,
            f"{_counted(self.failed, self.calls)} without retries; {_counted(self.client_failed, self.client_calls)} "
            f"of penstock's client; {self.wrong()} wrong answers{'; ' + more if more else ''}",
            control=control,
        )


class Traffic:
    """From entering the block to `stop`."""

    def __init__(self, envoy: Envoy) -> None:
        self._envoy = envoy
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        trusted = str(self._envoy.certificate)
        self._begin(
            "penstock", "bench", "--cacert", trusted, "--proto", "proto/inference/open_inference.proto",
            "--import-paths", "proto", "--call", "inference.GRPCInferenceService/ModelInfer",
            "--data", json.dumps(REQUEST), "--async", "--rps", str(BARE_PER_SECOND),
            "--connections", str(CONNECTIONS), "--timeout", TIMEOUT, "--duration", "3600s",
            "--duration-stop", "wait", "--format", "json", self._envoy.address,
        )  # fmt: skip
        self._begin("k8s.tests.pods.caller", self._envoy.address, trusted, str(CHECKED_PER_SECOND))
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def stop(self) -> Seen:
        """Once every call is answered."""
        bench, client = self._processes
        bench.send_signal(signal.SIGINT)
        client.send_signal(signal.SIGTERM)
        of_bench, of_client = _json_of(bench), _json_of(client)
        statuses = of_bench["statusCodeDistribution"]
        failures = of_bench["errorDistribution"] or {}
        assert of_bench["count"] == statuses.get("OK", 0) + sum(failures.values())
        return Seen(
            of_bench["count"],
            failures,
            {float(factor): count for factor, count in of_client["factors"].items()},
            of_client["failures"],
        )

    def _begin(self, module: str, *arguments: str) -> None:
        command = [sys.executable, "-m", module, *arguments]
        self._processes.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        )


def _json_of(process: subprocess.Popen[str]) -> Any:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return json.loads(out)


def _counted(failed: int, calls: int) -> str:
    bound = f" (95 % bound {3 / calls:.1e} a call)" if calls and not failed else ""
    return f"{failed:,} of {calls:,} calls failed{bound}"
