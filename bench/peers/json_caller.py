"""Single calls with JSON bodies over HTTP/1.1, one after the other on one connection."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager

from bench.sampler import Call

_TIMEOUT_S = 10.0


class HttpError(Exception):
    """An answer with another status than 200, or none."""


@contextmanager
def json_caller(address: str, path: str) -> Iterator[Call]:
    """A call raises HttpError, or OSError where there is no connection."""
    connection = http.client.HTTPConnection(address, timeout=_TIMEOUT_S)

    def call(body: bytes) -> bytes:
        try:
            connection.request("POST", path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        except http.client.HTTPException as error:
            raise HttpError(f"no answer: {error!r}") from error
        if answer.status != http.client.OK:
            raise HttpError(f"status {answer.status}: {text[:80]!r}")
        return text

    try:
        yield call
    finally:
        connection.close()
