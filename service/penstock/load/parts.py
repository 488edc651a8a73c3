"""What the extension fills in as a call goes out: literal bytes, holes, and groups of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

# A template's value, such as "UUID" or "randomInt"; its form, "text" or one of protobuf's encodings of numbers; and two
# arguments.
Hole: TypeAlias = tuple[str, str, int, int]
# Parts that follow one another.
Parts: TypeAlias = "list[bytes | Hole | Group]"


@dataclass(frozen=True, slots=True)
class Group:
    """`kind`: "nested" behind their length, "from_base64" or "as_base64"."""

    kind: str
    parts: Parts


def joined(parts: Parts) -> Parts:
    """The same with literal bytes that follow each other put together."""
    out: Parts = []
    for part in parts:
        if isinstance(part, bytes) and out and isinstance(out[-1], bytes):
            out[-1] += part
        elif part != b"":
            out.append(part)
    return out
