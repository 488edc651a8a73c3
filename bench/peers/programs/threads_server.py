"""Plain grpcio: a thread pool, the generated classes, one run a request.

`python -m bench.peers.programs.threads_server PORT THREADS NAME=FILE…` serves on the loopback interface until it is
killed.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

from bench.peers.programs import oip
from bench.peers.programs.torch_model import TorchModel
from penstock.pb import inference_pb2, inference_pb2_grpc


class Servicer(inference_pb2_grpc.GRPCInferenceServiceServicer):
    """ModelInfer alone; the other methods are unimplemented."""

    def __init__(self, files: dict[str, str]) -> None:
        self._models = {name: TorchModel(file) for name, file in files.items()}

    def ModelInfer(  # noqa: N802 - named by the protocol
        self,
        request: inference_pb2.ModelInferRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - part of the signature
    ) -> inference_pb2.ModelInferResponse:
        """Scores the request's rows."""
        return oip.answer(request, self._models[request.model_name].run(oip.arrays(request)))


def serve(port: int, threads: int, files: dict[str, str]) -> None:
    server = grpc.server(ThreadPoolExecutor(threads))
    inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Servicer(files), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]), dict(each.split("=", 1) for each in sys.argv[3:]))
