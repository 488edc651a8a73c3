"""What models and versions may be called: in the repository's folders, and in requests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

MODEL_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
MODEL_NAME_RULE = "letters, digits, '_', '.' and '-', a letter, digit or '_' first, at most 128 bytes"

# What 64 bits hold, so that seconds or nanoseconds since 1970 can be versions too.
MODEL_VERSION = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
MODEL_VERSION_RULE = "1 to 999999999999999999, without a leading zero"

# What callers may send in place of a version's number.
LABEL = re.compile(r"(?![0-9]+\Z)" + MODEL_NAME.pattern, re.ASCII)

# Of a name that a caller sent, as much goes back to it: what a model's name may have.
_ECHOED_CHARACTERS = 128

# grpc.health.v1 answers these for the server (penstock.health), so no model can have them.
PROBE_NAMES = frozenset({"readiness", "liveness"})


def unknown_model(name: str) -> str:
    """What the engine says of a model that is not there, for whoever is asked beside it."""
    return f"Model {shown(name)} is not in the repository."


def shown(text: str) -> str:
    """The front of a text that a caller sent, in quotes, as the engine's sentences have it."""
    return json.dumps(text[:_ECHOED_CHARACTERS], ensure_ascii=False)


def unknown_label(name: str, label: str, labels: Iterable[str]) -> str:
    """What the engine says of a label that a model does not have."""
    return f"Model {shown(name)} has no label {shown(label)}; it has {', '.join(sorted(labels)) or 'none'}."


def unknown_version(name: str, version: str, *serving: int) -> str:
    """What the engine says of a version that does not serve."""
    return f'Model "{name}" has no version {version}; it serves {", ".join(map(str, serving)) or "none"}.'
