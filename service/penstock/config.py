"""Settings: each is declared once, and its flag, TOML key and variable follow from the declaration.

A flag is stronger than a TOML file (`--config FILE` or PENSTOCK_CONFIG), a file than a PENSTOCK_*
variable, a variable than the default. Nothing else reads the environment. What a model needs is not
here but in its model.toml.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError

_PREFIX = "PENSTOCK_"
_CONFIG = "config"
_MIB = 1 << 20
_BOOLS = {
    "true": True,
    "false": False,
    "1": True,
    "0": False,
    "on": True,
    "off": False,
    "yes": True,
    "no": False,
}

# Kubernetes puts the addresses of a Service named penstock into every container beside it, as
# PENSTOCK_SERVICE_HOST, PENSTOCK_PORT=tcp://… and PENSTOCK_PORT_8001_TCP_ADDR. They are not settings.
_SERVICE_LINK_NAME = re.compile(r"_SERVICE_(HOST|PORT)(_|$)|_PORT_\d+_(TCP|UDP|SCTP)(_|$)")
_SERVICE_LINK_VALUE = re.compile(r"(tcp|udp|sctp)://")


def _setting(
    default: Any,
    help_text: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A field of Settings; the field's type and what is declared here say all there is to know of it."""
    metadata = {
        "help": help_text,
        "unit": unit,
        "low": low,
        "high": high,
        "choices": choices,
        "may_be_empty": default == "",
    }
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """The settings of a serving process. Immutable."""

    repository: str = _setting("models", "folder that holds one folder a model")
    # Whoever may load models may run code here, so callers load none unless somebody has decided that.
    model_control: str = _setting(
        "none",
        "who changes the models that serve: nobody, the repository's folders, or callers",
        choices=("none", "poll", "explicit"),
    )
    repository_poll_s: float = _setting(
        15.0, "time between two looks at the folders, of --model-control poll", unit="s", low=0.1, high=86_400
    )
    load_models: str = _setting(
        "", "models to load at the start of --model-control explicit, with commas between; *: all"
    )
    # Loopback: a server that is open to the network is somebody's decision, not a default.
    host: str = _setting("127.0.0.1", "address that gRPC and HTTP listen on; 0.0.0.0: every address")
    port: int = _setting(8001, "gRPC port; 0: any free one", low=0, high=65535)
    http_port: int = _setting(8000, "HTTP port; 0: any free one; -1: none", low=-1, high=65535)
    door: str = _setting(
        "fast", "what listens: HTTP/2 in Rust, or grpcio's own server alone", choices=("fast", "grpcio")
    )
    # By the cores that the process may use, by its cgroup's limit too; models get the other half. Measured on two
    # cores: with a thread for each, both take smaller batches, and a call costs a tenth more.
    io_threads: int = _setting(
        0, "threads that the fast door's connections share; 0: one for every two cores", low=0, high=256
    )
    pin_threads: bool = _setting(default=False, help_text="keep each I/O thread on a core of its own")
    tls_certificate: str = _setting("", "PEM file of the certificate chain; empty: no TLS")
    tls_key: str = _setting("", "PEM file of the certificate's private key")
    tls_client_ca: str = _setting("", "PEM file of who signs clients' certificates; empty: clients need none")
    metrics_host: str = _setting("127.0.0.1", "address that /metrics, /livez and /readyz listen on")
    metrics_port: int = _setting(
        8002, "port of /metrics, /livez and /readyz; 0: any free one", low=0, high=65535
    )
    # 4 MiB is what gRPC clients and servers use unless told otherwise.
    max_receive_bytes: int = _setting(4 * _MIB, "largest request", unit="bytes", low=1024, high=64 * _MIB)
    max_send_bytes: int = _setting(16 * _MIB, "largest answer", unit="bytes", low=1024, high=1024 * _MIB)
    # Common edge proxies use the same number; a client that needs more opens more connections.
    max_concurrent_streams: int = _setting(100, "calls at a time on one connection", low=1, high=65536)
    max_connections: int = _setting(
        1024,
        "connections at a time at the fast door, and at the HTTP port; more wait",
        low=1,
        high=1_000_000,
    )
    response_compression: str = _setting(
        "none",
        "how the fast door compresses answers of 1 KiB and more for clients who accept that",
        choices=("none", "gzip", "zstd"),
    )
    max_stream_in_flight: int = _setting(
        64, "requests at a time on one PredictStream or ModelStreamInfer", low=1, high=4096
    )
    default_timeout_ms: int = _setting(
        30_000, "time for a call whose caller sets no deadline", unit="ms", low=1, high=3_600_000
    )
    max_timeout_ms: int = _setting(
        300_000, "longest time for a call, whatever its caller asks", unit="ms", low=1, high=3_600_000
    )
    # Connections that live for ever pin a client to one server while others stand idle.
    max_connection_age_s: int = _setting(
        600,
        "age at which a connection is told to reconnect, 10 percent more or less",
        unit="s",
        low=1,
        high=86_400,
    )
    # Zero, so that Ctrl-C on a workstation ends at once. Behind a load balancer it is the time that the
    # balancer may take to see NOT_SERVING, during which new calls still come: 5 s in k8s/.
    drain_delay_s: float = _setting(
        0.0, "time between NOT_SERVING and the refusal of new calls", unit="s", low=0, high=3600
    )
    drain_timeout_s: float = _setting(
        30.0, "time that accepted calls get to finish when the server stops", unit="s", low=0, high=3600
    )
    intra_op_threads: int = _setting(
        1,
        "threads that one operator of a model may use; more only with idle cores",
        low=1,
        high=1024,
    )
    # One in 250 costs 4 percent of the time of decoding at most (docs/feature-statistics.md); 70 rows a second then
    # give a thousand an hour.
    feature_statistics_every: int = _setting(
        250, "statistics of features look at one row in so many; 0: no statistics", low=0, high=1_000_000
    )
    reflection: bool = _setting(
        default=True, help_text="server reflection, which grpcurl and ghz ask for the schema"
    )
    # Whoever can call the server could else hide from its log what is done to it.
    settings_rpcs: bool = _setting(
        default=False, help_text="callers may change what is logged, by LogSettings of Triton"
    )
    log_format: str = _setting("human", "form of a log line", choices=("human", "json"))
    log_level: str = _setting(
        "info", "least severe events to log", choices=("debug", "info", "warning", "error")
    )


