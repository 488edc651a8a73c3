"""What listens for callers: the grpcio server alone or the fast door in front of it, and beside either the HTTP port.

Behind the fast door the grpcio server listens on a private socket, for the calls that the engine does not answer.
"""

from __future__ import annotations

import errno
import re
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from penstock import log
from penstock._fastpath import Door, Engine, HttpPort, cores
from penstock.certificates import Certificates, Pem
from penstock.config import Settings
from penstock.errors import ListenError, TlsError
from penstock.stream_forms import MAX_ADDED_BYTES

# Calls that outlive their connection's age; a client that sets no deadline gets less than this anyway.
_CONNECTION_AGE_GRACE_MS = 60_000
# A peer that is gone without a word is found within 80 s.
_KEEPALIVE_TIME_MS = 60_000
_KEEPALIVE_TIMEOUT_MS = 20_000
# An open socket that never speaks HTTP/2 is closed; what linkerd gives a protocol to show itself.
_HANDSHAKE_TIMEOUT_MS = 10_000
# Tokens and trace contexts take a part of it. Beyond the first some calls are refused RESOURCE_EXHAUSTED, the more
# the larger, beyond the second all; both are also grpc's defaults, stated so that a new grpc cannot move them.
_METADATA_SOFT_BYTES = 8 * 1024
_METADATA_HARD_BYTES = 16 * 1024
# A client may ping once in this time while no data flows, calls or none; one that does so earlier three times loses
# its connection (GOAWAY, ENHANCE_YOUR_CALM).
_PING_INTERVAL_MS = 300_000
_PING_STRIKES = 2
# The fast door has enforced the metadata's limit; behind it there is room for what it adds.
_PRIVATE_METADATA_BYTES = 4 * _METADATA_HARD_BYTES
# Every caller's calls come over a few private connections.
_PRIVATE_STREAMS = 1 << 20
# As Rust writes the system's number behind its reason.
_OS_ERROR = re.compile(r" \(os error (\d+)\)\Z")


@dataclass
class Doors:
    """What listens. `fast` is the door in front of the grpcio server, where there is one."""

    port: int
    fast: Door | None = None
    http: HttpPort | None = None
    _folder: tempfile.TemporaryDirectory[str] | None = None

    def set_tls(self, pem: Pem) -> None:
        """New connections get these certificates; the grpcio server asks for the files' content itself."""
        if self.fast is not None:
            self.fast.set_tls(pem)
        if self.http is not None:
            self.http.set_tls(pem)

    def drain(self) -> None:
        """Tells connections in Rust to go; their calls finish."""
        if self.fast is not None:
            self.fast.drain()
        if self.http is not None:
            self.http.drain()

    def close(self, grace_s: float) -> None:
        """Closes what is in Rust, `grace_s` after which connections are cut; the grpcio server is its owner's."""
        until = time.monotonic() + grace_s
        if self.http is not None:
            self.http.stop(grace_s)
        if self.fast is not None:
            self.fast.stop(max(0.0, until - time.monotonic()))
        if self._folder is not None:
            self._folder.cleanup()


def grpc_options(settings: Settings) -> list[tuple[str, int]]:
    """The channel arguments of the server, which whatever is compared with it must have too."""
    return [
        *_message_limits(settings),
        ("grpc.max_concurrent_streams", settings.max_concurrent_streams),
        # grpc spreads it by 10 percent, so that clients that came together do not come again together.
        ("grpc.max_connection_age_ms", settings.max_connection_age_s * 1000),
        ("grpc.max_connection_age_grace_ms", _CONNECTION_AGE_GRACE_MS),
        ("grpc.keepalive_time_ms", _KEEPALIVE_TIME_MS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
        # Idle connections too: those of peers that are gone are what piles up.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", _PING_INTERVAL_MS),
        ("grpc.http2.max_ping_strikes", _PING_STRIKES),
        ("grpc.max_metadata_size", _METADATA_SOFT_BYTES),
        ("grpc.absolute_max_metadata_size", _METADATA_HARD_BYTES),
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_TIMEOUT_MS),
        # Two servers on one port would each get half of the calls, and neither would say so.
        ("grpc.so_reuseport", 0),
    ]


