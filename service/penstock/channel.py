"""How the clients reach a server: certificates, channel options and timeouts. No grpc here."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

ChannelOptions: TypeAlias = Sequence[tuple[str, Any]]
# "auto" is "fast" where nothing forbids it.
Transport: TypeAlias = Literal["auto", "fast", "grpcio"]

DEFAULT_TIMEOUT_S = 10.0

_MAX_PORT = 65535
_WITH_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:/|unix(-abstract)?:|(ipv4|ipv6|vsock):")

# A call's answer to 65,536 rows of a few outputs must fit; grpc's own limit is 4 MiB.
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
# Servers count pings closer than five minutes apart as abuse unless data flows; the rest is for the network's jitter.
KEEPALIVE_TIME_MS = 320_000
# Also how long sent bytes may stay unacknowledged before the connection is given up.
KEEPALIVE_TIMEOUT_MS = 20_000


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificates and key in PEM; without `root_certificates` those of grpc are trusted.

    `private_key` and `certificate_chain` identify the client where the server asks for it. The fast
    transport refuses a server whose own certificate is marked as an authority's (CA:TRUE), as a
    self-signed one often is; grpcio takes it.
    """

    root_certificates: bytes | None = None
    private_key: bytes | None = None
    certificate_chain: bytes | None = None


def checked_address(address: str) -> str:
    """`address` itself. Raises ValueError unless it is host:port or a grpc target with a scheme.

    grpc takes any number for a port and connects to its last 16 bits.
    """
    if _WITH_SCHEME.match(address):
        return address
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdecimal() and 0 < int(port) <= _MAX_PORT):
        raise ValueError(f"found {address!r}, allowed: host:port with a port from 1 to {_MAX_PORT}")
    return address


def channel_options(options: ChannelOptions) -> list[tuple[str, Any]]:
    """The options that penstock sets, with `options` after them, which win."""
    return [
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.keepalive_time_ms", KEEPALIVE_TIME_MS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
        *options,
    ]


def checked_timeout_s(timeout_s: float) -> float:
    """`timeout_s` itself. Raises ValueError unless it is a positive, finite number of seconds."""
    if not (timeout_s > 0 and math.isfinite(timeout_s)):
        raise ValueError(f"timeout_s is {timeout_s}; a call needs a positive, finite number of seconds")
    return timeout_s
