"""The templates in ghz's data and metadata: `{{.RequestNumber}}`, `{{.UUID}}`, `{{randomInt 1 9}}` and the like.

The part of Go's text/template that ghz documents: one field of the call, or one function with literal arguments,
between double braces. Everything else is refused.
"""

from __future__ import annotations

import json
import random
import re
import string
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from penstock.errors import ConfigError
from penstock.load.methods import Method

_ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_WORD = re.compile(r'"(?:\\.|[^"\\])*"|\S+')
_FEWEST_LETTERS, _MOST_LETTERS = 2, 16


@dataclass(frozen=True, slots=True)
class CallData:
    """What a template may say of its call."""

    method: Method
    number: int
    worker: str

    def field(self, name: str) -> str:
        """The text of a field. Raises KeyError for one that ghz does not have."""
        now = time.time_ns()
        descriptor = self.method.descriptor
        fields: dict[str, Callable[[], object]] = {
            "WorkerID": lambda: self.worker,
            "RequestNumber": lambda: self.number,
            "FullyQualifiedName": lambda: f"{self.method.service}.{self.method.name}",
            "MethodName": lambda: self.method.name,
            "ServiceName": lambda: self.method.service.rpartition(".")[2],
            "InputName": lambda: descriptor.input_type.name,
            "OutputName": lambda: descriptor.output_type.name,
            "IsClientStreaming": lambda: str(descriptor.client_streaming).lower(),
            "IsServerStreaming": lambda: str(descriptor.server_streaming).lower(),
            "Timestamp": lambda: (
                datetime.now().astimezone().isoformat(timespec="seconds").replace("+00:00", "Z")
            ),
            "TimestampUnix": lambda: now // 10**9,
            "TimestampUnixMilli": lambda: now // 10**6,
            "TimestampUnixNano": lambda: now,
            "UUID": uuid.uuid4,
        }
        return str(fields[name]())


def _random_string(length: int) -> str:
    if length <= 0:
        length = random.randint(_FEWEST_LETTERS, _MOST_LETTERS)
    return "".join(random.choices(string.ascii_letters + string.digits, k=length))


def _random_int(least: int, most: int) -> str:
    """From `least` to below `most`, as ghz has it."""
    return str(random.randrange(max(least, 0), most if most > 0 else 1))


_FUNCTIONS: dict[str, tuple[int, Callable[..., str]]] = {
    "newUUID": (0, lambda: str(uuid.uuid4())),
    "randomString": (1, _random_string),
    "randomInt": (2, _random_int),
}


@dataclass(frozen=True, slots=True)
class Blank:
    """What differs from call to call: a field or a function, and its arguments."""

    value: str
    first: int = 0
    second: int = 0


# Fields that do so; the others are the method's.
_VARYING = frozenset(
    {
        "WorkerID",
        "RequestNumber",
        "UUID",
        "Timestamp",
        "TimestampUnix",
        "TimestampUnixMilli",
        "TimestampUnixNano",
    }
)


def _blank(name: str, numbers: list[int]) -> Blank:
    """Arguments as ghz takes them."""
    if name == "randomInt":
        least, most = numbers
        return Blank(name, max(least, 0), most if most > 0 else 1)
    return Blank(name, *(max(number, 0) for number in numbers))


class Template:
    """A text with actions in it. Raises ConfigError for an action that is not supported, by name."""

    def __init__(self, text: str, where: str) -> None:
        self._where = where
        parts = _ACTION.split(text)
        self._texts = parts[::2]
        self._blanks: list[Blank] = []
        self._actions = [self._action(part) for part in parts[1::2]]

    @property
    def is_fixed(self) -> bool:
        """Whether it is the same for every call."""
        return not self._actions

    def text(self, call: CallData) -> str:
        """The text for a call."""
        values = [action(call) for action in self._actions]
        return "".join(a + b for a, b in zip(self._texts, [*values, ""], strict=True))

    def pieces(self, call: CallData) -> list[str | Blank]:
        """Texts, and between them what differs from call to call; what does not is that of any call."""
        pieces: list[str | Blank] = [self._texts[0]]
        for blank, action, text in zip(self._blanks, self._actions, self._texts[1:], strict=True):
            is_fixed = blank.value in _FIELDS and blank.value not in _VARYING
            pieces += [action(call) if is_fixed else blank, text]
        return pieces

    def _action(self, source: str) -> Callable[[CallData], str]:
        name, *arguments = _WORD.findall(source) or [""]
        if name.startswith(".") and not arguments:
            self._blanks.append(Blank(name[1:]))
            return self._field(name[1:])
        known = _FUNCTIONS.get(name)
        if known is None:
            raise ConfigError(
                f"{self._where}: the template {{{{{source}}}}} is not supported; allowed: one of the call's fields, or "
                f"one of {', '.join(_FUNCTIONS)}"
            )
        count, function = known
        try:
            numbers = [int(argument) for argument in arguments]
            function(*numbers)
        except (TypeError, ValueError):
            raise ConfigError(
                f"{self._where}: {{{{{source}}}}}: allowed: {count} whole numbers that fit"
            ) from None
        self._blanks.append(_blank(name, numbers))
        return lambda _: function(*numbers)

    def _field(self, name: str) -> Callable[[CallData], str]:
        if name not in _FIELDS:
            raise ConfigError(f"{self._where}: calls have no field .{name}; they have {', '.join(_FIELDS)}")
        return lambda call: call.field(name)


_FIELDS = (
    "WorkerID",
    "RequestNumber",
    "FullyQualifiedName",
    "MethodName",
    "ServiceName",
    "InputName",
    "OutputName",
    "IsClientStreaming",
    "IsServerStreaming",
    "Timestamp",
    "TimestampUnix",
    "TimestampUnixMilli",
    "TimestampUnixNano",
    "UUID",
)


def json_of(value: object) -> str:
    """As ghz writes what it has read from options or a file, templates and all."""
    return json.dumps(value, ensure_ascii=False)
