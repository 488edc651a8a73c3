"""The ways to call a server from one Python process, each with many calls under way; the work of a call is the same.

A call begins at a numpy row and ends at the score as a numpy array: who calls builds the request and reads the answer.

`python -m bench.client_callers CALLER ADDRESS IN_FLIGHT CALLS` makes calls to warm up, says so, waits for a line on its
standard input, makes the calls that count, and prints seconds and CPU seconds of this process as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray

from penstock import AsyncClient, Client
from penstock.pb import inference_pb2, inference_pb2_grpc

MODEL = "fraud"
SCORE = np.float32(0.5)
_TIMEOUT_S = 30.0
_WARM_UP_CALLS = 2_000
_ROW: NDArray[Any] = np.random.default_rng(7).random((1, 32), np.float32)

# Makes so many calls, so many under way.
Caller = Callable[[str, int, int], None]


class WrongScoreError(Exception):
    """An answer is not the server's."""


def answer() -> bytes:
    """What the server answers to every call: a serialized ModelInferResponse."""
    response = inference_pb2.ModelInferResponse(model_name=MODEL, model_version="1")
    response.outputs.add(name="score", datatype="FP32", shape=[1])
    response.raw_output_contents.append(SCORE.tobytes())
    return response.SerializeToString()


def _request() -> inference_pb2.ModelInferRequest:
    request = inference_pb2.ModelInferRequest(model_name=MODEL)
    request.inputs.add(name="x", datatype="FP32", shape=_ROW.shape)
    request.raw_input_contents.append(_ROW.tobytes())
    return request


def _read(response: inference_pb2.ModelInferResponse) -> None:
    _check(np.frombuffer(response.raw_output_contents[0], np.float32))


def _check(score: NDArray[Any]) -> None:
    if score[0] != SCORE:
        raise WrongScoreError(f"a score of {score[0]}")


def stub_in_threads(address: str, in_flight: int, calls: int) -> None:
    """The generated stub in a pool of threads, each of which waits for its call."""
    with grpc.insecure_channel(address) as channel, ThreadPoolExecutor(in_flight) as pool:
        stub = inference_pb2_grpc.GRPCInferenceServiceStub(channel)

        def call(_: None) -> None:
            _read(stub.ModelInfer(_request(), timeout=_TIMEOUT_S))

        for _ in pool.map(call, repeat(None, calls)):
            pass


def stub_futures(address: str, in_flight: int, calls: int) -> None:
    """The generated stub's futures, in one thread."""
    ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with grpc.insecure_channel(address) as channel:
        stub = inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        for number in range(calls):
            if number >= in_flight:
                _read(ended.get().result())
            stub.ModelInfer.future(_request(), timeout=_TIMEOUT_S).add_done_callback(ended.put)
        for _ in range(min(in_flight, calls)):
            _read(ended.get().result())


def aio_stub(address: str, in_flight: int, calls: int) -> None:
    """The generated stub on grpc.aio, in tasks."""

    async def run() -> None:
        async with grpc.aio.insecure_channel(address) as channel:
            # The stubs' types know blocking channels alone.
            typeless: Any = channel
            stub: Any = inference_pb2_grpc.GRPCInferenceServiceStub(typeless)

            async def caller(share: int) -> None:
                for _ in range(share):
                    _read(await stub.ModelInfer(_request(), timeout=_TIMEOUT_S))

            await asyncio.gather(*map(caller, _shares(in_flight, calls)))

    asyncio.run(run())


def async_client(address: str, in_flight: int, calls: int) -> None:
    """AsyncClient, in tasks."""

    async def run() -> None:
        async with AsyncClient(address, timeout_s=_TIMEOUT_S) as client:

            async def caller(share: int) -> None:
                for _ in range(share):
                    _check((await client.infer(MODEL, {"x": _ROW})).outputs["score"])

            await asyncio.gather(*map(caller, _shares(in_flight, calls)))

    asyncio.run(run())


def client_many(address: str, in_flight: int, calls: int) -> None:
    """Client.infer_many, in one thread."""
    with Client(address, timeout_s=_TIMEOUT_S) as client:
        requests = ({"x": _ROW} for _ in range(calls))
        for prediction in client.infer_many(MODEL, requests, in_flight=in_flight):
            _check(prediction.outputs["score"])


CALLERS: dict[str, Caller] = {
    "grpcio stub, threads": stub_in_threads,
    "grpcio stub, futures": stub_futures,
    "grpc.aio stub": aio_stub,
    "AsyncClient.infer": async_client,
    "Client.infer_many": client_many,
}


def _shares(in_flight: int, calls: int) -> list[int]:
    """So many tasks' calls, all calls in sum."""
    return [(calls + number) // in_flight for number in range(in_flight)]


def main() -> None:
    name, address, in_flight, calls = sys.argv[1:]
    caller = CALLERS[name]
    caller(address, int(in_flight), _WARM_UP_CALLS)
    print("warm", flush=True)
    sys.stdin.readline()
    began_s, cpu = time.perf_counter(), os.times()
    caller(address, int(in_flight), int(calls))
    took_s, after = time.perf_counter() - began_s, os.times()
    cpu_s = after.user + after.system - cpu.user - cpu.system
    print(json.dumps({"took_s": took_s, "cpu_s": cpu_s}))


if __name__ == "__main__":
    main()
