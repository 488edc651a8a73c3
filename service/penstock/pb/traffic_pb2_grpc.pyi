from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any, TypeVar

import grpc
import grpc.aio

from . import traffic_pb2

_T = TypeVar("_T")

# What a servicer's method gets, be it served by grpc.server or by grpc.aio.server; a method that
# names the one it is meant for is a valid override.
class _Context(grpc.ServicerContext, grpc.aio.ServicerContext[Any, Any]): ...  # type: ignore[misc]
class _Requests(Iterator[_T], AsyncIterator[_T]): ...

class TrafficStub:
    def __init__(self, channel: grpc.Channel) -> None: ...
    GetTraffic: grpc.UnaryUnaryMultiCallable[traffic_pb2.GetTrafficRequest, traffic_pb2.GetTrafficResponse]
    SetTraffic: grpc.UnaryUnaryMultiCallable[traffic_pb2.SetTrafficRequest, traffic_pb2.SetTrafficResponse]
    Promote: grpc.UnaryUnaryMultiCallable[traffic_pb2.PromoteRequest, traffic_pb2.PromoteResponse]
    RollBack: grpc.UnaryUnaryMultiCallable[traffic_pb2.RollBackRequest, traffic_pb2.RollBackResponse]

class TrafficAsyncStub:
    def __init__(self, channel: grpc.aio.Channel) -> None: ...
    GetTraffic: grpc.aio.UnaryUnaryMultiCallable[traffic_pb2.GetTrafficRequest, traffic_pb2.GetTrafficResponse]
    SetTraffic: grpc.aio.UnaryUnaryMultiCallable[traffic_pb2.SetTrafficRequest, traffic_pb2.SetTrafficResponse]
    Promote: grpc.aio.UnaryUnaryMultiCallable[traffic_pb2.PromoteRequest, traffic_pb2.PromoteResponse]
    RollBack: grpc.aio.UnaryUnaryMultiCallable[traffic_pb2.RollBackRequest, traffic_pb2.RollBackResponse]

class TrafficServicer:
    def GetTraffic(self, request: traffic_pb2.GetTrafficRequest, context: _Context) -> traffic_pb2.GetTrafficResponse | Awaitable[traffic_pb2.GetTrafficResponse]: ...
    def SetTraffic(self, request: traffic_pb2.SetTrafficRequest, context: _Context) -> traffic_pb2.SetTrafficResponse | Awaitable[traffic_pb2.SetTrafficResponse]: ...
    def Promote(self, request: traffic_pb2.PromoteRequest, context: _Context) -> traffic_pb2.PromoteResponse | Awaitable[traffic_pb2.PromoteResponse]: ...
    def RollBack(self, request: traffic_pb2.RollBackRequest, context: _Context) -> traffic_pb2.RollBackResponse | Awaitable[traffic_pb2.RollBackResponse]: ...

def add_TrafficServicer_to_server(
    servicer: TrafficServicer, server: grpc.Server | grpc.aio.Server
) -> None: ...
