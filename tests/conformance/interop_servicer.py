"""grpc.testing.TestService as gRPC's description of its interoperability cases has it."""
# ruff: noqa: ARG002, N802 - the protocol says what RPCs are called and given

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

# Echoed, so that the client sees that metadata went both ways.
_INITIAL = "x-grpc-test-echo-initial"
_TRAILING = "x-grpc-test-echo-trailing-bin"

messages: Any = grpc.protos("tests/conformance/interop.proto")
_SERVICE = messages.DESCRIPTOR.services_by_name["TestService"]

Context = Any


class InteropServicer:
    """The calls that the client makes."""

    async def EmptyCall(self, request: Any, context: Context) -> Any:
        return messages.Empty()

    async def UnaryCall(self, request: Any, context: Context) -> Any:
        await _echo_metadata(context)
        await _end_as_told(request, context)
        payload = messages.Payload(body=bytes(request.answer_bytes))
        return messages.UnaryAnswer(payload=payload, server="the only one" if request.name_server else "")

    async def StreamingOutputCall(self, request: Any, context: Context) -> AsyncIterator[Any]:
        async for answer in _answers(request):
            yield answer

    async def StreamingInputCall(self, requests: AsyncIterator[Any], context: Context) -> Any:
        total = 0
        async for request in requests:
            total += len(request.payload.body)
        return messages.UploadTotal(bytes=total)

    async def FullDuplexCall(self, requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
        await _echo_metadata(context)
        async for request in requests:
            await _end_as_told(request, context)
            async for answer in _answers(request):
                yield answer

    def handler(self) -> grpc.GenericRpcHandler:
        """What a server registers."""
        handlers = {
            "EmptyCall": _handler(grpc.unary_unary_rpc_method_handler, self.EmptyCall, "Empty"),
            "UnaryCall": _handler(grpc.unary_unary_rpc_method_handler, self.UnaryCall, "UnaryRequest"),
            "StreamingOutputCall": _handler(
                grpc.unary_stream_rpc_method_handler, self.StreamingOutputCall, "StreamRequest"
            ),
            "StreamingInputCall": _handler(
                grpc.stream_unary_rpc_method_handler, self.StreamingInputCall, "Upload"
            ),
            "FullDuplexCall": _handler(
                grpc.stream_stream_rpc_method_handler, self.FullDuplexCall, "StreamRequest"
            ),
        }
        return grpc.method_handlers_generic_handler(_SERVICE.full_name, handlers)


def _handler(kind: Any, method: Any, request: str) -> Any:
    return kind(
        method,
        request_deserializer=getattr(messages, request).FromString,
        response_serializer=lambda answer: answer.SerializeToString(),
    )


async def _echo_metadata(context: Context) -> None:
    found = dict(context.invocation_metadata())
    if _INITIAL in found:
        await context.send_initial_metadata([(_INITIAL, found[_INITIAL])])
    if _TRAILING in found:
        context.set_trailing_metadata([(_TRAILING, found[_TRAILING])])


async def _end_as_told(request: Any, context: Context) -> None:
    if request.HasField("ending"):
        codes = {code.value[0]: code for code in grpc.StatusCode}
        await context.abort(codes[request.ending.code], request.ending.message)


async def _answers(request: Any) -> AsyncIterator[Any]:
    for answer in request.answers:
        await asyncio.sleep(answer.wait_us / 1e6)
        yield messages.StreamAnswer(payload=messages.Payload(body=bytes(answer.bytes)))
