"""Messages as JSON in the way of Triton's HTTP port: names as in the .proto, integers as numbers, enums by name.

protobuf's own JSON form writes 64-bit integers as text, which Triton's clients would take for text.
"""

from __future__ import annotations

import base64
import json
import math
from typing import Any

from google.protobuf.message import Message


def text(document: Any) -> bytes:
    """The document as UTF-8."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def plain(message: Message) -> dict[str, Any]:
    """Every field; of those that can be absent (messages, members of a oneof) those that are there."""
    return {
        field.name: _field(field, getattr(message, field.name))
        for field in message.DESCRIPTOR.fields
        if not field.has_presence or message.HasField(field.name)
    }


def _field(field: Any, value: Any) -> Any:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        held = entry.fields_by_name["value"]
        return {str(key): _value(held, value[key]) for key in sorted(value)}
    if field.is_repeated:
        return [_value(field, each) for each in value]
    return _value(field, value)


def _value(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return plain(value)
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(value)
        return value if named is None else named.name
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        # As protobuf writes it; JSON has no number for it.
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    return value
