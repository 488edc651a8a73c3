"""What is sent: messages and metadata.

Calls take messages in turn, and begin anew behind the last. Templates are filled in as calls go out
(`message_program`); where that cannot be, they are expanded before the run for the first 10,000 calls (fewer where
messages are large), and later calls send those again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.internal.decoder import _DecodeVarint32  # type: ignore[attr-defined]
from google.protobuf.message import DecodeError

from penstock.errors import ConfigError
from penstock.load.message_program import NoProgramError, of_json, of_object
from penstock.load.methods import Method
from penstock.load.options import Options
from penstock.load.parts import Group, Parts
from penstock.load.templates import CallData, Template, json_of

_T = TypeVar("_T")

# More take seconds to make before anything is sent.
MOST_EXPANDED = 10_000
_MOST_EXPANDED_BYTES = 256 * 1024 * 1024


def messages(options: Options, method: Method) -> list[list[Parts]]:
    """Programs of the requests of one call each, one call at least. Raises ConfigError.

    A call that streams sends all of them; the extension begins anew behind the last for `--stream-call-count`.
    """
    if options.binary or options.binary_file:
        name = "--binary-file" if options.binary_file else "--binary"
        content = _file(name, options.binary_file) if options.binary_file else sys.stdin.buffer.read()
        return _by_call([[each] for each in _of_binary(name, content, method)], method)
    where, text = _json_text(options)
    texts = _lines(text) if options.data_file.endswith(".jsonl") else _elements(text, where)
    templates = [Template(each, where) for each in texts]
    try:
        return _by_call([_program(template, where, options, method) for template in templates], method)
    except NoProgramError:
        return _expanded(_by_call(templates, method), where, options, method)


def _program(template: Template, where: str, options: Options, method: Method) -> Parts:
    call = _call(options, method, 0)
    # What is no message with a call's values is none with marks in their place.
    one = _of_json(template.text(call), where, method)
    if template.is_fixed:
        return [one]

    def serialized(text: str) -> bytes:
        try:
            return _of_json(text, where, method)
        except ConfigError as error:
            raise ValueError(str(error)) from None

    return of_json(template.pieces(call), serialized, method.descriptor.input_type)


def _expanded(
    of_calls: list[list[Template]], where: str, options: Options, method: Method
) -> list[list[Parts]]:
    made: list[list[Parts]] = []
    size = 0
    # Whole rounds: a call that sends them again sends its own message.
    most = max(MOST_EXPANDED // len(of_calls), 1) * len(of_calls)
    for number in range(min(options.total, most)):
        call = _call(options, method, number)
        texts = [template.text(call) for template in of_calls[number % len(of_calls)]]
        contents = [_of_json(text, where, method) for text in texts]
        made.append([[content] for content in contents])
        size += sum(map(len, contents))
        if size > _MOST_EXPANDED_BYTES and len(made) % len(of_calls) == 0:
            break
    return made


def _by_call(each: list[_T], method: Method) -> list[list[_T]]:
    """What each call sends, of all that there is to send."""
    return [each] if method.descriptor.client_streaming else [[one] for one in each]


def metadata(options: Options, method: Method) -> list[list[tuple[str, Parts]]]:
    """The same for metadata; of every call where there is one of it."""
    if options.metadata_file:
        where, text = (
            "--metadata-file",
            _file("--metadata-file", options.metadata_file).decode("utf-8", "replace"),
        )
    elif options.metadata:
        where, text = "--metadata", json_of(options.metadata)
    else:
        return []
    template = Template(text, where)
    call = _call(options, method, 0)
    first = _pairs(template.text(call), where)
    if template.is_fixed:
        return [first]
    try:
        return [[(name, _header(name, parts)) for name, parts in of_object(template.pieces(call))]]
    except NoProgramError:
        calls = range(min(options.total, MOST_EXPANDED))
        return [_pairs(template.text(_call(options, method, number)), where) for number in calls]


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


def _pairs(text: str, where: str) -> list[tuple[str, Parts]]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{where}: found {text!r}, allowed: JSON ({error})") from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ConfigError(f"{where}: allowed: a JSON object of texts")
    return [(name, _header(name, [value.encode()])) for name, value in found.items()]


def _header(name: str, parts: Parts) -> Parts:
    """Binary metadata travels as base64."""
    return [Group("as_base64", parts)] if name.lower().endswith("-bin") else parts
