"""A `penstock serve` of one's own: started on free ports, waited for, stopped as an orchestrator would."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from penstock import CallError, Client

# torch takes seconds to import on a cold machine, and every model is warmed up before the server is ready.
_START_TIMEOUT_S = 90.0
_STOP_TIMEOUT_S = 40.0
_POLL_S = 0.1


class ServerError(Exception):
    """The server did not start or did not stop as it should; the message ends with the last of its log."""


class ServerProcess:
    """Serves a model repository while its `with` block runs. `target` is its address."""

    def __init__(self, repository: Path) -> None:
        self.target = ""
        self._repository = repository
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _kill
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Raises ServerError where the server is not ready in time."""
        port, metrics_port = _free_ports()
        self.target = f"127.0.0.1:{port}"
        command = [sys.executable, "-m", "penstock", "serve", str(self._repository)]
        command += ["--port", str(port), "--http-port", "0", "--metrics-port", str(metrics_port)]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)  # noqa: S603 - this Python
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kills a server that is still there, so that none outlives its user."""
        self._kill()

    def stop(self) -> float:
        """SIGTERM; gives the seconds until the server was gone. Raises ServerError for an exit code but 0."""
        assert self._process is not None  # noqa: S101 - inside the with block
        started = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise ServerError(
                f"the server did not stop in {_STOP_TIMEOUT_S:.0f} s\n{self._log_end()}"
            ) from None
        if code != 0:
            raise ServerError(f"the server stopped with exit code {code}\n{self._log_end()}")
        return time.monotonic() - started

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < until:
            if process.poll() is not None:
                raise ServerError(f"the server ended with exit code {process.returncode}\n{self._log_end()}")
            if self._is_ready():
                return
            time.sleep(_POLL_S)
        raise ServerError(f"the server was not ready in {_START_TIMEOUT_S:.0f} s\n{self._log_end()}")

    def _is_ready(self) -> bool:
        # A channel that has failed waits longer before each new attempt, so every look has its own.
        with Client(self.target, timeout_s=1.0) as client:
            try:
                return client.server_ready()
            except CallError:
                return False

    def _kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _log_end(self) -> str:
        self._log.seek(0)
        return "\n".join(self._log.read().decode(errors="replace").splitlines()[-15:])


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]
