"""A real `penstock serve` process on free ports, for tests that speak to it as any client would; and other commands."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc

from penstock.pb import inference_pb2_grpc, prediction_pb2_grpc
from tests.prometheus_text import Metrics

# Importing torch on a busy machine takes a while; a server that is this late is broken.
START_S = 120.0
# All models are loaded, or have failed to load.
LOADED = ("serving", "serving, but not ready")


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of this process without settings of its own, and with `settings`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
    return own | dict(settings or {})


def penstock(
    *arguments: str | Path, settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "penstock", *map(str, arguments)],
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )


class ServerProcess:
    """Entering the `with` block starts it and waits for one of the events `until`; leaving it kills what still runs.

    Attributes:
        repository: the folder that it serves.
        process: the process.
        events: the log's events so far.
        other_lines: what came on standard error that is no event.
        serving: the event that was waited for.
        channel, inference, prediction: a channel of its own, and stubs on it.

    """

    def __init__(
        self,
        repository: Path,
        *flags: str,
        settings: Mapping[str, str] | None = None,
        until: tuple[str, ...] = LOADED,
    ) -> None:
        self.repository = repository
        self.events: list[dict[str, Any]] = []
        self.other_lines: list[str] = []
        self._lines: list[str] = []
        self._command = [
            *(sys.executable, "-m", "penstock", "serve", str(repository)),
            *("--port", "0", "--http-port", "0", "--metrics-port", "0", "--log-format", "json"),
            *flags,
        ]
        self._environment = environment(settings)
        self._until = until
        self._news = threading.Condition()
        self._ended = False

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command, env=self._environment, stderr=subprocess.PIPE, text=True, errors="replace"
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        try:
            self.serving = self.wait_for(*self._until)
        except BaseException:
            self._end()
            raise
        self.channel = grpc.insecure_channel(self.address)
        self.inference = inference_pb2_grpc.GRPCInferenceServiceStub(self.channel)
        self.prediction = prediction_pb2_grpc.PredictionStub(self.channel)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.channel.close()
        self._end()

    @property
    def address(self) -> str:
        """Where gRPC is served."""
        return f"127.0.0.1:{self.serving['port']}"

    @property
    def http_address(self) -> str:
        """Where REST is served."""
        return f"127.0.0.1:{self.serving['http_port']}"

    @property
    def metrics_address(self) -> str:
        """Where metrics and probes are served."""
        return f"127.0.0.1:{self.serving['metrics_port']}"

    def wait_for(self, *events: str) -> dict[str, Any]:
        """The first event of one of these names, once it has been logged."""

        def found() -> dict[str, Any] | None:
            return next((event for event in self.events if event["event"] in events), None)

        with self._news:
            self._news.wait_for(lambda: found() or self._ended, START_S)
        event = found()
        assert event is not None, f"no event {events} in the log:\n{self.text()}"
        return event

    def http(self, path: str) -> tuple[int, str]:
        """Status and body of a GET on the metrics port."""
        connection = http.client.HTTPConnection(self.metrics_address, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metrics(self) -> Metrics:
        """What /metrics says now."""
        status, text = self.http("/metrics")
        assert status == 200
        return Metrics(text)

    def terminate(self) -> None:
        """Asks the process to stop, and waits until it has understood."""
        self.process.send_signal(signal.SIGTERM)
        self.wait_for("draining")

    def exit_code(self) -> int:
        """The process's exit code, once it has ended and its log has been read."""
        code = self.process.wait(START_S)
        self._reader.join()
        return code

    def text(self) -> str:
        """All that the process has logged so far, as it came."""
        return "".join(self._lines)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._news:
                self._lines.append(line)
                try:
                    self.events.append(json.loads(line))
                except ValueError:
                    self.other_lines.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()
