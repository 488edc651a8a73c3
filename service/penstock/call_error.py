"""What a client's caller is told when a call fails: `CallFailed` as it arrives. No grpc here."""

from __future__ import annotations

from typing import Any

from penstock.errors import PenstockError
from penstock.status_details import FieldViolation, field_violations

_DETAILS_KEY = "grpc-status-details-bin"
_PUSHBACK_KEY = "grpc-retry-pushback-ms"


class CallError(PenstockError):
    """A call that got no answer.

    Attributes:
        code: the name of the gRPC status code, such as "UNAVAILABLE".
        message: the server's sentence, or grpc's where no server was reached.
        violations: the fields to blame, with INVALID_ARGUMENT.
        pushback_ms: the server's hint when to try again; negative: not at all; None: not said.

    """

    def __init__(
        self,
        code: str,
        message: str,
        violations: tuple[FieldViolation, ...] = (),
        pushback_ms: int | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.violations = violations
        self.pushback_ms = pushback_ms


def failure_of(error: Any) -> CallError:
    """The CallError of a `grpc.RpcError` that ended a call."""
    trailers = dict(error.trailing_metadata() or ())
    details = trailers.get(_DETAILS_KEY, b"")
    # grpc has made a negative number of a value that is none, as gRFC A6 has it.
    pushback_ms = int(trailers[_PUSHBACK_KEY]) if _PUSHBACK_KEY in trailers else None
    return CallError(error.code().name, error.details() or "", field_violations(details), pushback_ms)


def failure_told(code: str, message: str, details: bytes | None, pushback_ms: int | None) -> CallError:
    """The CallError of a call that the extension's channel has ended."""
    return CallError(code, message, field_violations(details or b""), pushback_ms)


def closed_error() -> CallError:
    """Of a call that comes after `close`."""
    return CallError("CANCELLED", "The client is closed.")
