"""Makes every call of KServe's InferenceGRPCClient and InferenceRESTClient, and prints how each ended.

usage: PYTHON_OF_KSERVE tests/kserve/calls.py GRPC_ADDRESS HTTP_ADDRESS

Imports nothing of this project: it runs in an environment that has KServe and not penstock.
"""

import asyncio
import json
import sys
from typing import Any

import grpc
import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest, InferResponse
from kserve.inference_client import InferenceRESTClient, RESTConfig

ARRAYS: dict[str, Any] = {
    "FP32": np.array([[0.1, -0.0, 3.5]], np.float32),
    "FP64": np.array([[0.1, -1e300, 3.5]], np.float64),
    "FP16": np.array([[0.5, -2.0, 3.5]], np.float16),
    "INT64": np.array([[-(2**63), 0, 2**63 - 1]], np.int64),
    "INT32": np.array([[-(2**31), 0, 7]], np.int32),
    "INT16": np.array([[-5, 0, 7]], np.int16),
    "INT8": np.array([[-128, 0, 127]], np.int8),
    "UINT64": np.array([[0, 1, 2**64 - 1]], np.uint64),
    "UINT32": np.array([[0, 1, 2**32 - 1]], np.uint32),
    "UINT16": np.array([[0, 1, 65535]], np.uint16),
    "UINT8": np.array([[0, 1, 255]], np.uint8),
    "BOOL": np.array([[True, False, True]]),
}


def echo(datatype: str, *, binary: bool, **parameters: Any) -> InferRequest:
    tensor = InferInput("x", [1, 3], datatype)
    tensor.set_data_from_numpy(ARRAYS[datatype], binary_data=binary)
    return InferRequest(f"echo_{datatype.lower()}", [tensor], request_id="r", parameters=parameters or None)


def same(answer: InferResponse, datatype: str) -> bool:
    (output,) = answer.outputs
    got = np.asarray(output.as_numpy())
    return got.dtype == ARRAYS[datatype].dtype and got.tobytes() == ARRAYS[datatype].tobytes()


def words(*, binary: bool) -> InferRequest:
    merchant = InferInput("merchant", [2], "BYTES")
    merchant.set_data_from_numpy(np.array([b"acme", "Zürich".encode()], np.object_), binary_data=binary)
    amount = InferInput("amount", [2], "FP32")
    amount.set_data_from_numpy(np.ones(2, np.float32), binary_data=binary)
    return InferRequest("features", [merchant, amount])


async def over_grpc(address: str) -> dict[str, Any]:
    async with InferenceGRPCClient(address, timeout=60) as client:
        told: dict[str, Any] = {
            "is_server_live": await client.is_server_live(),
            "is_server_ready": await client.is_server_ready(),
            "is_model_ready": await client.is_model_ready("echo_fp32"),
            "infer": {
                f"{datatype} {'binary' if binary else 'typed'}": same(
                    await client.infer(echo(datatype, binary=binary)), datatype
                )
                for datatype in ARRAYS
                for binary in (True, False)
                if binary or datatype != "FP16"
            },
            "parameters": same(
                await client.infer(echo("FP32", binary=True, caller="test", attempt=2, sampled=True)), "FP32"
            ),
        }
        merchants = [await client.infer(words(binary=binary)) for binary in (True, False)]
        told["bytes"] = [answer.get_output_by_name("ids").as_numpy().tolist() for answer in merchants]
        try:
            await client.infer(InferRequest("nowhere", echo("FP32", binary=True).inputs))
        except grpc.RpcError as error:
            told["refused"] = error.code().name
    return told | {"close": None}


async def over_rest(address: str) -> dict[str, Any]:
    base = f"http://{address}"
    client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=60))
    told: dict[str, Any] = {
        "is_server_live": await client.is_server_live(base),
        "is_server_ready": await client.is_server_ready(base),
        "is_model_ready": await client.is_model_ready(base, "echo_fp32"),
    }
    told["infer"] = {}
    for datatype in ARRAYS:
        for binary in (True, False):
            if binary or datatype != "FP16":
                request = echo(datatype, binary=binary)
                answer = await client.infer(base, request, model_name=request.model_name)
                told["infer"][f"{datatype} {'binary' if binary else 'json'}"] = same(answer, datatype)
    await client.close()
    return told


async def main(grpc_address: str, http_address: str) -> None:
    public = [name for name in dir(InferenceGRPCClient) if not name.startswith("_")]
    told = {
        "public": public,
        "grpc": await over_grpc(grpc_address),
        "rest": await over_rest(http_address),
    }
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
