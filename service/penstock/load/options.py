"""What ghz can be asked for, each option declared once: for the command line, for configuration files and for reports.

Names, short names and defaults are those of ghz 0.93; those of a trace and of expected answers are not ghz's.
Durations are in nanoseconds.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from penstock.errors import ConfigError
from penstock.load import durations

FORMATS = ("summary", "csv", "json", "pretty", "html", "influx-summary", "influx-details", "prometheus")
SCHEDULES = ("const", "step", "line")
# ghz's total of a run that a duration bounds.
ENDLESS = 2**31 - 1

Read: TypeAlias = Callable[[Any], Any]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"found {value!r}, allowed: a text")  # noqa: TRY004 - what users give, not what we pass
    return value


def _number(value: Any) -> int:
    if isinstance(value, str) and value.removeprefix("-").isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"found {value!r}, allowed: a whole number")  # noqa: TRY004 - see _text
    return value


def _count(value: Any) -> int:
    number = _number(value)
    if not 0 <= number <= ENDLESS:
        raise ValueError(f"found {number}, allowed: 0 to {ENDLESS}")
    return number


def _factor(value: Any) -> float:
    try:
        factor = float(value)
    except (TypeError, ValueError):
        factor = math.nan
    if not 0 < factor < math.inf:
        raise ValueError(f"found {value!r}, allowed: a number above 0")
    return factor


def _share(value: Any) -> float:
    try:
        share = float(value)
    except (TypeError, ValueError):
        share = math.nan
    if not 0 <= share < 1:
        raise ValueError(f"found {value!r}, allowed: 0 to below 1")
    return share


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"found {value!r}, allowed: true or false")  # noqa: TRY004 - see _text
    return value


def _duration(value: Any) -> int:
    return durations.parse(str(value))


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part for part in value.split(",") if part)
    if not isinstance(value, list):
        raise ValueError(f"found {value!r}, allowed: a list of texts")  # noqa: TRY004 - see _text
    return tuple(_text(part) for part in value)


def _pairs(value: Any) -> dict[str, str] | None:
    if isinstance(value, str):
        value = _json(value) if value.strip() else None
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError(f"found {value!r}, allowed: an object of texts")  # noqa: TRY004 - see _text
    return {name: _text(each) for name, each in value.items()}


def _data(value: Any) -> Any:
    if not isinstance(value, str) or value.strip() in ("", "@"):
        return value
    return _json(value)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"found {text!r}, allowed: JSON ({error})") from None


def _one_of(*allowed: str) -> Read:
    def read(value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"found {value!r}, allowed: {', '.join(allowed)}")
        return str(value)

    return read


def _option(
    default: Any, read: Read, about: str, *, short: str = "", name: str = "", in_files: Any = None
) -> Any:
    """`in_files`: ghz's default where a configuration file is read, if it is another."""
    metadata = {"read": read, "help": about, "short": short, "name": name, "in_files": in_files}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Options:
    """One run."""

    host: str = _option("", _text, "the server's address, host:port")
    proto: str = _option("", _text, "the .proto file that declares the method")
    protoset: str = _option("", _text, "a compiled file descriptor set; --proto goes first")
    call: str = _option("", _text, "the method, package.Service/Method or package.Service.Method")
    import_paths: tuple[str, ...] = _option((), _names, "folders to find imports in, with commas", short="i")
    cacert: str = _option("", _text, "trusted root certificates (default: those of grpcio)")
    cert: str = _option("", _text, "the client's certificate; with --key")
    key: str = _option("", _text, "the client's private key; with --cert")
    cname: str = _option("", _text, "another name that the server's certificate must bear")
    skip_tls: bool = _option(False, _switch, "do not check the server's certificate", name="skipTLS")
    insecure: bool = _option(False, _switch, "use plaintext")
    authority: str = _option("", _text, "the pseudo-header :authority; with --insecure")
    asynchronous: bool = _option(
        False, _switch, "begin calls when they are due, however many are under way", name="async"
    )
    rps: int = _option(0, _count, "calls a second (default: as fast as they are answered)", short="r")
    load_schedule: str = _option(
        "const", _one_of(*SCHEDULES, "trace"), "how the rate changes: const, step or line; or trace"
    )
    load_trace: str = _option("", _text, "for trace: a file with the times of calls")
    load_trace_column: str = _option("", _text, "the column of the times, where the file is CSV")
    load_trace_speed: float = _option(1.0, _factor, "replay a trace so many times as fast as it was")
    load_start: int = _option(0, _count, "the rate at first, for step and line")
    load_step: int = _option(0, _number, "what each step, or each second of a line, adds to the rate")
    load_end: int = _option(0, _count, "the rate at the end, for step and line")
    load_step_duration: int = _option(0, _duration, "how long a step of the rate takes")
    load_max_duration: int = _option(0, _duration, "when the rate becomes --load-end at the latest")
    concurrency: int = _option(50, _count, "workers, each with one call at a time", short="c")
    concurrency_schedule: str = _option(
        "const", _one_of(*SCHEDULES), "how the number of workers changes: const, step or line"
    )
    concurrency_start: int = _option(0, _count, "workers at first, for step and line", in_files=1)
    concurrency_end: int = _option(0, _count, "workers at the end, for step and line")
    concurrency_step: int = _option(1, _number, "workers that each step, or second, adds", in_files=0)
    concurrency_step_duration: int = _option(0, _duration, "how long a step of the workers takes")
    concurrency_max_duration: int = _option(
        0, _duration, "when workers become --concurrency-end at the latest"
    )
    total: int = _option(200, _count, "calls in all", short="n")
    timeout: int = _option(20 * 10**9, _duration, "of each call; 0: none", short="t")
    duration: int = _option(0, _duration, "how long calls begin; --total is ignored then", short="z")
    max_duration: int = _option(0, _duration, "how long calls begin at most, with --total", short="x")
    duration_stop: str = _option(
        "close", _one_of("close", "wait", "ignore"), "calls under way when time is up: close, wait or ignore"
    )
    data: Any = _option(  # noqa: RUF009 - a dataclass field; None by default
        None, _data, "the message, or an array of messages, as JSON; @: from standard input", short="d"
    )
    data_file: str = _option("", _text, "a file with the same; .jsonl: a message a line", short="D")
    binary: bool = _option(
        False, _switch, "standard input is a message, or messages behind their lengths", short="b"
    )
    binary_file: str = _option("", _text, "a file with the same", short="B")
    metadata: Mapping[str, str] | None = _option(None, _pairs, "metadata as a JSON object", short="m")
    metadata_file: str = _option("", _text, "a file with the same", short="M")
    stream_interval: int = _option(0, _duration, "between the messages of a stream")
    stream_call_duration: int = _option(0, _duration, "after which a stream is closed")
    stream_call_count: int = _option(0, _count, "messages after which a stream is closed")
    stream_dynamic_messages: bool = _option(False, _switch, "templates for each message of a stream")
    expect: str = _option(
        "", _text, "a file of the messages that calls are answered with, in the order of the data"
    )
    expect_every: int = _option(100, _count, "compare the answer to one call in so many")
    expect_tolerance: float = _option(
        1e-5, _share, "by how much of the larger one floats may differ; 0: not at all"
    )
    expect_ignore: tuple[str, ...] = _option(
        (), _names, "fields that are not compared, with commas, such as id"
    )
    reflect_metadata: Mapping[str, str] | None = _option(None, _pairs, "metadata for server reflection alone")
    output: str = _option("", _text, "the file to write (default: standard output)", short="o")
    format: str = _option("summary", _one_of(*FORMATS), "one of " + ", ".join(FORMATS), short="O")
    skip_first: int = _option(0, _count, "answers that are not counted at first", name="skipFirst")
    count_errors: bool = _option(False, _switch, "count latencies of failed calls too")
    connections: int = _option(1, _count, "connections, which workers share evenly")
    connect_timeout: int = _option(10 * 10**9, _duration, "for a connection")
    keepalive: int = _option(0, _duration, "between pings; 0: the client's own")
    name: str = _option("", _text, "of the test")
    tags: Mapping[str, str] | None = _option(None, _pairs, "texts to put into the report, as a JSON object")
    cpus: int = _option(os.cpu_count() or 1, _count, "threads at most")
    debug: str = _option("", _text, "a file for a debug log")
    enable_compression: bool = _option(False, _switch, "compress messages with gzip", short="e")
    lb_strategy: str = _option("", _text, "client-side load balancing")


