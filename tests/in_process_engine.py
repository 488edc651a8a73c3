"""The engine in this process, as a door uses it: raw requests in, the tensors of the batches that they form out."""

import http.client
import json
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch.utils import dlpack

from penstock._fastpath import Engine, ModelSpec
from tests.reference import Tensor

# "json": rows of features, through the HTTP port.
Method = Literal["predict", "infer", "json"]
_from_dlpack: Any = dlpack.from_dlpack
_to_dlpack: Any = dlpack.to_dlpack  # type: ignore[attr-defined]
_MODEL = "model"
_TIMEOUT_S = 60.0
_HTTP = {
    "max_receive_bytes": 4 << 20,
    "max_send_bytes": 4 << 20,
    "max_connections": 16,
    "max_connection_age_s": 600,
}


class RefusedByEngineError(ValueError):
    """The engine's answer to a request that it refuses."""


class _Answer:
    """A future whose answer nobody waits for."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def set_exception(self, error: BaseException) -> None:
        self.error = error

    def set_result(self, _: bytes) -> None:
        pass

    def done(self) -> bool:
        return False

    cancelled = done


class _Post(threading.Thread):
    """A request to the HTTP port, under way until its batch has run or it is refused."""

    def __init__(self, port: int, body: bytes) -> None:
        super().__init__(daemon=True)
        self.error: BaseException | None = None
        self._port = port
        self._body = body
        self.start()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_S)
        try:
            connection.request("POST", f"/v2/models/{_MODEL}/predict", self._body)
            response = connection.getresponse()
            answer = response.read()
            if response.status != http.client.OK:
                self.error = RefusedByEngineError(json.loads(answer)["error"])
        except BaseException as error:  # noqa: BLE001 - raised again on the thread that waits
            self.error = error
        finally:
            connection.close()


class InProcess:
    """One engine for many models, one after the other, each a folder called `model` whose output is FP32 []."""

    def __init__(self) -> None:
        self._engine = Engine()
        self._calls = self._engine.calls(lambda _code, message, *_: RefusedByEngineError(message))
        self._http = self._engine.open_http("127.0.0.1", 0, settings=_HTTP)

    def tensors(self, folder: Path, method: Method, raw: bytes) -> list[Tensor]:
        """The arguments of forward for one request. Raises RefusedByEngineError."""
        return self.batch(folder, [(method, raw)])

    def batch(self, folder: Path, requests: Iterable[tuple[Method, bytes]]) -> list[Tensor]:
        """The arguments of forward for requests that run together, in their order."""
        spec = ModelSpec.load(folder)
        queue = self._engine.add_version(spec, 1)
        self._engine.route(queue)
        answers: list[_Answer | _Post] = []
        try:
            for method, raw in requests:
                if method == "json":
                    answers.append(self._post(raw))
                    continue
                answer = _Answer()
                answers.append(answer)
                getattr(self._calls, method)(raw, None, answer)
        finally:
            self._engine.unroute(queue)
        batches = []
        for batch in queue.batches(_from_dlpack, _to_dlpack, _raise):
            with batch:
                arguments = zip(spec.inputs, batch.tensors(), strict=True)
                batches.append([Tensor(i.name, i.datatype, _array(tensor)) for i, tensor in arguments])
                batch.reply(torch.zeros(batch.rows))
        self._calls.deliver()
        for answer in answers:
            if isinstance(answer, _Post):
                answer.join(_TIMEOUT_S)
            if answer.error is not None:
                raise answer.error
        (tensors,) = batches
        return tensors

    def _post(self, body: bytes) -> _Post:
        """A request that waits in the queue, or was refused."""
        before = self._engine.in_flight()
        post = _Post(self._http.port, body)
        until = time.monotonic() + _TIMEOUT_S
        while post.is_alive() and self._engine.in_flight() == before and time.monotonic() < until:
            time.sleep(0.0002)
        return post


def _array(tensor: torch.Tensor) -> np.ndarray:
    """A copy; BF16 as its bit patterns."""
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(np.uint16).copy()
    return tensor.numpy().copy()


def _raise(_: str, error: BaseException) -> None:
    raise error
