"""Requests to the models of this folder's server, and what one of them is answered."""

import grpc
import numpy as np

from penstock.pb import inference_pb2 as oip
from penstock.pb import inference_pb2_grpc
from tests.contract.good_requests import INFER
from tests.contract.raw_http2 import framed
from tests.contract.tensors import outputs, raw_request

WATCH = "/grpc.health.v1.Health/Watch"
CHECK = "/grpc.health.v1.Health/Check"
LIVE = "/inference.GRPCInferenceService/ServerLive"
__all__ = ["CHECK", "INFER", "LIVE", "WATCH", "assert_answered", "echo", "echo_body", "gated_body"]


def echo(floats: int = 4) -> oip.ModelInferRequest:
    """One row of so many floats."""
    return raw_request("echo", ("x", "FP32", np.arange(floats, dtype=np.float32)[None]))


def echo_body(floats: int = 4) -> bytes:
    """The same as the DATA of a call."""
    return framed(echo(floats).SerializeToString())


def gated_body() -> bytes:
    """A row of `gated` as the DATA of a call."""
    return framed(raw_request("gated", ("x", "FP32", np.ones(1, np.float32))).SerializeToString())


def assert_answered(channel: grpc.Channel) -> None:
    """A good call is answered, and rightly."""
    stub = inference_pb2_grpc.GRPCInferenceServiceStub(channel)
    assert outputs(stub.ModelInfer(echo(), timeout=30))["y"].tolist() == [[0, 1, 2, 3]]
