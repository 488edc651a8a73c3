"""gRPC's own interoperability client, through the fast door, at a servicer behind it."""

import asyncio

import pytest

from tests.conformance.interop_servicer import InteropServicer
from tests.fast_door import fast_door
from tests.programs import program

# All cases that need no credentials, no second server and no load balancer of gRPC's own.
CASES = [
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "timeout_on_sleeping_server",
    "cancel_after_begin",
    "cancel_after_first_response",
    "status_code_and_message",
    "special_status_message",
    "custom_metadata",
    "unimplemented_method",
    "unimplemented_service",
    "pick_first_unary",
    "rpc_soak",
    "channel_soak",
]
LIMIT_S = 60


@pytest.mark.parametrize("case", CASES)
async def test_the_interoperability_case_passes(case: str) -> None:
    client = program("grpc-interop-client")
    async with fast_door(InteropServicer().handler()) as door:
        host, port = door.address.rsplit(":", 1)
        process = await asyncio.create_subprocess_exec(
            *(client, f"--server_host={host}", f"--server_port={port}", f"--test_case={case}"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(LIMIT_S):
            said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
