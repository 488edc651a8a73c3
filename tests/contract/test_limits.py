"""The limits of a message and of a connection, seen from outside."""

from pathlib import Path

import grpc
import h2.errors
import pytest

from tests import models
from tests.contract.doors import expected, numbers
from tests.contract.good_requests import INFER, PREDICT
from tests.contract.raw_http2 import RawConnection, framed
from tests.contract.refusals import assert_still_serving, call, refused
from tests.contract.wire_faults import GOOD
from tests.server_process import ServerProcess

RECEIVE_LIMIT_BYTES = 4 << 20
METADATA_LIMIT_BYTES = 16 << 10
STREAMS = 100


@pytest.mark.parametrize("method", [INFER, PREDICT])
def test_06_a_message_over_the_limit_is_refused(door: str, channel: grpc.Channel, method: str) -> None:
    error = refused(channel, method, bytes(RECEIVE_LIMIT_BYTES + 1))
    assert error.code() in expected(door, "6-over_the_limit", grpc.StatusCode.RESOURCE_EXHAUSTED).codes
    assert_still_serving(channel)


def test_06_a_message_of_the_limit_is_read(channel: grpc.Channel) -> None:
    """Up to the limit the message is judged by what it says: here, 16 bytes of rows that nobody announced."""
    filler = RECEIVE_LIMIT_BYTES - len(GOOD) - 10
    # An unknown field of `filler` bytes.
    size = b"".join(bytes([filler >> 7 * at & 0x7F | (0x80 if at < 3 else 0)]) for at in range(4))
    call(channel, INFER, GOOD + b"\xa2\x06" + size + bytes(filler))


def test_07_metadata_over_the_limit_is_refused(door: str, server: ServerProcess) -> None:
    """As from the client's acknowledgement of the limit: it stands in the server's first frame."""
    wanted = expected(door, "7-metadata", grpc.StatusCode.RESOURCE_EXHAUSTED)
    with RawConnection(server.address) as client:
        assert client.call(INFER, framed(GOOD)).grpc_status == 0
        answer = client.call(INFER, framed(GOOD), metadata=[("x-large", "a" * 20_000)])
        assert answer.grpc_status in numbers(wanted)
        assert client.call(INFER, framed(GOOD)).grpc_status == 0


def test_07_metadata_below_the_soft_limit_is_taken(server: ServerProcess) -> None:
    with RawConnection(server.address) as client:
        answer = client.call(INFER, framed(GOOD), metadata=[("x-large", "a" * 7_000)])
    assert answer.grpc_status == 0


def test_39_the_server_announces_its_limits_of_streams_and_metadata(server: ServerProcess) -> None:
    with RawConnection(server.address) as client:
        assert client.call(INFER, framed(GOOD)).grpc_status == 0
        assert client.server_settings.max_concurrent_streams == STREAMS
        assert client.server_settings.max_header_list_size == METADATA_LIMIT_BYTES


def test_44_a_client_that_pings_without_end_loses_its_connection(server: ServerProcess) -> None:
    with RawConnection(server.address) as client:
        client.ping(10)
        assert client.goaway() == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM


def test_44_a_ping_after_a_call_is_lawful(server: ServerProcess) -> None:
    with RawConnection(server.address) as client:
        assert client.call(INFER, framed(GOOD)).grpc_status == 0
        client.ping(1)
        assert client.pinged()


def test_88_a_connection_of_age_is_told_to_go_and_a_new_one_is_served(door: str, tmp_path: Path) -> None:
    models.write_mlp(tmp_path)
    with ServerProcess(tmp_path, "--door", door, "--max-connection-age-s", "1") as server:
        with RawConnection(server.address) as client:
            assert client.goaway() == h2.errors.ErrorCodes.NO_ERROR
        with RawConnection(server.address) as client:
            answer = client.call("/inference.GRPCInferenceService/ServerLive", framed(b""))
            assert answer.grpc_status == 0