def server_options(settings: Settings) -> list[tuple[str, int]]:
    """The channel arguments of the grpcio server at the door that the settings ask for."""
    if settings.door == "grpcio":
        return grpc_options(settings)
    # What ages, pings and floods connections is at the fast door.
    return [
        *_message_limits(settings),
        ("grpc.max_concurrent_streams", _PRIVATE_STREAMS),
        ("grpc.max_metadata_size", _PRIVATE_METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", _PRIVATE_METADATA_BYTES),
        ("grpc.so_reuseport", 0),
    ]


def listen(
    server: grpc.aio.Server,
    engine: Engine,
    settings: Settings,
    certificates: Certificates | None,
    servicer: Callable[..., None],
) -> Doors:
    """Opens what the settings ask for; `servicer` is `Engine.open_http`'s. Raises ListenError, TlsError."""
    if settings.door == "grpcio":
        listening = Doors(_listen(server, settings, certificates))
    else:
        listening = _listen_behind(server, engine, settings, certificates)
    if settings.http_port >= 0:
        listening.http = _open_http(engine, settings, certificates, servicer)
    return listening


def listen_error(host: str, port: int, error: OSError) -> ListenError:
    """The operating system's reason in one line."""
    # An error that comes from Rust has its number in its text alone.
    reason = error.strerror or _OS_ERROR.sub("", str(error))
    number = error.errno or next(map(int, _OS_ERROR.findall(str(error))), None)
    hint = "; another process listens there" if number == errno.EADDRINUSE else ""
    return ListenError(f"{host}:{port}: cannot be listened on: {reason}{hint}")


def _message_limits(settings: Settings) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", settings.max_receive_bytes),
        # The engine holds answers to the setting; a stream wraps each in a message that is a little larger.
        ("grpc.max_send_message_length", settings.max_send_bytes + MAX_ADDED_BYTES),
    ]


def _listen_behind(
    server: grpc.aio.Server, engine: Engine, settings: Settings, certificates: Certificates | None
) -> Doors:
    folder, upstream = _private_socket(server)
    if folder is None:
        if settings.tls_client_ca:
            raise ListenError(
                f"{tempfile.gettempdir()}: no socket can be made here for the servicer behind the fast door; "
                "on a loopback port instead, callers without a certificate could reach it"
            )
        log.warning("servicer on a loopback port", reason="no folder for a private socket", port=upstream[1])
    try:
        door = engine.open_door(
            settings.host,
            settings.port,
            upstream=upstream,
            settings=_door_settings(settings),
            tls=certificates.pem() if certificates is not None else None,
        )
    except OSError as error:
        raise listen_error(settings.host, settings.port, error) from error
    except ValueError as error:
        raise TlsError(f"tls_certificate: {settings.tls_certificate}: cannot be used: {error}") from error
    return Doors(door.port, door, None, folder)


def _open_http(
    engine: Engine, settings: Settings, certificates: Certificates | None, servicer: Callable[..., None]
) -> HttpPort:
    try:
        return engine.open_http(
            settings.host,
            settings.http_port,
            settings={
                "max_receive_bytes": settings.max_receive_bytes,
                "max_send_bytes": settings.max_send_bytes,
                "max_connections": settings.max_connections,
                "max_connection_age_s": settings.max_connection_age_s,
            },
            tls=certificates.pem() if certificates is not None else None,
            servicer=servicer,
        )
    except OSError as error:
        raise listen_error(settings.host, settings.http_port, error) from error
    except ValueError as error:
        raise TlsError(f"tls_certificate: {settings.tls_certificate}: cannot be used: {error}") from error


def _private_socket(
    server: grpc.aio.Server,
) -> tuple[tempfile.TemporaryDirectory[str] | None, str | tuple[str, int]]:
    """A Unix socket that only this user can reach, or a loopback port where there is no folder to put one."""
    try:
        # The folder is its owner's alone (mode 0700). Short: a socket's path has at most 107 bytes.
        folder = tempfile.TemporaryDirectory(prefix="penstock-")
        path = str(Path(folder.name) / "grpc")
        server.add_insecure_port(f"unix:{path}")
    except (OSError, RuntimeError):
        return None, ("127.0.0.1", server.add_insecure_port("127.0.0.1:0"))
    return folder, path


def _door_settings(settings: Settings) -> dict[str, Any]:
    return {
        "io_threads": settings.io_threads or max(1, cores() // 2),
        "pin_threads": settings.pin_threads,
        "max_receive_bytes": settings.max_receive_bytes,
        "max_concurrent_streams": settings.max_concurrent_streams,
        "max_stream_in_flight": settings.max_stream_in_flight,
        "max_connections": settings.max_connections,
        "max_connection_age_s": settings.max_connection_age_s,
        "response_compression": settings.response_compression,
    }


def _listen(server: grpc.aio.Server, settings: Settings, certificates: Certificates | None) -> int:
    host, port = settings.host, settings.port
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    _check_free(host, port)
    try:
        if certificates is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, _credentials(certificates))
    except RuntimeError as error:
        raise ListenError(f"{address}: cannot be listened on: {error}") from error


def _credentials(certificates: Certificates) -> grpc.ServerCredentials:
    """Asks for the files' content at each handshake."""

    def configuration() -> grpc.ServerCertificateConfiguration:
        chain, key, client_ca = certificates.pem()
        return grpc.ssl_server_certificate_configuration([(key, chain)], root_certificates=client_ca)

    return grpc.dynamic_ssl_server_credentials(
        configuration(), configuration, require_client_authentication=certificates.pem()[2] is not None
    )


def _check_free(host: str, port: int) -> None:
    """Raises ListenError with the operating system's reason, which grpc keeps to itself."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
            trial.listen(1)
    except OSError as error:
        raise listen_error(host, port, error) from error
