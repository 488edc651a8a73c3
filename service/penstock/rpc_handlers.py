"""From a servicer to what gRPC calls: which bytes are parsed and by whom, and how a call is refused.

What the RPCs do is the servicers' business.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import Any, NoReturn

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from penstock.errors import CallFailed

Context = grpc.aio.ServicerContext[Any, Any]

_CODES = {code.value[0]: code for code in grpc.StatusCode}


def rpc_handlers(
    service: ServiceDescriptor,
    servicer: object,
    raw_methods: Collection[str] = (),
    unserved: Mapping[str, str] | None = None,
) -> grpc.GenericRpcHandler:
    """The handlers of a service, UNIMPLEMENTED where the servicer's class has no method of that name.

    `unserved` holds the sentences for those, by method; the others get one that says no more than that.

    The methods in `raw_methods` get and give bytes, the others messages; bytes that are no message are
    refused INTERNAL, as doc/statuscodes.md of gRPC has it.
    """
    return _generic_handler(service.full_name, service, servicer, raw_methods, unserved or {})


def generic_handler(
    served_as: str, service: ServiceDescriptor, servicer: object, raw_methods: Collection[str] = ()
) -> grpc.GenericRpcHandler:
    """`rpc_handlers`, of a service that is served under another name than its descriptor's."""
    return _generic_handler(served_as, service, servicer, raw_methods, {})


def _generic_handler(
    served_as: str,
    service: ServiceDescriptor,
    servicer: object,
    raw_methods: Collection[str],
    unserved: Mapping[str, str],
) -> grpc.GenericRpcHandler:
    handlers = {method.name: _handler(method, servicer, raw_methods, unserved) for method in service.methods}
    return grpc.method_handlers_generic_handler(served_as, handlers)


async def refuse(context: Context, failure: CallFailed) -> NoReturn:
    """Ends a call with a failure's code, sentence, details and pushback."""
    trailers: list[tuple[str, str | bytes]] = []
    if failure.status_details is not None:
        trailers.append(("grpc-status-details-bin", failure.status_details))
    if failure.pushback_ms is not None:
        trailers.append(("grpc-retry-pushback-ms", str(failure.pushback_ms)))
    await context.abort(_CODES[failure.code], failure.message, tuple(trailers))
    raise AssertionError


async def abort(context: Context, code: grpc.StatusCode, message: str) -> NoReturn:
    """Ends a call with a code and a sentence alone."""
    await refuse(context, CallFailed(code.value[0], message))


def _handler(
    method: MethodDescriptor, servicer: object, raw_methods: Collection[str], unserved: Mapping[str, str]
) -> Any:
    streams = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
    make: Any = getattr(grpc, f"{streams}_rpc_method_handler")
    if method.name not in vars(type(servicer)):
        sentence = f"{method.name} is an extension that this server does not serve"
        return make(_unimplemented(unserved.get(method.name, sentence)))
    behaviour = getattr(servicer, method.name)
    if method.name in raw_methods:
        return make(behaviour)
    # No deserialiser: grpc answers UNKNOWN for what one raises, and logs a traceback a call.
    parsed = _of_messages if method.client_streaming else _of_message
    return make(
        parsed(behaviour, method.input_type.full_name, GetMessageClass(method.input_type).FromString),
        response_serializer=GetMessageClass(method.output_type).SerializeToString,
    )


def _of_message(behaviour: Any, name: str, parse: Callable[[bytes], Any]) -> Any:
    async def handle(raw: bytes, context: Context) -> Any:
        return await behaviour(await _parsed(raw, name, parse, context), context)

    return handle


def _of_messages(behaviour: Any, name: str, parse: Callable[[bytes], Any]) -> Any:
    async def messages(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[Any]:
        async for raw in requests:
            yield await _parsed(raw, name, parse, context)

    async def handle(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[Any]:
        async for answer in behaviour(messages(requests, context), context):
            yield answer

    return handle


async def _parsed(raw: bytes, name: str, parse: Callable[[bytes], Any], context: Context) -> Any:
    try:
        return parse(raw)
    except DecodeError:
        await abort(
            context, grpc.StatusCode.INTERNAL, f"The request's bytes are not a message of type {name}."
        )


def _unimplemented(sentence: str) -> Callable[[Any, Context], Any]:
    async def handle(_: Any, context: Context) -> None:
        await abort(context, grpc.StatusCode.UNIMPLEMENTED, sentence)

    return handle
