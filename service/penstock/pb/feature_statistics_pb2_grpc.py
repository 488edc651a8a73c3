"""Stubs and servicers of penstock/v1/feature_statistics.proto. Written by proto/generate.py; do not edit."""

import grpc

from . import feature_statistics_pb2


class FeatureStatisticsStub:
    """Calls penstock.v1.FeatureStatistics over a grpc.Channel or a grpc.aio.Channel."""

    def __init__(self, channel):
        self.GetFeatureStatistics = channel.unary_unary(
            "/penstock.v1.FeatureStatistics/GetFeatureStatistics",
            request_serializer=feature_statistics_pb2.GetFeatureStatisticsRequest.SerializeToString,
            response_deserializer=feature_statistics_pb2.GetFeatureStatisticsResponse.FromString,
        )


FeatureStatisticsAsyncStub = FeatureStatisticsStub


class FeatureStatisticsServicer:
    """Answers penstock.v1.FeatureStatistics; what a subclass does not define is UNIMPLEMENTED."""

    def GetFeatureStatistics(self, request, context):
        "The statistics of a model version's features, since it was loaded and in the last hour. FAILED_PRECONDITION where the model has no features, or statistics are switched off."
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("penstock.v1.FeatureStatistics/GetFeatureStatistics is not implemented")
        raise NotImplementedError("penstock.v1.FeatureStatistics/GetFeatureStatistics")


def add_FeatureStatisticsServicer_to_server(servicer, server):
    handlers = {
        "GetFeatureStatistics": grpc.unary_unary_rpc_method_handler(
            servicer.GetFeatureStatistics,
            request_deserializer=feature_statistics_pb2.GetFeatureStatisticsRequest.FromString,
            response_serializer=feature_statistics_pb2.GetFeatureStatisticsResponse.SerializeToString,
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("penstock.v1.FeatureStatistics", handlers),))
