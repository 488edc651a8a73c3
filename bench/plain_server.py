"""The plain peer: the fraud scorer as one would first write it in Python, without penstock.

grpc.aio on uvloop with the generated classes, one run of the TorchScript module a request, on the event loop: a
thread would cost more than the run. `python -m bench.plain_server OPTIONS MODEL_FILE` takes channel options as JSON, an
object, listens on a free port of the loopback interface, prints the port, and serves until it is killed.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import grpc
import torch
import uvloop

from penstock.pb import inference_pb2, inference_pb2_grpc


class FraudServicer(inference_pb2_grpc.GRPCInferenceServiceServicer):
    """ModelInfer alone; the other methods are unimplemented."""

    def __init__(self, model_file: Path) -> None:
        torch.set_num_threads(1)
        with warnings.catch_warnings():
            # torch says of `load` and `freeze` that `torch.export` is to be preferred.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._model: Any = torch.jit.freeze(torch.jit.load(str(model_file), map_location="cpu").eval())

    async def ModelInfer(  # noqa: N802 - named by the protocol
        self,
        request: inference_pb2.ModelInferRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - part of the signature
    ) -> inference_pb2.ModelInferResponse:
        """Scores the request's rows."""
        (tensor,) = request.inputs
        values = torch.frombuffer(bytearray(request.raw_input_contents[0]), dtype=torch.float32)
        with torch.inference_mode():
            scores = self._model(values.reshape(tuple(tensor.shape))).numpy()
        response = inference_pb2.ModelInferResponse(model_name=request.model_name, model_version="1")
        response.outputs.add(name="score", datatype="FP32", shape=scores.shape)
        response.raw_output_contents.append(scores.tobytes())
        return response


async def serve(options: dict[str, int], model_file: Path) -> None:
    server = grpc.aio.server(options=list(options.items()))
    inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(FraudServicer(model_file), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(json.loads(sys.argv[1]), Path(sys.argv[2])))
