"""Where a door answers a fault otherwise than the table of faults says, and why. The one list of such places.

The grpcio door is gRPC's C core, which decides everything below the message by itself; the fast door has its own.
"""

from dataclasses import dataclass

import grpc


@dataclass(frozen=True)
class Difference:
    """What the door does instead."""

    codes: tuple[grpc.StatusCode | None, ...]  # any of these; None: no gRPC status
    why: str
    http_status: int | None = 200
    reset_code: int | None = None  # of RST_STREAM


_OK = (grpc.StatusCode.OK,)
_INTERNAL = (grpc.StatusCode.INTERNAL,)
_LATE = (grpc.StatusCode.DEADLINE_EXCEEDED,)
# The engine's answer to an empty message.
_LATE_OR_EMPTY = (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.INVALID_ARGUMENT)
_RESERVED_FLAG = "a message with a reserved flag arrives empty, or never"
_NO_MESSAGE = "a call whose message never comes is not answered before its deadline"
_NO_CONTENT_TYPE = "the C core's server does not look at content-type"
_NOT_POST = "the C core resets a stream whose :method is not POST"
# HTTP/2's INTERNAL_ERROR.
_RESET = 2

# (door, fault) → what happens there.
DIFFERENCES: dict[tuple[str, str], Difference] = {
    ("grpcio", "2-flag_2"): Difference(_LATE_OR_EMPTY, _RESERVED_FLAG),
    ("grpcio", "2-flag_254"): Difference(_LATE_OR_EMPTY, _RESERVED_FLAG),
    ("grpcio", "3-unknown_encoding"): Difference(
        _INTERNAL, "the header does not parse; grpc-accept-encoding is not sent"
    ),
    ("grpcio", "6-half_a_message"): Difference(_LATE, _NO_MESSAGE),
    ("grpcio", "6-half_a_prefix"): Difference(_LATE, _NO_MESSAGE),
    ("grpcio", "8-no_message"): Difference(_LATE, _NO_MESSAGE),
    ("grpcio", "8-two_messages"): Difference(_OK, "a unary call reads one message and no further"),
    ("grpcio", "10-timeout_of_nine_digits"): Difference(_OK, "numbers of more than eight digits are read"),
    ("grpcio", "26-content_type_of_json"): Difference(_OK, _NO_CONTENT_TYPE),
    ("grpcio", "26-no_content_type"): Difference(_OK, _NO_CONTENT_TYPE),
    ("grpcio", "26-method_get"): Difference((None,), _NOT_POST, None, _RESET),
    ("grpcio", "26-method_put"): Difference((None,), _NOT_POST, None, _RESET),
    ("fast", "7-metadata"): Difference(
        (None,), "the door answers HTTP 431, which clients show as UNKNOWN", 431
    ),
}


def expected(door: str, name: str, code: grpc.StatusCode | None, http_status: int | None = 200) -> Difference:
    """What a door does with a fault: `code` and `http_status`, unless DIFFERENCES says otherwise."""
    return DIFFERENCES.get((door, name), Difference((code,), "as the table says", http_status))


def numbers(wanted: Difference) -> list[int | None]:
    """The codes as they stand on the wire."""
    return [None if code is None else code.value[0] for code in wanted.codes]
