"""Server reflection, v1 and v1alpha: what this server serves, for grpcurl, ghz and their like.

The answers are grpcio-reflection's, from the descriptor pool of penstock.pb. Three things are added: v1,
whose messages are those of v1alpha byte for byte; methods as symbols, which callers such as ghz
ask for (`inference.GRPCInferenceService.ModelInfer`) and protobuf's pool does not find; and what the
details of a refusal are made of (`error_details`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

import grpc
from grpc_reflection.v1alpha import reflection as v1alpha
from grpc_reflection.v1alpha import reflection_pb2 as v1alpha_pb2

from penstock import error_details

# Imported for their files, which have to be in the pool to be found there.
from penstock.pb import (  # noqa: F401
    feature_statistics_pb2,
    health_pb2,
    inference_pb2,
    prediction_pb2,
    probe_pb2,
    reflection_pb2,
)
from penstock.pb.pool import POOL
from penstock.rpc_handlers import generic_handler

V1 = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"].full_name
V1ALPHA = v1alpha.SERVICE_NAME


class Reflection(v1alpha.aio.ReflectionServicer):  # type: ignore[misc]
    """Answers for the services named, and for itself.

    A question without an answer gets an error message in the stream and does not end it.
    """

    def __init__(self, service_names: Iterable[str]) -> None:
        POOL.AddSerializedFile(v1alpha_pb2.DESCRIPTOR.serialized_pb)
        error_details.add_to(POOL)
        super().__init__([*service_names, V1, V1ALPHA], pool=POOL)

    def add_to(self, server: grpc.aio.Server) -> None:
        """Registers both versions; before the server starts."""
        service = v1alpha_pb2.DESCRIPTOR.services_by_name["ServerReflection"]
        server.add_generic_rpc_handlers(tuple(generic_handler(name, service, self) for name in (V1, V1ALPHA)))

    async def ServerReflectionInfo(
        self,
        request_iterator: AsyncIterator[v1alpha_pb2.ServerReflectionRequest],
        context: grpc.aio.ServicerContext[
            v1alpha_pb2.ServerReflectionRequest, v1alpha_pb2.ServerReflectionResponse
        ],
    ) -> AsyncIterator[v1alpha_pb2.ServerReflectionResponse]:
        """One answer for each request, in order."""
        async for request in request_iterator:
            question = v1alpha_pb2.ServerReflectionRequest()
            question.CopyFrom(request)
            if request.HasField("file_containing_symbol"):
                question.file_containing_symbol = _declared_symbol(request.file_containing_symbol)
            async for answer in super().ServerReflectionInfo(_once(question), context):
                answer.original_request.CopyFrom(request)
                yield answer


def _declared_symbol(symbol: str) -> str:
    """The service of a method, and every other symbol itself."""
    service, _, method = symbol.rpartition(".")
    try:
        known = POOL.FindServiceByName(service).methods_by_name
    except KeyError:
        return symbol
    return service if method in known else symbol


async def _once(
    request: v1alpha_pb2.ServerReflectionRequest,
) -> AsyncIterator[v1alpha_pb2.ServerReflectionRequest]:
    yield request
