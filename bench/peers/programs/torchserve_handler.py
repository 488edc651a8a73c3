"""TorchServe's handler for a TorchScript file: inputs and scores as raw bytes, one run for all requests of a batch.

TorchServe's worker imports it from the model archive and finds `bench` on its path.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.model_inputs import INPUTS
from bench.peers.programs.torch_model import TorchModel


class TorchScriptHandler:
    """The model's name and file are those of the archive."""

    def initialize(self, context: Any) -> None:
        manifest = context.manifest["model"]
        folder = Path(context.system_properties["model_dir"])
        self._inputs = INPUTS[manifest["modelName"]]
        self._model = TorchModel(str(folder / manifest["serializedFile"]))

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:  # noqa: ARG002 - part of the signature
        """One element a request: bytes by the inputs' names, rows one after the other."""
        requests = [
            [np.frombuffer(request[each.name], each.dtype).reshape(-1, each.width) for each in self._inputs]
            for request in data
        ]
        return [scores.tobytes() for scores in self._model.run_batch(requests)]
