"""Calls of one number a row, and what they are answered."""

from __future__ import annotations

import struct
import threading
from collections import Counter
from types import TracebackType
from typing import Self

import grpc

from penstock.pb import health_pb2, health_pb2_grpc, inference_pb2, inference_pb2_grpc
from tests.connection import OPTIONS
from tests.server_process import ServerProcess


def infer_request(model: str, *rows: float) -> inference_pb2.ModelInferRequest:
    """A FP32 `x` of one value a row."""
    request = inference_pb2.ModelInferRequest(model_name=model, id="7")
    request.inputs.add(name="x", datatype="FP32", shape=[len(rows)])
    request.raw_input_contents.append(struct.pack(f"<{len(rows)}f", *rows))
    return request


def values(response: inference_pb2.ModelInferResponse) -> tuple[float, ...]:
    raw = response.raw_output_contents[0]
    return struct.unpack(f"<{len(raw) // 4}f", raw)


def health(server: ServerProcess, name: str = "") -> int:
    stub = health_pb2_grpc.HealthStub(server.channel)
    return stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=10).status


def in_flight(server: ServerProcess, model: str = "gated") -> float:
    return server.metrics().total("penstock_in_flight_requests", model=model)


class BusyCaller:
    """A connection on which several callers send one call after the other, while the `with` block lasts.

    Attributes:
        codes: how often each code was the answer.

    """

    def __init__(self, server: ServerProcess, callers: int = 8) -> None:
        self.codes: Counter[grpc.StatusCode] = Counter()
        self._channel = grpc.insecure_channel(server.address, OPTIONS)
        self._infer = inference_pb2_grpc.GRPCInferenceServiceStub(self._channel).ModelInfer
        self._ended = threading.Event()
        self._count = threading.Lock()
        self._threads = [threading.Thread(target=self._call) for _ in range(callers)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._channel.close()

    def _call(self) -> None:
        request = infer_request("raises", 2.0)
        while not self._ended.is_set():
            code = self._infer.future(request, timeout=60).code()
            with self._count:
                self.codes[code] += 1
