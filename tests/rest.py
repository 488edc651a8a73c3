"""Requests to the HTTP port, by the standard library's client."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.server_process import ServerProcess

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Answer:
    """Status, headers with lower-case names, and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The JSON in front of whatever binary data there is."""
        length = self.headers.get("inference-header-content-length")
        return json.loads(self.body if length is None else self.body[: int(length)])

    @property
    def binary(self) -> bytes:
        """What follows the JSON."""
        return self.body[int(self.headers["inference-header-content-length"]) :]

    @property
    def error(self) -> str:
        """The sentence of an error."""
        return str(self.document["error"])


def connect(server: ServerProcess) -> http.client.HTTPConnection:
    """A connection that stays until it is closed."""
    return http.client.HTTPConnection(server.http_address, timeout=TIMEOUT_S)


def read(connection: http.client.HTTPConnection) -> Answer:
    """The answer to what was sent."""
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


def ask(
    server: ServerProcess,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request on a connection of its own; a body that is no text and no bytes is sent as JSON."""
    if not isinstance(body, str | bytes | None):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    connection = connect(server)
    try:
        connection.request(method, path, body, dict(headers or {}))
        return read(connection)
    finally:
        connection.close()


def infer(server: ServerProcess, model: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
    return ask(server, "POST", f"/v2/models/{model}/infer", body, headers)


def predict(server: ServerProcess, model: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
    return ask(server, "POST", f"/v2/models/{model}/predict", body, headers)


def with_binary(document: Any, data: bytes) -> tuple[bytes, dict[str, str]]:
    """JSON with data behind it: body and headers."""
    text = json.dumps(document).encode()
    return text + data, {"Inference-Header-Content-Length": str(len(text))}
