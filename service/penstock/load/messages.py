"""What is sent: messages and metadata, made before the run.

Calls take messages in turn, and begin anew behind the last. Templates are expanded for the first 10,000 calls (fewer
where messages are large); later calls send those again.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.internal.decoder import _DecodeVarint32  # type: ignore[attr-defined]
from google.protobuf.message import DecodeError

from penstock.errors import ConfigError
from penstock.load.methods import Method
from penstock.load.options import Options
from penstock.load.templates import CallData, Template, json_of

_T = TypeVar("_T")

# More take seconds to make before anything is sent.
MOST_EXPANDED = 10_000
_MOST_EXPANDED_BYTES = 256 * 1024 * 1024


def messages(options: Options, method: Method) -> list[list[bytes]]:
    """Serialized requests of one call each, one call at least. Raises ConfigError.

    A call that streams sends all of them, or as many as `--stream-call-count` says, beginning anew behind the last.
    """
    if options.binary or options.binary_file:
        name = "--binary-file" if options.binary_file else "--binary"
        content = _file(name, options.binary_file) if options.binary_file else sys.stdin.buffer.read()
        return _by_call(_of_binary(name, content, method), options, method)
    where, text = _json_text(options)
    texts = _lines(text) if options.data_file.endswith(".jsonl") else _elements(text, where)
    templates = [Template(each, where) for each in texts]
    if all(template.is_fixed for template in templates):
        return _by_call([_of_json(text, where, method) for text in texts], options, method)
    of_calls = _by_call(templates, options, method)
    made: list[list[bytes]] = []
    size = 0
    for number in range(min(options.total, MOST_EXPANDED)):
        call = _call(options, method, number)
        made.append([_of_json(each.text(call), where, method) for each in of_calls[number % len(of_calls)]])
        size += sum(map(len, made[-1]))
        if size > _MOST_EXPANDED_BYTES and len(made) % len(of_calls) == 0:
            break
    return made


def _by_call(each: list[_T], options: Options, method: Method) -> list[list[_T]]:
    """What each call sends, of all that there is to send."""
    if not method.descriptor.client_streaming:
        return [[one] for one in each]
    count = options.stream_call_count or len(each)
    return [[each[place % len(each)] for place in range(count)]]


def metadata(options: Options, method: Method) -> list[list[tuple[str, str]]]:
    """The same for metadata."""
    if options.metadata_file:
        where, text = (
            "--metadata-file",
            _file("--metadata-file", options.metadata_file).decode("utf-8", "replace"),
        )
    elif options.metadata:
        where, text = "--metadata", json_of(options.metadata)
    else:
        return [[]]
    template = Template(text, where)
    if template.is_fixed:
        return [_pairs(text, where)]
    calls = min(options.total, MOST_EXPANDED)
    return [_pairs(template.text(_call(options, method, number)), where) for number in range(calls)]


def reported_metadata(options: Options) -> Mapping[str, str] | None:
    """Metadata as a report has it: templates as they are written."""
    if not options.metadata_file:
        return options.metadata
    try:
        found = json.loads(_file("--metadata-file", options.metadata_file))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def reported_data(options: Options) -> Any:
    """Data as a report has it; that of JSON lines is left out, since it may be long."""
    if options.binary or options.binary_file or options.data == "@" or options.data_file.endswith(".jsonl"):
        return None
    if not options.data_file:
        return options.data
    try:
        return json.loads(_file("--data-file", options.data_file))
    except ValueError:
        return None


def _call(options: Options, method: Method, number: int) -> CallData:
    # The worker that makes the call where all take turns.
    worker = number % max(options.concurrency, 1)
    name = f"g{worker}c{worker % max(options.connections, 1)}"
    return CallData(method, number, f"{options.name}:{name}" if options.name else name)


def _file(option: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{option}: {path}: {error.strerror}") from None


def _json_text(options: Options) -> tuple[str, str]:
    if options.data == "@":
        return "--data", sys.stdin.read().strip()
    if options.data_file:
        return "--data-file", _file("--data-file", options.data_file).decode("utf-8", "replace").strip()
    # Without data ghz has nothing to send; an empty message is what many methods take.
    return "--data", "{}" if options.data is None or options.data == "" else json_of(options.data)


def _lines(text: str) -> list[str]:
    """JSON lines: a message each, empty lines aside."""
    return [line for line in text.splitlines() if line.strip()] or ["{}"]


def _elements(text: str, where: str) -> list[str]:
    """An array's messages, each by itself: they may have templates."""
    if not text.startswith("["):
        return [text]
    try:
        elements = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{where}: an array with templates must be JSON as it stands: {error}") from None
    if not elements:
        raise ConfigError(f"{where}: found an empty array, allowed: one message at least")
    return [json_of(element) for element in elements]


def _of_json(text: str, where: str, method: Method) -> bytes:
    request = method.request_class()()
    try:
        json_format.Parse(text, request, descriptor_pool=method.pool)
    except json_format.ParseError as error:
        raise ConfigError(f"{where}: no {method.descriptor.input_type.full_name}: {error}") from None
    return request.SerializeToString()


def _of_binary(option: str, content: bytes, method: Method) -> list[bytes]:
    """Messages behind their lengths, or else one message."""
    kind = method.request_class()
    for parts in (_delimited(content), [content]):
        try:
            for part in parts:
                kind.FromString(part)
        except DecodeError:
            continue
        if parts:
            return parts
    raise ConfigError(f"{option}: no {method.descriptor.input_type.full_name}, and no series of them")


def _delimited(content: bytes) -> list[bytes]:
    parts, at = [], 0
    while at < len(content):
        try:
            size, at = _DecodeVarint32(content, at)
        except (IndexError, DecodeError):
            return []
        if at + size > len(content):
            return []
        parts.append(content[at : at + size])
        at += size
    return parts


def _pairs(text: str, where: str) -> list[tuple[str, str]]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{where}: found {text!r}, allowed: JSON ({error})") from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ConfigError(f"{where}: allowed: a JSON object of texts")
    return [(name, _header(name, value)) for name, value in found.items()]


def _header(name: str, value: str) -> str:
    """Binary metadata travels as base64."""
    return base64.b64encode(value.encode()).decode() if name.lower().endswith("-bin") else value
