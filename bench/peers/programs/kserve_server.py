"""KServe's Python server with one model class; the Open Inference Protocol over gRPC is its own.

`python -m bench.peers.programs.kserve_server PORT HTTP_PORT NAME=FILE…` serves until it is killed. KServe batches in an
agent beside the server and not in it, so each request is a run.
"""

from __future__ import annotations

import sys
from typing import Any

import kserve

from bench.model_inputs import INPUTS, OUTPUT
from bench.peers.programs.torch_model import TorchModel


class TorchScriptModel(kserve.Model):
    """Ready when it is made."""

    def __init__(self, name: str, file: str) -> None:
        super().__init__(name)
        self._model = TorchModel(file)
        self.ready = True

    async def predict(
        self,
        payload: kserve.InferRequest,
        headers: dict[str, str] | None = None,  # noqa: ARG002 - part of the signature
        response_headers: dict[str, str] | None = None,  # noqa: ARG002 - likewise
    ) -> kserve.InferResponse:
        """Scores the request's rows."""
        arrays: list[Any] = [payload.get_input_by_name(each.name).as_numpy() for each in INPUTS[self.name]]
        scores = self._model.run(arrays)
        output = kserve.InferOutput(OUTPUT, list(scores.shape), "FP32")
        output.set_data_from_numpy(scores, binary_data=True)
        return kserve.InferResponse(payload.id, self.name, [output])


if __name__ == "__main__":
    models = [TorchScriptModel(*each.split("=", 1)) for each in sys.argv[3:]]
    server = kserve.ModelServer(
        grpc_port=int(sys.argv[1]), http_port=int(sys.argv[2]), workers=1, enable_latency_logging=False
    )
    server.start(models)
