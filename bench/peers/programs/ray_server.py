"""Ray Serve behind its gRPC proxy: one deployment with one replica, which batches each model's requests.

`python -m bench.peers.programs.ray_server PORT FOLDER NAME=FILE…` serves until it is told to end; Ray keeps its session
in FOLDER.
"""

from __future__ import annotations

import signal
import sys
from typing import Any

import ray
from ray import serve
from ray.serve.config import gRPCOptions

from bench.peers.programs import oip
from bench.peers.programs.torch_model import TorchModel
from penstock.pb import inference_pb2

_SERVICER = "penstock.pb.inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server"


class Models:
    """ModelInfer of both models."""

    def __init__(self, files: dict[str, str]) -> None:
        self._models = {name: TorchModel(file) for name, file in files.items()}

    async def ModelInfer(  # noqa: N802 - named by the protocol
        self, request: inference_pb2.ModelInferRequest
    ) -> inference_pb2.ModelInferResponse:
        """Scores the request's rows."""
        run = self._fraud if request.model_name == "fraud" else self._rec
        return oip.answer(request, await run(oip.arrays(request)))

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.0)
    async def _fraud(self, requests: list[list[Any]]) -> list[Any]:
        return self._models["fraud"].run_batch(requests)

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.0)
    async def _rec(self, requests: list[list[Any]]) -> list[Any]:
        return self._models["rec"].run_batch(requests)


# More requests than the load ever has in flight, so that the proxy holds none back.
application: Any = serve.deployment(
    num_replicas=1, max_ongoing_requests=1024, ray_actor_options={"num_cpus": 1}
)(Models)


def main(port: int, folder: str, files: dict[str, str]) -> None:
    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False, _temp_dir=folder
    )
    serve.start(
        proxy_location="HeadOnly",
        http_options={"host": "127.0.0.1", "port": 0},
        grpc_options=gRPCOptions(port=port, grpc_servicer_functions=[_SERVICER]),
    )
    serve.run(application.bind(files), route_prefix="/")
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], dict(each.split("=", 1) for each in sys.argv[3:]))
