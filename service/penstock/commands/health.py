"""`penstock health [ADDRESS]`: whether a server can be called, for people and for container health checks."""

from __future__ import annotations

import argparse
import http.client
import sys

from penstock import config
from penstock.call_error import CallError
from penstock.channel import checked_address
from penstock.client import Client
from penstock.errors import ConfigError

# For the metrics port on this machine.
_PROBE_TIMEOUT_S = 2.0
# A server that listens on every address is asked on the one that every machine has.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the server's address, what to ask it about, and how long to wait."""
    parser.add_argument(
        "address",
        nargs="?",
        metavar="ADDRESS",
        help="host:port of a server (default: where `penstock serve` with the same PENSTOCK_* variables listens)",
    )
    parser.add_argument(
        "--service",
        default="",
        metavar="NAME",
        help="a model, such as fraud or fraud/2; or readiness or liveness (default: the server as a whole)",
    )
    parser.add_argument(
        "--timeout-s",
        default="2",
        metavar="S",
        help="time for the answer, in s (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Gives 0 for SERVING, else 1; one line either way. Raises ConfigError."""
    settings = config.load_settings({})
    if not arguments.address and settings.tls_certificate:
        return _probed(settings, arguments.service)
    address = arguments.address or _address_of(settings)
    try:
        checked_address(address)
    except ValueError as error:
        raise ConfigError(f"ADDRESS: {error}") from error
    try:
        timeout_s = float(arguments.timeout_s)
        with Client(address, timeout_s=timeout_s) as client:
            status = client.health(arguments.service)
    except ValueError as error:
        raise ConfigError(f"--timeout-s: found {arguments.timeout_s!r}, allowed: seconds above 0") from error
    except CallError as error:
        status = str(error)
    sys.stdout.write(f"{address} {arguments.service or 'server'}: {status}\n")
    return 0 if status == "SERVING" else 1


def _probed(settings: config.Settings, service: str) -> int:
    """Asks the metrics port, which speaks no TLS; it knows the server as a whole."""
    paths = {"": "/readyz", "readiness": "/readyz", "liveness": "/livez"}
    if service not in paths:
        raise ConfigError(
            f"--service: found {service!r}, allowed with TLS and no ADDRESS: readiness or liveness"
        )
    host = _LOOPBACK.get(settings.metrics_host, settings.metrics_host)
    address = f"{host}:{settings.metrics_port}"
    connection = http.client.HTTPConnection(host, settings.metrics_port, timeout=_PROBE_TIMEOUT_S)
    try:
        connection.request("GET", paths[service])
        status = "SERVING" if connection.getresponse().status == http.HTTPStatus.OK else "NOT_SERVING"
    except OSError as error:
        status = f"cannot be reached: {error.strerror or error}"
    finally:
        connection.close()
    sys.stdout.write(f"{address} {service or 'server'}: {status}\n")
    return 0 if status == "SERVING" else 1


def _address_of(settings: config.Settings) -> str:
    host = _LOOPBACK.get(settings.host, settings.host)
    return f"[{host}]:{settings.port}" if ":" in host else f"{host}:{settings.port}"
