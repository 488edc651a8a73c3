"""Whatever one connection is flooded with, the server's memory stays where it is and the others are answered."""

import grpc
import pytest

from tests.door.floods import FLOODS, PIECES, Flood
from tests.door.requests import assert_answered
from tests.door.resident import resident_bytes
from tests.frame_connection import FrameConnection
from tests.server_process import ServerProcess

# For one connection: its windows, and what the allocator keeps of what it had.
GROWTH_BYTES = 32 << 20


@pytest.mark.parametrize("flood", FLOODS, ids=str)
def test_a_flood_costs_neither_memory_nor_the_calls_of_others(
    server: ServerProcess, good: grpc.Channel, flood: Flood
) -> None:
    assert_answered(good)
    before = resident_bytes(server)
    with FrameConnection(server.address, read=flood.read, patience_s=2 if not flood.read else None) as client:
        for number, piece in enumerate(flood.pieces(client)):
            if number == PIECES or client.goaways() or not client.send(*piece):
                break
            # By the thread that reads the flood.
            assert_answered(good)
        if flood.code is not None:
            client.wait_for_end()
            assert [code for code, _ in client.goaways()] == [flood.code]
        elif flood.read:
            client.round_trip()
        assert resident_bytes(server) - before < GROWTH_BYTES
        assert_answered(good)
    assert server.other_lines == []