_FIELDS = {field.name: field for field in dataclasses.fields(Settings)}

# Settings that stand on the command line without a flag.
_ARGUMENTS = {"repository": "REPO"}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds REPO, `--config` and one flag a setting. Values stay text here: `load_settings` reads all alike."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        help=f"TOML file of settings, keys as the flags with _ for - [{_PREFIX}CONFIG]",
    )
    for name, field in _FIELDS.items():
        flag = "--" + name.replace("_", "-")
        if name in _ARGUMENTS:
            parser.add_argument(name, nargs="?", metavar=_ARGUMENTS[name], help=help_line(name))
        elif isinstance(field.default, bool):
            parser.add_argument(
                flag, dest=name, default=None, action=argparse.BooleanOptionalAction, help=help_line(name)
            )
        else:
            parser.add_argument(
                flag, dest=name, default=None, metavar=_placeholder(field), help=help_line(name)
            )


def help_line(name: str) -> str:
    """What a setting is, its unit, its default and its variable."""
    field = _FIELDS[name]
    unit = f", in {field.metadata['unit']}" if field.metadata["unit"] else ""
    default = {True: "on", False: "off"}[field.default] if isinstance(field.default, bool) else field.default
    return f"{field.metadata['help']}{unit} (default: {default}) [{_variable(name)}]"