FIELDS = {
    field.metadata["name"] or field.name.replace("_", "-"): field for field in dataclasses.fields(Options)
}
# What cannot be had, and why; not refused where it asks for nothing.
_REFUSED = {
    "lb-strategy": "all connections go to the address given",
    "debug": "there is no log of single calls; -O csv or -O json has each call",
}


def read(name: str, value: Any, where: str) -> Any:
    """A value as `Options` has it. Raises ConfigError, which names `where` it was set."""
    try:
        return FIELDS[name].metadata["read"](value)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None


def made(values: Mapping[str, Any]) -> Options:
    """The options of these values, which have the names of fields, checked. Raises ConfigError."""
    if values.get("load_schedule") == "trace":
        # All of it, unless less is asked for.
        values = {"total": ENDLESS, **values}
    return checked(Options(**values))


def checked(options: Options) -> Options:
    """The options themselves. Raises ConfigError for what ghz refuses, and for what penstock does not have."""
    for name, why in _REFUSED.items():
        if getattr(options, FIELDS[name].name):
            raise ConfigError(f"--{name} is not supported: {why}")
    for needed in ("call", "host"):
        if not getattr(options, needed):
            raise ConfigError(f"{'--call' if needed == 'call' else 'HOST'} is missing")
    _check_amounts(options)
    if options.asynchronous and not (options.rps or options.load_schedule != "const"):
        raise ConfigError(
            "--async needs --rps or --load-schedule: calls without a schedule would begin without end"
        )
    if bool(options.cert) != bool(options.key):
        raise ConfigError("--cert and --key go together")
    return options


