"""Stubs and servicers of penstock/v1/traffic.proto. Written by proto/generate.py; do not edit."""

import grpc

from . import traffic_pb2


class TrafficStub:
    """Calls penstock.v1.Traffic over a grpc.Channel or a grpc.aio.Channel."""

    def __init__(self, channel):
        self.GetTraffic = channel.unary_unary(
            "/penstock.v1.Traffic/GetTraffic",
            request_serializer=traffic_pb2.GetTrafficRequest.SerializeToString,
            response_deserializer=traffic_pb2.GetTrafficResponse.FromString,
        )
        self.SetTraffic = channel.unary_unary(
            "/penstock.v1.Traffic/SetTraffic",
            request_serializer=traffic_pb2.SetTrafficRequest.SerializeToString,
            response_deserializer=traffic_pb2.SetTrafficResponse.FromString,
        )
        self.Promote = channel.unary_unary(
            "/penstock.v1.Traffic/Promote",
            request_serializer=traffic_pb2.PromoteRequest.SerializeToString,
            response_deserializer=traffic_pb2.PromoteResponse.FromString,
        )
        self.RollBack = channel.unary_unary(
            "/penstock.v1.Traffic/RollBack",
            request_serializer=traffic_pb2.RollBackRequest.SerializeToString,
            response_deserializer=traffic_pb2.RollBackResponse.FromString,
        )


TrafficAsyncStub = TrafficStub


class TrafficServicer:
    """Answers penstock.v1.Traffic; what a subclass does not define is UNIMPLEMENTED."""

    def GetTraffic(self, request, context):
        'How the calls of a model are shared now. NOT_FOUND: no such model.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("penstock.v1.Traffic/GetTraffic is not implemented")
        raise NotImplementedError("penstock.v1.Traffic/GetTraffic")

    def SetTraffic(self, request, context):
        'Starts a canary, or gives it another weight; also one that was rolled back. FAILED_PRECONDITION where the version does not serve, is the stable one, or where none is named and the model has no canary.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("penstock.v1.Traffic/SetTraffic is not implemented")
        raise NotImplementedError("penstock.v1.Traffic/SetTraffic")

    def Promote(self, request, context):
        'Makes the canary the stable version: the label `stable` moves to it, and there is no canary any more. FAILED_PRECONDITION where there is none, or it does not serve.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("penstock.v1.Traffic/Promote is not implemented")
        raise NotImplementedError("penstock.v1.Traffic/Promote")

    def RollBack(self, request, context):
        'Gives the canary nothing more, until its weight is set again. FAILED_PRECONDITION where there is none.'
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("penstock.v1.Traffic/RollBack is not implemented")
        raise NotImplementedError("penstock.v1.Traffic/RollBack")


def add_TrafficServicer_to_server(servicer, server):
    handlers = {
        "GetTraffic": grpc.unary_unary_rpc_method_handler(
            servicer.GetTraffic,
            request_deserializer=traffic_pb2.GetTrafficRequest.FromString,
            response_serializer=traffic_pb2.GetTrafficResponse.SerializeToString,
        ),
        "SetTraffic": grpc.unary_unary_rpc_method_handler(
            servicer.SetTraffic,
            request_deserializer=traffic_pb2.SetTrafficRequest.FromString,
            response_serializer=traffic_pb2.SetTrafficResponse.SerializeToString,
        ),
        "Promote": grpc.unary_unary_rpc_method_handler(
            servicer.Promote,
            request_deserializer=traffic_pb2.PromoteRequest.FromString,
            response_serializer=traffic_pb2.PromoteResponse.SerializeToString,
        ),
        "RollBack": grpc.unary_unary_rpc_method_handler(
            servicer.RollBack,
            request_deserializer=traffic_pb2.RollBackRequest.FromString,
            response_serializer=traffic_pb2.RollBackResponse.SerializeToString,
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("penstock.v1.Traffic", handlers),))
