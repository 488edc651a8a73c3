"""Versions 7 and 8 of one model in this process, behind both doors and the HTTP port, and how their calls are shared.

Each version answers its own number. Everything but the engine's and the models' threads runs on the test's event loop.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import torch

from penstock._fastpath import HttpPort, ModelSpec, Queue
from penstock.errors import CallFailed
from penstock.open_streams import OpenStreams
from penstock.pb import (
    feature_statistics_pb2,
    inference_pb2,
    inference_pb2_grpc,
    prediction_pb2_grpc,
    traffic_pb2_grpc,
)
from penstock.pb import inference_pb2 as oip
from penstock.pb import prediction_pb2 as pb
from penstock.rpc_handlers import rpc_handlers
from penstock.runtime import ModelThreads, ThreadHooks
from penstock.servicer import (
    RAW_METHODS,
    FeatureStatisticsServicer,
    InferenceServicer,
    PredictionServicer,
    Served,
)
from penstock.traffic import Traffic
from penstock.traffic_servicer import SERVICE, TrafficServicer
from penstock.version_status import State, VersionStatus
from tests.fast_door import FastDoor

MODEL = "fraud"
STABLE, NEW = 7, 8
TIMEOUT_S = 30.0
TOML = """
[batching]
max_batch_rows = 4

[instances]
count = 1

[versions]
labels = { stable = 7, new = 8, gone = 6 }

[canary]
version = "new"
weight = "50%"
max_error_ratio = 0.2
min_requests = 20

[[feature]]
name = "amount"
type = "float"
to = "x"

[[input]]
name = "x"
datatype = "FP32"

[[output]]
name = "version"
datatype = "INT64"
"""
_HTTP = {
    "max_receive_bytes": 4 << 20,
    "max_send_bytes": 4 << 20,
    "max_connections": 16,
    "max_connection_age_s": 600,
}
_INFERENCE = inference_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
_PREDICTION = pb.DESCRIPTOR.services_by_name["Prediction"]
_STATISTICS = feature_statistics_pb2.DESCRIPTOR.services_by_name["FeatureStatistics"]


@dataclass(frozen=True)
class TwoVersions:
    """What the tests call; `broken` makes version 8 raise from now on."""

    door: FastDoor
    http: HttpPort
    traffic: Traffic
    addresses: dict[str, str]  # by door
    broken: asyncio.Event

    def stubs(self, channel: grpc.aio.Channel) -> SimpleNamespace:
        """All services, on a channel of the test's."""
        return SimpleNamespace(
            inference=inference_pb2_grpc.GRPCInferenceServiceAsyncStub(channel),
            prediction=prediction_pb2_grpc.PredictionAsyncStub(channel),
            traffic=traffic_pb2_grpc.TrafficAsyncStub(channel),
        )

    async def post(
        self, verb: str, body: dict[str, Any], version: str = "", key: str = ""
    ) -> tuple[int, Any]:
        """Status and document of a request to the HTTP port; `key` goes as a header."""
        path = f"/versions/{version}" if version else ""
        url = f"http://127.0.0.1:{self.http.port}/v2/models/{MODEL}{path}/{verb}"
        headers = {"penstock-routing-key": key} if key else {}
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)

        def send() -> tuple[int, Any]:
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - loopback
                    return answer.status, json.load(answer)
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, json.load(error)

        return await asyncio.to_thread(send)


def infer(version: str = "", key: str = "", request_id: str = "") -> oip.ModelInferRequest:
    """A row as a tensor of the feature."""
    request = oip.ModelInferRequest(model_name=MODEL, model_version=version, id=request_id)
    request.inputs.add(name="amount", datatype="FP32", shape=[1]).contents.fp32_contents.append(1.0)
    if key:
        request.parameters["penstock-routing-key"].string_param = key
    return request


def predict(version: str = "", key: str = "", request_id: str = "") -> pb.PredictRequest:
    """The same row as a column."""
    request = pb.PredictRequest(model_name=MODEL, model_version=version, routing_key=key, id=request_id)
    request.columns.add(name="amount").floats.value.append(1.0)
    return request


@asynccontextmanager
async def serve() -> AsyncIterator[TwoVersions]:
    """Both versions at both doors until the block ends."""
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        root = Path(folder)
        model = root / MODEL
        for version in (STABLE, NEW):
            (model / str(version)).mkdir(parents=True)
        (model / "model.toml").write_text(TOML)
        door = FastDoor(root)
        engine, spec, broken = door.engine, ModelSpec.load(model, NEW), asyncio.Event()
        traffic = Traffic(engine)
        traffic.configure(spec)
        queues = [_start(door, spec, version, broken) for version in (STABLE, NEW)]
        calls = engine.calls(CallFailed)
        loop = asyncio.get_running_loop()
        loop.add_reader(calls.fileno(), calls.deliver)
        statuses = [VersionStatus(MODEL, version, State.READY, "", spec) for version in (STABLE, NEW)]
        what = Served(
            "test",
            lambda name: statuses if name in {None, MODEL} else [],
            engine.resolve,
            str,
            engine.statistics,
        )
        streams = OpenStreams(calls.cancel, 64)
        handlers = (
            rpc_handlers(_INFERENCE, InferenceServicer(what, calls, streams), RAW_METHODS),
            rpc_handlers(_PREDICTION, PredictionServicer(calls, streams), RAW_METHODS),
            rpc_handlers(_STATISTICS, FeatureStatisticsServicer(what, engine.feature_statistics)),
            rpc_handlers(SERVICE, TrafficServicer(traffic, engine)),
        )
        server = grpc.aio.server()
        server.add_generic_rpc_handlers(handlers)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        http = engine.open_http("127.0.0.1", 0, settings=_HTTP)
        await door.start_servicer(*handlers)
        try:
            addresses = {"grpcio": f"127.0.0.1:{port}", "fast": door.address}
            yield TwoVersions(door, http, traffic, addresses, broken)
        finally:
            await server.stop(None)
            await asyncio.to_thread(http.stop, 0)
            await door.close()
            loop.remove_reader(calls.fileno())
            for queue, _ in queues:
                engine.unroute(queue)
            assert all(threads.join(TIMEOUT_S) for _, threads in queues)


def _start(
    door: FastDoor, spec: ModelSpec, version: int, broken: asyncio.Event
) -> tuple[Queue, ModelThreads]:
    def forward(x: torch.Tensor) -> torch.Tensor:
        if version == NEW and broken.is_set():
            raise ValueError("this version is broken")
        return torch.full((x.size(0),), version, dtype=torch.int64)

    def end(cause: BaseException) -> None:
        raise cause

    queue = door.engine.add_version(spec, version)
    threads = ModelThreads(forward, queue, spec, 1, ThreadHooks(end))
    threads.start()
    door.engine.route(queue)
    return queue, threads
