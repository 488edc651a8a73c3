"""Messages with templates as programs: serialized once, with holes where the templates' values stand.

Each value is replaced by a mark, the message is read from JSON and serialized, and the marks are looked for in the
bytes, field by field. What no mark survives, such as an enum or a `google.protobuf.Timestamp`, has no program.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import string
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.internal.decoder import _DecodeVarint, _DecodeVarint32  # type: ignore[attr-defined]
from google.protobuf.internal.encoder import _VarintBytes  # type: ignore[attr-defined]

from penstock.load.parts import Group, Hole, Parts, joined
from penstock.load.templates import Blank

# A multiple of four, so that within base64 each stands for whole bytes.
_MARK_LETTERS = 20
# Between 2^30 and 2^31 all multiples of 2^7 are floats; these are further apart.
_NUMBERS_FROM, _NUMBERS_APART = 1 << 30, 1 << 17
_NUMBERS = range(1 << 12)
_NUMERIC = frozenset(
    {"RequestNumber", "TimestampUnix", "TimestampUnixMilli", "TimestampUnixNano", "randomInt"}
)
_F = FieldDescriptor
_VARINTS = {
    _F.TYPE_INT32: "varint",
    _F.TYPE_INT64: "varint",
    _F.TYPE_UINT32: "varint",
    _F.TYPE_UINT64: "varint",
    _F.TYPE_SINT32: "zigzag",
    _F.TYPE_SINT64: "zigzag",
}
_FIXED = {
    _F.TYPE_FIXED32: ("fixed32", "<I"),
    _F.TYPE_SFIXED32: ("fixed32", "<i"),
    _F.TYPE_FLOAT: ("float", "<f"),
    _F.TYPE_FIXED64: ("fixed64", "<Q"),
    _F.TYPE_SFIXED64: ("fixed64", "<q"),
    _F.TYPE_DOUBLE: ("double", "<d"),
}
_VARINT, _I64, _LENGTH, _I32 = 0, 1, 2, 5
_FIXED_BYTES = {_I64: 8, _I32: 4}


class NoProgramError(Exception):
    """A message in which marks are lost."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """A blank as it stands in JSON: letters, or a number where letters are none."""

    text: str
    hole: tuple[str, int, int]


def of_json(pieces: Sequence[str | Blank], serialized: Callable[[str], bytes], descriptor: Any) -> Parts:
    """The program of a message whose JSON is in `pieces`. Raises NoProgramError."""
    for marks in _markings(pieces):
        marked = iter(marks)
        text = "".join(piece if isinstance(piece, str) else next(marked).text for piece in pieces)
        try:
            content = serialized(text)
        except ValueError:
            continue
        walk = _Walk(marks)
        parts = walk.message(content, descriptor)
        if walk.found != len(marks):
            raise NoProgramError
        return parts
    raise NoProgramError


def of_text(pieces: Sequence[str | Blank]) -> Parts:
    """The program of a text."""
    return joined([
        piece.encode() if isinstance(piece, str) else (piece.value, "text", piece.first, piece.second)
        for piece in pieces
    ])  # fmt: skip


def of_object(pieces: Sequence[str | Blank]) -> list[tuple[str, Parts]]:
    """The programs of the texts in a JSON object, by their names. Raises NoProgramError."""
    marks = next(_markings(pieces))
    marked = iter(marks)
    text = "".join(piece if isinstance(piece, str) else next(marked).text for piece in pieces)
    try:
        found = json.loads(text)
    except ValueError:
        raise NoProgramError from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise NoProgramError
    walk = _Walk(marks)
    programs = [(name, walk.text(value.encode())) for name, value in found.items()]
    if walk.found != len(marks):
        raise NoProgramError
    return programs


def _markings(pieces: Sequence[str | Blank]) -> Iterator[list[_Mark]]:
    """Ways to mark: with letters where that can be, then with numbers where those can be."""
    token = "".join(secrets.choice(string.ascii_letters) for _ in range(_MARK_LETTERS - 4))
    first = secrets.randbelow(len(_NUMBERS))
    for prefers_numbers in (False, True):
        marks: list[_Mark] = []
        is_quoted = False
        for place, piece in enumerate(pieces):
            if isinstance(piece, str):
                is_quoted ^= len(re.findall(r'(?<!\\)(?:\\\\)*"', piece)) % 2 == 1
                continue
            number = _NUMBERS_FROM + _NUMBERS_APART * (first + len(marks))
            may_be_number = piece.value in _NUMERIC and number < 1 << 31
            as_number = may_be_number and (
                not is_quoted or (prefers_numbers and _stands_alone(pieces, place))
            )
            text = str(number) if as_number else f"{token}{len(marks):04}"
            marks.append(_Mark(text, (piece.value, piece.first, piece.second)))
        yield marks


def _stands_alone(pieces: Sequence[str | Blank], place: int) -> bool:
    before, after = (pieces[at] if 0 <= at < len(pieces) else "" for at in (place - 1, place + 1))
    return (
        isinstance(before, str) and isinstance(after, str) and before.endswith('"') and after.startswith('"')
    )


class _Walk:
    """Finds marks in serialized messages, and counts those that it has found."""

    def __init__(self, marks: Sequence[_Mark]) -> None:
        self.found = 0
        self._of_text = {mark.text.encode(): mark.hole for mark in marks}
        self._of_number = {int(mark.text): mark.hole for mark in marks if mark.text.isdecimal()}
        self._split = re.compile(b"(" + b"|".join(map(re.escape, self._of_text)) + b")") if marks else None

    def message(self, content: bytes, descriptor: Any) -> Parts:
        parts: Parts = []
        at = 0
        while at < len(content):
            start = at
            tag, at = _DecodeVarint32(content, at)
            field = descriptor.fields_by_number.get(tag >> 3)
            kind = tag & 7
            value_start = at
            if kind == _VARINT:
                _, at = _DecodeVarint(content, at)
            elif kind == _LENGTH:
                length, value_start = _DecodeVarint32(content, at)
                at = value_start + length
            elif kind in _FIXED_BYTES:
                at += _FIXED_BYTES[kind]
            else:
                raise NoProgramError
            value = content[value_start:at]
            inner = self._value(kind, value, field)
            if all(isinstance(part, bytes) for part in inner):
                parts.append(content[start:at])
            else:
                head = _VarintBytes(tag)
                parts += [head, Group("nested", inner)] if kind == _LENGTH else [head, *inner]
        return joined(parts)

    def text(self, content: bytes) -> Parts:
        if self._split is None:
            return [content]
        return joined([self._hole(self._of_text[part]) if part in self._of_text else part
                       for part in self._split.split(content)])  # fmt: skip

    def _hole(self, hole: tuple[str, int, int], form: str = "text") -> Hole:
        self.found += 1
        value, first, second = hole
        return value, form, first, second

    def _value(self, kind: int, value: bytes, field: Any) -> Parts:
        if field is None:
            return [value]
        if kind != _LENGTH:
            return self._numbers(value, field)
        if field.type == _F.TYPE_MESSAGE:
            return self.message(value, field.message_type)
        if field.type == _F.TYPE_STRING:
            return self.text(value)
        if field.type == _F.TYPE_BYTES:
            return self._bytes(value)
        return self._numbers(value, field)

    def _bytes(self, value: bytes) -> Parts:
        """Their JSON is base64, in which marks are letters."""
        parts = self.text(base64.b64encode(value))
        return [value] if all(isinstance(part, bytes) for part in parts) else [Group("from_base64", parts)]

    def _numbers(self, value: bytes, field: Any) -> Parts:
        """One, or those of a packed field."""
        parts: Parts = []
        at = 0
        while at < len(value):
            start = at
            if field.type in _FIXED:
                form, code = _FIXED[field.type]
                at += struct.calcsize(code)
                number = struct.unpack(code, value[start:at])[0]
            else:
                number, at = _DecodeVarint(value, at)
                form = _VARINTS.get(field.type, "")
                if form == "zigzag":
                    number = (number >> 1) ^ -(number & 1)
            hole = self._of_number.get(number) if form else None
            parts.append(self._hole(hole, form) if hole else value[start:at])
        return joined(parts)
