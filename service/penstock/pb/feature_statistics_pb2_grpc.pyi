from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any, TypeVar

import grpc
import grpc.aio

from . import feature_statistics_pb2

_T = TypeVar("_T")

# What a servicer's method gets, be it served by grpc.server or by grpc.aio.server; a method that
# names the one it is meant for is a valid override.
class _Context(grpc.ServicerContext, grpc.aio.ServicerContext[Any, Any]): ...  # type: ignore[misc]
class _Requests(Iterator[_T], AsyncIterator[_T]): ...

class FeatureStatisticsStub:
    def __init__(self, channel: grpc.Channel) -> None: ...
    GetFeatureStatistics: grpc.UnaryUnaryMultiCallable[feature_statistics_pb2.GetFeatureStatisticsRequest, feature_statistics_pb2.GetFeatureStatisticsResponse]

class FeatureStatisticsAsyncStub:
    def __init__(self, channel: grpc.aio.Channel) -> None: ...
    GetFeatureStatistics: grpc.aio.UnaryUnaryMultiCallable[feature_statistics_pb2.GetFeatureStatisticsRequest, feature_statistics_pb2.GetFeatureStatisticsResponse]

class FeatureStatisticsServicer:
    def GetFeatureStatistics(self, request: feature_statistics_pb2.GetFeatureStatisticsRequest, context: _Context) -> feature_statistics_pb2.GetFeatureStatisticsResponse | Awaitable[feature_statistics_pb2.GetFeatureStatisticsResponse]: ...

def add_FeatureStatisticsServicer_to_server(
    servicer: FeatureStatisticsServicer, server: grpc.Server | grpc.aio.Server
) -> None: ...
