"""Fills in programs of messages as the extension does, with values that are given: an oracle in a few lines."""

import base64
import struct
from collections.abc import Callable

from penstock.load.parts import Group, Hole, Parts

FIXED = {"fixed32": "<I", "fixed64": "<Q", "float": "<f", "double": "<d"}


def varint(number: int) -> bytes:
    number &= 2**64 - 1
    out = []
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def filled(parts: Parts, value: Callable[[str, int, int], str]) -> bytes:
    """`value` gives the text of a hole, by its name and arguments."""
    return b"".join(_part(part, value) for part in parts)


def _part(part: bytes | Hole | Group, value: Callable[[str, int, int], str]) -> bytes:
    if isinstance(part, bytes):
        return part
    if isinstance(part, Group):
        inner = filled(part.parts, value)
        ways = {
            "nested": lambda: varint(len(inner)) + inner,
            "from_base64": lambda: base64.b64decode(inner),
            "as_base64": lambda: base64.b64encode(inner),
        }
        return ways[part.kind]()
    name, form, first, second = part
    text = value(name, first, second)
    if form == "text":
        return text.encode()
    number = int(text)
    if form in FIXED:
        return struct.pack(FIXED[form], float(number) if form in ("float", "double") else number)
    return varint(2 * number if form == "zigzag" else number)
