"""The model of bench/triton_server.py, as Triton's Python backend runs it: one run for all requests of a batch.

Triton's own process imports this file from its model repository; nothing of penstock or bench can be imported here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import triton_python_backend_utils as pb_utils
from torch.utils import dlpack


class TritonPythonModel:
    """Loads the TorchScript file that lies beside it."""

    def initialize(self, args: dict[str, str]) -> None:
        """Once, before the first batch."""
        config = json.loads(args["model_config"])
        self._inputs = [each["name"] for each in config["input"]]
        self._output = config["output"][0]["name"]
        torch.set_num_threads(1)
        module = torch.jit.load(str(Path(__file__).with_name("model.pt")), map_location="cpu")
        self._model: Any = torch.jit.freeze(module.eval())

    def execute(self, requests: list[Any]) -> list[Any]:
        """The scheduler gives whole batches; their rows run together and go back to their requests.

        Tensors go through DLPack, without a copy. As arrays of numpy 2 the outputs of this backend, which is older,
        arrive empty.
        """
        inputs = [
            [
                dlpack.from_dlpack(pb_utils.get_input_tensor_by_name(request, name).to_dlpack())
                for request in requests
            ]
            for name in self._inputs
        ]
        with torch.inference_mode():
            scores = self._model(*(torch.cat(each) if len(each) > 1 else each[0] for each in inputs))
        parts = scores.split([len(rows) for rows in inputs[0]])
        return [
            pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor.from_dlpack(self._output, part)])
            for part in parts
        ]
