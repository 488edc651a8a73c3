"""Plain grpc.aio on uvloop with the generated classes, and a batcher: what comes in a turn of the loop runs together.

`python -m bench.peers.programs.aio_server PORT NAME=FILE…` serves on the loopback interface until it is killed. The
model runs on the event loop: a thread would cost more than the run.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import grpc
import uvloop

from bench.peers.programs import oip
from bench.peers.programs.torch_model import TorchModel
from penstock.pb import inference_pb2, inference_pb2_grpc

# More rows cost the model more than they spare the loop.
_MOST_REQUESTS_A_BATCH = 64


class Batcher:
    """One model and the requests that wait for it."""

    def __init__(self, model: TorchModel) -> None:
        self._model = model
        self._waiting: list[tuple[list[Any], asyncio.Future[Any]]] = []

    async def run(self, arrays: list[Any]) -> Any:
        """The scores of one request, once its batch has run."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting.append((arrays, future))
        if len(self._waiting) == 1:
            # After the handlers that this turn of the loop still starts.
            loop.call_soon(self._flush)
        return await future

    def _flush(self) -> None:
        batch, self._waiting = (
            self._waiting[:_MOST_REQUESTS_A_BATCH],
            self._waiting[_MOST_REQUESTS_A_BATCH:],
        )
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        try:
            answers = self._model.run_batch([arrays for arrays, _ in batch])
        except Exception as error:  # noqa: BLE001 - each caller gets it
            for _, future in batch:
                future.set_exception(error)
            return
        for (_, future), scores in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(scores)


class Servicer(inference_pb2_grpc.GRPCInferenceServiceServicer):
    """ModelInfer alone; the other methods are unimplemented."""

    def __init__(self, files: dict[str, str]) -> None:
        self._batchers = {name: Batcher(TorchModel(file)) for name, file in files.items()}

    async def ModelInfer(  # noqa: N802 - named by the protocol
        self,
        request: inference_pb2.ModelInferRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - part of the signature
    ) -> inference_pb2.ModelInferResponse:
        """Scores the request's rows."""
        return oip.answer(request, await self._batchers[request.model_name].run(oip.arrays(request)))


async def serve(port: int, files: dict[str, str]) -> None:
    server = grpc.aio.server()
    inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Servicer(files), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), dict(each.split("=", 1) for each in sys.argv[2:])))