def load_settings(flags: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process; `flags` holds the given flags by setting name, None for one not given.

    Raises ConfigError.
    """
    environment = os.environ if environment is None else environment
    found = _from_environment(environment)
    file = flags.get(_CONFIG) or environment.get(_variable(_CONFIG))
    if file:
        found |= _from_file(Path(file))
    for name in _FIELDS:
        value = flags.get(name)
        if value is not None:
            found[name] = _value(name, value, _ARGUMENTS.get(name) or "--" + name.replace("_", "-"))
    settings = Settings(**found)
    if settings.default_timeout_ms > settings.max_timeout_ms:
        raise ConfigError(
            f"default_timeout_ms: found {settings.default_timeout_ms}, "
            f"allowed: at most max_timeout_ms, which is {settings.max_timeout_ms}"
        )
    _check_tls(settings)
    if settings.load_models and settings.model_control != "explicit":
        raise ConfigError(
            f"load_models: found {settings.load_models!r}, allowed: nothing, because model_control is "
            f"{settings.model_control!r}, which loads all models"
        )
    return settings


def _check_tls(settings: Settings) -> None:
    """A certificate without its key, or what only makes sense with one, is somebody's mistake."""
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        missing, given = (
            ("tls_key", "tls_certificate") if settings.tls_certificate else ("tls_certificate", "tls_key")
        )
        raise ConfigError(f"{missing}: found nothing, allowed: a PEM file, because {given} is set")
    if settings.tls_client_ca and not settings.tls_certificate:
        raise ConfigError("tls_certificate: found nothing, allowed: a PEM file, because tls_client_ca is set")


def silence_grpc() -> None:
    """Keeps gRPC's core from writing to standard error; before grpc is imported, and unless somebody has asked for it.

    It writes a line of its own form for every call with a malformed header, so that any caller could fill the log.
    What stops a start is raised all the same.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for variable in sorted(environment):
        value = environment[variable]
        name = variable.removeprefix(_PREFIX).lower()
        if not variable.startswith(_PREFIX) or name == _CONFIG:
            continue
        if _SERVICE_LINK_NAME.search(variable) or _SERVICE_LINK_VALUE.match(value):
            continue
        if name not in _FIELDS:
            raise ConfigError(_unknown(variable, [_variable(known) for known in (*_FIELDS, _CONFIG)]))
        found[name] = _value(name, value, variable)
    return found


def _from_file(file: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not TOML: {error}") from error
    found: dict[str, Any] = {}
    for name, value in table.items():
        if name not in _FIELDS:
            raise ConfigError(f"{file}: {_unknown(name, list(_FIELDS))}")
        found[name] = _value(name, value, f"{file}: {name}", typed=True)
    return found


def _unknown(name: str, names: list[str]) -> str:
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
    return f"{name!r} is not a setting; the nearest is {nearest[0]}; all: {', '.join(names)}"


def _variable(name: str) -> str:
    return _PREFIX + name.upper()


def _placeholder(field: dataclasses.Field[Any]) -> str:
    if field.metadata["choices"]:
        return "{" + ",".join(field.metadata["choices"]) + "}"
    return (field.metadata["unit"] or {int: "N", float: "N", str: "TEXT"}[type(field.default)]).upper()


def _value(name: str, found: object, where: str, *, typed: bool = False) -> Any:
    """A setting's value, of the field's type and within its bounds.

    `typed` is for TOML, where 8001 is a number and "8001" is not.
    """
    field = _FIELDS[name]
    kind = type(field.default)
    value = _typed(kind, found) if typed else _from_text(kind, found)
    if value is None or not _within(value, field.metadata):
        raise ConfigError(f"{where}: found {found!r}, allowed: {_allowed(field)}")
    return value


def _typed(kind: type, found: object) -> object:
    if kind is float and type(found) is int:
        return float(found)
    return found if type(found) is kind else None


def _from_text(kind: type, found: object) -> object:
    if type(found) is bool:
        return found if kind is bool else None
    text = str(found)
    if kind is bool:
        return _BOOLS.get(text.lower())
    try:
        return kind(text)
    except ValueError:
        return None


def _within(value: Any, metadata: Mapping[str, Any]) -> bool:
    if isinstance(value, str):
        return value in metadata["choices"] if metadata["choices"] else _is_text(value, metadata)
    # NaN compares false to every bound.
    return metadata["low"] is None or metadata["low"] <= value <= metadata["high"]


def _is_text(value: str, metadata: Mapping[str, Any]) -> bool:
    return value.isprintable() and (bool(value) or metadata["may_be_empty"])


def _allowed(field: dataclasses.Field[Any]) -> str:
    if field.metadata["choices"]:
        choices = field.metadata["choices"]
        return " or ".join(repr(choice) for choice in choices)
    if isinstance(field.default, bool):
        return "true or false"
    if isinstance(field.default, str):
        return "printable text" if field.metadata["may_be_empty"] else "printable text that is not empty"
    kind = "a whole number" if isinstance(field.default, int) else "a number"
    unit = f" {field.metadata['unit']}" if field.metadata["unit"] else ""
    return f"{kind} from {field.metadata['low']} to {field.metadata['high']}{unit}"
