"""ModelStreamInfer as NVIDIA's clients call it: the one with threads and the one for asyncio."""

import json
import subprocess
import sys
import textwrap
from typing import Any

import grpc

from tests.contract.good_requests import INFER
from tests.contract.refusals import refused
from tests.server_process import ServerProcess

# tritonclient brings its own copy of the protocol; a process of its own keeps the copies apart.
TRITON = textwrap.dedent(
    """
    import asyncio, json, queue, sys
    import numpy as np
    import tritonclient.grpc as triton
    import tritonclient.grpc.aio as triton_aio

    def x(value):
        tensor = triton.InferInput("x", [1, 4], "FP32")
        tensor.set_data_from_numpy(np.full((1, 4), value, np.float32))
        return tensor

    def told(result, error):
        if error is not None:
            return error.message()
        response = result.get_response()
        final = response.parameters["triton_final_response"].bool_param
        return [response.id, result.as_numpy("sum").tolist(), final]

    def threads(model):
        arrived = queue.Queue()
        with triton.InferenceServerClient(sys.argv[1]) as client:
            client.start_stream(lambda result, error: arrived.put(told(result, error)), stream_timeout=60)
            for at in range(20):
                name = "nowhere" if at == 7 else "pair"
                client.async_stream_infer(name, [x(at)], request_id=str(at), enable_empty_final_response=at % 2 == 0)
            client.stop_stream()
        return [arrived.get_nowait() for _ in range(arrived.qsize())]

    async def loop():
        async def requests():
            for at in range(20):
                name = "nowhere" if at == 7 else "pair"
                yield {"model_name": name, "inputs": [x(at)], "request_id": str(at)}
        async with triton_aio.InferenceServerClient(sys.argv[1]) as client:
            return [told(*answer) async for answer in client.stream_infer(requests(), stream_timeout=60)]

    print(json.dumps([threads("pair"), asyncio.run(loop())]))
    """
)


def test_nvidias_clients_stream(server: ServerProcess, channel: grpc.Channel) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRITON, server.address],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wanted: list[Any] = [[str(at), [4.0 * at], True] for at in range(20)]
    wanted[7] = refused(channel, INFER, b"\x0a\x07nowhere").details()
    assert json.loads(done.stdout) == [wanted, wanted]
