"""What grpc.aio costs by itself: a bare grpc.aio server on uvloop whose raw handler returns empty bytes.

`python -m bench.empty_server OPTIONS` takes channel options as JSON, an object, listens on a free port of the loopback
interface, prints the port, and serves until it is killed.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import grpc
import uvloop

_SERVICE = "inference.GRPCInferenceService"


async def model_infer(_request: bytes, _context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
    return b""


async def serve(options: dict[str, int]) -> None:
    server = grpc.aio.server(options=list(options.items()))
    handlers: dict[str, Any] = {"ModelInfer": grpc.unary_unary_rpc_method_handler(model_infer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(json.loads(sys.argv[1])))
