"""A TorchScript model as every peer runs it: one thread, frozen, one run for all requests of a batch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch


class TorchModel:
    """Loads a TorchScript file."""

    def __init__(self, file: str) -> None:
        torch.set_num_threads(1)
        with warnings.catch_warnings():
            # torch says of `load` and `freeze` that `torch.export` is to be preferred.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._module: Any = torch.jit.freeze(torch.jit.load(file, map_location="cpu").eval())

    def run(self, arrays: Sequence[Any]) -> Any:
        """Numpy arrays [rows, width], one an input, to scores, a numpy array [rows, 1]. They may be read-only."""
        with warnings.catch_warnings():
            # Of arrays that cannot be written to; the model does not write to its inputs.
            warnings.simplefilter("ignore", UserWarning)
            tensors = [torch.from_numpy(array) for array in arrays]
        with torch.inference_mode():
            return self._module(*tensors).numpy()

    def run_batch(self, requests: Sequence[Sequence[Any]]) -> list[Any]:
        """The arrays of several requests, whose rows run together; the scores of each."""
        if len(requests) == 1:
            return [self.run(requests[0])]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            inputs = [
                torch.cat([torch.from_numpy(array) for array in each]) for each in zip(*requests, strict=True)
            ]
        with torch.inference_mode():
            scores = self._module(*inputs)
        return [part.numpy() for part in scores.split([len(request[0]) for request in requests])]
