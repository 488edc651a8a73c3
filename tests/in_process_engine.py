"""The engine in this process, as a door uses it: raw requests in, the tensors of the batches that they form out."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch.utils import dlpack

from penstock._fastpath import Engine, ModelSpec
from tests.reference import Tensor

Method = Literal["predict", "infer"]
_from_dlpack: Any = dlpack.from_dlpack
_to_dlpack: Any = dlpack.to_dlpack  # type: ignore[attr-defined]
_MODEL = "model"


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


class InProcess:
    """One engine for many models, one after the other, each a folder called `model` whose output is FP32 []."""

    def __init__(self) -> None:
        self._engine = Engine()
        self._calls = self._engine.calls(lambda _code, message, *_: RefusedByEngineError(message))

    def tensors(self, folder: Path, method: Method, raw: bytes) -> list[Tensor]:
        """The arguments of forward for one request. Raises RefusedByEngineError."""
        return self.batch(folder, [(method, raw)])

    def batch(self, folder: Path, requests: Iterable[tuple[Method, bytes]]) -> list[Tensor]:
        """The arguments of forward for requests that run together, in their order."""
        spec = ModelSpec.load(folder)
        queue = self._engine.add_version(spec, 1)
        self._engine.route(queue)
        answers = []
        try:
            for method, raw in requests:
                answers.append(_Answer())
                getattr(self._calls, method)(raw, None, answers[-1])
        finally:
            self._engine.unroute(_MODEL, 1)
        batches = []
        for batch in queue.batches(_from_dlpack, _to_dlpack, _raise):
            with batch:
                arguments = zip(spec.inputs, batch.tensors(), strict=True)
                batches.append([Tensor(i.name, i.datatype, _array(tensor)) for i, tensor in arguments])
                batch.reply(torch.zeros(batch.rows))
        self._calls.deliver()
        for answer in answers:
            if answer.error is not None:
                raise answer.error
        (tensors,) = batches
        return tensors


def _array(tensor: torch.Tensor) -> np.ndarray:
    """A copy; BF16 as its bit patterns."""
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(np.uint16).copy()
    return tensor.numpy().copy()


def _raise(_: str, error: BaseException) -> None:
    raise error
