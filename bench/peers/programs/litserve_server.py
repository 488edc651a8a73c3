"""LitServe: one API a model at /NAME, JSON over HTTP as its documentation has it, one run a request.

`python -m bench.peers.programs.litserve_server PORT NAME=FILE…` serves on the loopback interface until it is killed.
"""

from __future__ import annotations

import sys
from typing import Any

import litserve
import numpy as np

from bench.model_inputs import INPUTS, OUTPUT
from bench.peers.programs.torch_model import TorchModel


class TorchScriptAPI(litserve.LitAPI):
    """A request is a list of arrays, and becomes scores."""

    def __init__(self, name: str, file: str) -> None:
        super().__init__(api_path=f"/{name}")
        self._name = name
        self._file = file

    def setup(self, device: str) -> None:  # noqa: ARG002 - part of the signature
        self._model = TorchModel(self._file)

    # LitServe reads a body as JSON where no type is named.
    def decode_request(self, request):  # type: ignore[no-untyped-def]
        return [np.asarray(request[each.name], each.dtype) for each in INPUTS[self._name]]

    def predict(self, x: list[Any]) -> Any:
        return self._model.run(x)

    def encode_response(self, output: Any) -> dict[str, Any]:
        return {OUTPUT: output.tolist()}


if __name__ == "__main__":
    apis = [TorchScriptAPI(*each.split("=", 1)) for each in sys.argv[2:]]
    server = litserve.LitServer(apis, accelerator="cpu", devices=1, workers_per_device=1, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        log_level="warning",
        access_log=False,
        generate_client_file=False,
    )
