"""Makes every call of tests.contract.triton_calls once, and prints how each ended.

usage: python -m tests.contract.triton_program CLIENT ADDRESS

A process of its own, since tritonclient brings its own copy of the protocol, and gevent sockets of its own.
"""

import asyncio
import importlib
import inspect
import json
import sys
from typing import Any

from tritonclient.utils import InferenceServerException

from tests.contract.triton_calls import Call, calls_of

MODULES = {
    "grpc": "tritonclient.grpc",
    "grpc_aio": "tritonclient.grpc.aio",
    "http": "tritonclient.http",
    "http_aio": "tritonclient.http.aio",
}


def ended(error: InferenceServerException) -> dict[str, Any]:
    return {"refused": error.status(), "sentence": error.message()}


def run(triton: Any, calls: dict[str, Call], address: str) -> dict[str, Any]:
    client, outcomes = triton.InferenceServerClient(address), {}
    for name, (call, tell) in calls.items():
        try:
            outcomes[name] = {"answered": tell(call(client))}
        except InferenceServerException as error:
            outcomes[name] = ended(error)
    client.close()
    return outcomes | {"close": {"answered": None}}


async def run_aio(triton: Any, calls: dict[str, Call], address: str) -> dict[str, Any]:
    client, outcomes = triton.InferenceServerClient(address), {}
    for name, (call, tell) in calls.items():
        try:
            result = call(client)
            outcomes[name] = {"answered": tell(await result if inspect.isawaitable(result) else result)}
        except InferenceServerException as error:
            outcomes[name] = ended(error)
    await client.close()
    return outcomes | {"close": {"answered": None}}


def main(kind: str, address: str) -> None:
    triton = importlib.import_module(MODULES[kind])
    calls = calls_of(kind, triton)
    public = [name for name in dir(triton.InferenceServerClient) if not name.startswith("_")]
    asynchronous = kind.endswith("aio")
    outcomes = asyncio.run(run_aio(triton, calls, address)) if asynchronous else run(triton, calls, address)
    json.dump({"public": public, "outcomes": outcomes}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
