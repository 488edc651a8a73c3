"""What the HTTP port's administrative paths take and give, as Triton's do: a form for each RPC behind them.

| RPC | body | answer |
| --- | --- | --- |
| ServerMetadata | | name, version, extensions |
| ModelConfig | | the configuration |
| ModelStatistics | | `{"model_stats": […]}` |
| RepositoryIndex | `{"ready": true}`, or nothing | an array of models |
| RepositoryModelLoad, RepositoryModelUnload | `{"parameters": {…}}`, or nothing | `{}` |
| LogSettings, TraceSetting | the settings to change | the settings |
| shared memory | | an array of regions; `{}` |
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from penstock.errors import CallFailed
from penstock.pb import inference_pb2 as oip
from penstock.plain_json import plain

_INVALID_ARGUMENT = 3
# A parameter of a load whose name begins so is the content of a file, in base64.
_FILE = "file:"
_INT64 = range(-(1 << 63), 1 << 63)
_UINT32 = range(1 << 32)
_KINDS: dict[type[Any], str] = {
    dict: "an object",
    list: "an array",
    str: "text",
    bool: "a boolean",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Path:
    """What a path names; empty where it does not."""

    repository: str
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class RestForm:
    """How a path and a JSON object become a request, and an answer becomes JSON. The first raises CallFailed."""

    request: Callable[[Path, dict[str, Any]], Message]
    answer: Callable[[Any], Any]


def read_object(body: bytes) -> dict[str, Any]:
    """The body; one that is empty is an object without keys. Raises CallFailed."""
    if not body.strip():
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"The request's JSON cannot be read: {_reason(error)}.") from error
    if not isinstance(document, dict):
        raise _invalid(f"The body must be a JSON object, but {_kind(document)} came.")
    return document


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 text, at byte {error.start}"
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error)


def _of_model(request: Any) -> Callable[[Path, dict[str, Any]], Message]:
    def make(path: Path, _: dict[str, Any]) -> Message:
        made: Message = request(name=path.name, version=path.version)
        return made

    return make


def _of_region(request: Any) -> Callable[[Path, dict[str, Any]], Message]:
    def make(path: Path, _: dict[str, Any]) -> Message:
        made: Message = request(name=path.name)
        return made

    return make


def _index(path: Path, body: dict[str, Any]) -> Message:
    ready = body.get("ready")
    if not isinstance(ready, bool | None):
        raise _wrong("ready", "true or false", ready)
    return oip.RepositoryIndexRequest(repository_name=path.repository, ready=bool(ready))


def _control(request: Any) -> Callable[[Path, dict[str, Any]], Message]:
    def make(path: Path, body: dict[str, Any]) -> Message:
        made: Message = request(repository_name=path.repository, model_name=path.name)
        _take_parameters(made, body.get("parameters"))
        return made

    return make


def _take_parameters(request: Any, parameters: Any) -> None:
    if not isinstance(parameters, dict | None):
        raise _wrong("parameters", "an object", parameters)
    for name, value in (parameters or {}).items():
        if value is None:
            continue
        held = request.parameters[_text(name)]
        if isinstance(value, bool):
            held.bool_param = value
        elif isinstance(value, int) and value in _INT64:
            held.int64_param = value
        elif isinstance(value, str) and name.startswith(_FILE):
            held.bytes_param = _file(name, value)
        elif isinstance(value, str):
            held.string_param = _text(value)
        else:
            raise _wrong(f"parameters.{name}", "text, a boolean or an integer of 64 bits", value)


def _file(name: str, value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _invalid(
            f"parameters.{name[:128]} must be a file's content in base64, but it is none."
        ) from error


def _log(_: Path, body: dict[str, Any]) -> Message:
    request = oip.LogSettingsRequest()
    for name, value in body.items():
        if value is None:
            continue
        held = request.settings[_text(name)]
        if isinstance(value, bool):
            held.bool_param = value
        elif isinstance(value, int) and value in _UINT32:
            held.uint32_param = value
        elif isinstance(value, str):
            held.string_param = _text(value)
        else:
            raise _wrong(name, "text, a boolean or an integer of 32 bits, of 0 or more", value)
    return request


def _trace(path: Path, body: dict[str, Any]) -> Message:
    request = oip.TraceSettingRequest(model_name=path.name)
    for name, value in body.items():
        values = value if isinstance(value, list) else [] if value is None else [value]
        if not all(isinstance(each, str) for each in values):
            raise _wrong(name, "text, an array of texts or null", value)
        # With no value the setting is there all the same: to be cleared.
        request.settings[_text(name)].value.extend(map(_text, values))
    return request


def _scalars(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A oneof's value by the setting's name."""
    return {name: next(iter(plain(settings[name]).values()), None) for name in sorted(settings)}


def _lists(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The trace level is an array, as there can be several; every other setting is a text."""
    return {
        name: list(settings[name].value) if name == "trace_level" else "".join(settings[name].value)
        for name in sorted(settings)
    }


def _regions(answer: Any) -> Any:
    return [plain(answer.regions[name]) for name in sorted(answer.regions)]


def _memory(kind: str) -> dict[str, RestForm]:
    """The three RPCs of a kind of shared memory."""
    return {
        f"{kind}SharedMemory{verb}": RestForm(
            _of_region(getattr(oip, f"{kind}SharedMemory{verb}Request")),
            _regions if verb == "Status" else plain,
        )
        for verb in ("Status", "Register", "Unregister")
    }


FORMS: dict[str, RestForm] = {
    "ServerMetadata": RestForm(lambda _path, _body: oip.ServerMetadataRequest(), plain),
    "ModelConfig": RestForm(_of_model(oip.ModelConfigRequest), lambda answer: plain(answer.config)),
    "ModelStatistics": RestForm(_of_model(oip.ModelStatisticsRequest), plain),
    "RepositoryIndex": RestForm(_index, lambda answer: [plain(model) for model in answer.models]),
    "RepositoryModelLoad": RestForm(_control(oip.RepositoryModelLoadRequest), plain),
    "RepositoryModelUnload": RestForm(_control(oip.RepositoryModelUnloadRequest), plain),
    "LogSettings": RestForm(_log, lambda answer: _scalars(answer.settings)),
    "TraceSetting": RestForm(_trace, lambda answer: _lists(answer.settings)),
    **_memory("System"),
    **_memory("Cuda"),
}


def _text(value: str) -> str:
    """What protobuf takes: JSON can hold half of a surrogate pair. Raises CallFailed."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _invalid("A text of the request has half of a surrogate pair.") from error
    return value


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "a number")


def _wrong(name: str, expected: str, value: object) -> CallFailed:
    return _invalid(f"{name[:128]} must be {expected}, but {_kind(value)} came.")


def _invalid(sentence: str) -> CallFailed:
    return CallFailed(_INVALID_ARGUMENT, sentence)