def _check_amounts(options: Options) -> None:
    if options.connections > options.concurrency:
        raise ConfigError(
            f"--connections: found {options.connections}, allowed: 1 to --concurrency, {options.concurrency}"
        )
    for what in ("load", "concurrency"):
        _check_schedule(options, what)
    if (options.load_schedule == "trace") != bool(options.load_trace):
        raise ConfigError("--load-schedule trace and --load-trace go together")
    if options.expect and options.expect_every == 0:
        raise ConfigError("--expect-every: found 0, allowed: 1 and more")
    bounded = not (options.duration or options.max_duration)
    if bounded and options.total == 0:
        raise ConfigError("--total: found 0, allowed: 1 call at least")
    if bounded and options.skip_first > options.total:
        raise ConfigError(f"--skipFirst: found {options.skip_first}, allowed: 0 to --total, {options.total}")


def _check_schedule(options: Options, what: str) -> None:
    schedule = getattr(options, f"{what}_schedule")
    if schedule in ("const", "trace"):
        return
    start, end, step = (getattr(options, f"{what}_{part}") for part in ("start", "end", "step"))
    if start in (0, end):
        raise ConfigError(f"--{what}-start: found {start}, allowed: more than 0 and not --{what}-end, {end}")
    if step == 0:
        raise ConfigError(f"--{what}-step: found 0, allowed: any other number")
    if schedule == "step" and getattr(options, f"{what}_step_duration") == 0:
        raise ConfigError(f"--{what}-step-duration is missing")
