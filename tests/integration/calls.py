"""Calls of one number a row, and what they are answered."""

from __future__ import annotations

import struct

from penstock.pb import health_pb2, health_pb2_grpc, inference_pb2
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
