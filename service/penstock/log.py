"""The log: one line an event, on standard error, for people or as JSON.

Nothing in an event can forge another: control characters are escaped and long fields cut, because some
fields come from callers and from model files. Events that happen once a request are counted, not logged.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

# A sentence fits; a caller's megabyte does not.
_FIELD_CHARS = 1024
# A traceback ends with what matters, so it is cut at its start, and given more room.
_TRACE_CHARS = 8192

_logger = logging.getLogger("penstock")

# Severities that can be switched on and off while the process runs, by the name of their events' function.
SEVERITIES = ("debug", "info", "warning", "error")


class _Switches(logging.Filter):
    """Lets through what is switched on; each severity by itself, which a logger's level cannot say."""

    def __init__(self) -> None:
        super().__init__()
        self.off: frozenset[int] = frozenset()

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno not in self.off


_switches = _Switches()
_logger.addFilter(_switches)


def set_up(log_format: str, level: str, stream: TextIO | None = None) -> None:
    """Sends every event of this process, those of other libraries too, to `stream` (default: standard error)."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else HumanFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Other libraries' small talk is no event of this server.
    root.setLevel(max(logging.WARNING, _severity(level)))
    _logger.setLevel(_severity(level))
    _switches.off = frozenset()


def enabled() -> dict[str, bool]:
    """Of each severity whether its events are logged."""
    levels = {name: _severity(name) for name in SEVERITIES}
    return {
        name: _logger.isEnabledFor(level) and level not in _switches.off for name, level in levels.items()
    }


def enable(switches: Mapping[str, bool]) -> None:
    """Switches the events of some severities on or off, from now on; the others stay as they are."""
    wanted = enabled() | dict(switches)
    on = [_severity(name) for name in SEVERITIES if wanted[name]]
    # The logger's level spares what nobody wants its way to the filter.
    _logger.setLevel(min(on, default=logging.CRITICAL))
    _switches.off = frozenset(_severity(name) for name in SEVERITIES if not wanted[name])


def debug(event: str, /, cause: BaseException | None = None, **fields: object) -> None:
    """An event that only somebody who looks for a fault wants to see; `cause` is logged with its traceback."""
    _logger.debug(event, extra={"fields": fields}, exc_info=cause)


def info(event: str, /, **fields: object) -> None:
    """An event in the life of the process or of a model."""
    _logger.info(event, extra={"fields": fields})


def warning(event: str, /, **fields: object) -> None:
    """An event that costs callers something and passes."""
    _logger.warning(event, extra={"fields": fields})


def error(event: str, /, cause: BaseException | None = None, **fields: object) -> None:
    """An event that somebody must look at; `cause` is logged with its traceback."""
    _logger.error(event, extra={"fields": fields}, exc_info=cause)


class HumanFormatter(logging.Formatter):
    """Such as `2026-01-31 12:00:00.123 INFO serving host=127.0.0.1 port=8001`, in UTC."""

    def format(self, record: logging.LogRecord) -> str:  # noqa: D102 - logging's
        event, fields = _parts(record)
        time = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        words = [
            time,
            record.levelname,
            event,
            *(f"{name}={_quoted(value)}" for name, value in fields.items()),
        ]
        return " ".join(words)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (UTC), `level`, `event`, and the event's fields; ASCII only."""

    def format(self, record: logging.LogRecord) -> str:  # noqa: D102 - logging's
        event, fields = _parts(record)
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return json.dumps({"time": time, "level": record.levelname.lower(), "event": event} | fields)


def _parts(record: logging.LogRecord) -> tuple[str, dict[str, Any]]:
    fields = {name: _field(value) for name, value in getattr(record, "fields", {}).items()}
    if record.name != _logger.name:
        fields["logger"] = record.name
    if record.exc_info and record.exc_info[1] is not None:
        trace = "".join(traceback.format_exception(record.exc_info[1])).strip()
        trace = trace if len(trace) <= _TRACE_CHARS else "…" + trace[-_TRACE_CHARS:]
        fields["traceback"] = "\n".join(_escaped(line) for line in trace.split("\n"))
    return _escaped(_cut(record.getMessage())), fields


def _field(value: object) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_field(item) for item in value]
    return _escaped(_cut(str(value)))


def _cut(text: str) -> str:
    return text if len(text) <= _FIELD_CHARS else f"{text[:_FIELD_CHARS]}… ({len(text)} characters)"


def _escaped(text: str) -> str:
    """Printable text: control, format and unpaired surrogate characters become Python's escapes."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _quoted(value: object) -> str:
    if isinstance(value, list):
        return ",".join(_quoted(item) for item in value)
    text = str(value).replace("\n", "\\n")
    return '"' + text.replace('"', '\\"') + '"' if not text or set(text) & set(' "=,') else text


def _severity(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]
