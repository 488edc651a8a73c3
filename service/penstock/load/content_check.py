"""Compares a sample of the answers with those that are expected."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from penstock.errors import ConfigError
from penstock.load.methods import Method
from penstock.load.options import Options

_FLOATS = (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE)
# The Open Inference Protocol's answer, whose raw contents are tensors.
_INFER_RESPONSE = "inference.ModelInferResponse"
_RAW_FLOATS = {"FP16": "<f2", "FP32": "<f4", "FP64": "<f8"}
# Kept to be told; the others are counted.
_MOST_TOLD = 5
# Answers that were compared already; a server that answers always differently would fill the memory.
_MOST_KNOWN = 10_000


class Check:
    """Answers by the numbers of their calls: that to call n is expected at n modulo the number of `expected`."""

    def __init__(
        self, expected: Sequence[Sequence[Message]], tolerance: float, ignored: Iterable[str]
    ) -> None:
        self.compared = 0
        self.mismatches = 0
        self.first: list[str] = []
        self._expected = expected
        self._comparison = _Comparison(tolerance, frozenset(ignored))
        self._known: dict[tuple[int, bytes], str] = {}

    def look_at(self, samples: Iterable[tuple[int, Sequence[bytes]]]) -> None:
        """Compares answers that came: the number of each call, and the messages of its answer."""
        for number, messages in samples:
            place = number % len(self._expected)
            key = (place, _digest(messages))
            found = self._known.get(key)
            if found is None:
                found = self._difference(self._expected[place], messages)
                if len(self._known) < _MOST_KNOWN:
                    self._known[key] = found
            self.compared += 1
            if found:
                self.mismatches += 1
                if len(self.first) < _MOST_TOLD:
                    self.first.append(f"call {number}: {found}")

    def told(self) -> dict[str, Any]:
        """As reports have it."""
        return {"compared": self.compared, "mismatches": self.mismatches, "first": self.first}

    def _difference(self, expected: Sequence[Message], messages: Sequence[bytes]) -> str:
        """What is different first; nothing where all is as expected."""
        if len(expected) != len(messages):
            return f"{len(messages)} messages, expected {len(expected)}"
        for wanted, content in zip(expected, messages, strict=True):
            try:
                found = type(wanted).FromString(content)
            except DecodeError:
                return f"no {wanted.DESCRIPTOR.full_name}"
            for difference in self._comparison.differences(wanted, found, ""):
                return difference
        return ""


def _digest(messages: Sequence[bytes]) -> bytes:
    """Stands for messages that may be large."""
    digest = hashlib.blake2b(digest_size=16)
    for message in messages:
        digest.update(len(message).to_bytes(8))
        digest.update(message)
    return digest.digest()


def of(options: Options, method: Method) -> Check | None:
    """What `--expect` asks for, if anything. Raises ConfigError."""
    if not options.expect:
        return None
    kind = GetMessageClass(method.descriptor.output_type)
    path = Path(options.expect)
    elements = _elements(path)
    if method.descriptor.client_streaming:
        calls = [elements]
    else:
        # A call that is answered with several messages has an array of them.
        calls = [element if isinstance(element, list) else [element] for element in elements]
    expected = [[_message(path, each, kind, method) for each in call] for call in calls]
    _check_ignored(options.expect_ignore, method.descriptor.output_type)
    return Check(expected, options.expect_tolerance, options.expect_ignore)


def _elements(path: Path) -> list[Any]:
    try:
        text = path.read_text(encoding="utf-8")
        found: Any
        if path.suffix == ".jsonl":
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            found = json.loads(text)
    except OSError as error:
        raise ConfigError(f"--expect: {path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"--expect: {path}: found no JSON ({error})") from None
    elements = found if isinstance(found, list) else [found]
    if not elements:
        raise ConfigError(f"--expect: {path}: found no message, allowed: one at least")
    return elements


def _message(path: Path, element: Any, kind: type[Message], method: Method) -> Message:
    message = kind()
    try:
        json_format.ParseDict(element, message, descriptor_pool=method.pool)
    except json_format.ParseError as error:
        raise ConfigError(
            f"--expect: {path}: no {method.descriptor.output_type.full_name}: {error}"
        ) from None
    return message


def _check_ignored(ignored: Iterable[str], descriptor: Any) -> None:
    for path in ignored:
        at = descriptor
        for name in path.split("."):
            field = at.fields_by_name.get(name) if at is not None else None
            if field is None:
                raise ConfigError(f"--expect-ignore: {descriptor.full_name} has no field {path}")
            at = field.message_type


class _Comparison:
    """Of messages of one kind, field by field; paths have names and no places in lists."""

    def __init__(self, tolerance: float, ignored: frozenset[str]) -> None:
        self._tolerance = tolerance
        self._ignored = ignored

    def differences(self, wanted: Message, found: Message, path: str) -> Iterator[str]:
        for field in wanted.DESCRIPTOR.fields:
            at = f"{path}.{field.name}" if path else field.name
            if at in self._ignored:
                continue
            if wanted.DESCRIPTOR.full_name == _INFER_RESPONSE and field.name == "raw_output_contents":
                yield from self._raw(wanted, found, at)
            else:
                yield from self._field(wanted, found, field, at)

    def _field(self, wanted: Message, found: Message, field: Any, at: str) -> Iterator[str]:
        one, other = getattr(wanted, field.name), getattr(found, field.name)
        if field.has_presence and wanted.HasField(field.name) != found.HasField(field.name):
            yield f"{at} is {'missing' if wanted.HasField(field.name) else 'there, and was not expected'}"
        elif field.message_type is not None and field.message_type.GetOptions().map_entry:
            if one.keys() != other.keys():
                yield f"{at} has keys {sorted(other)[:8]}, expected {sorted(one)[:8]}"
            else:
                value = field.message_type.fields_by_name["value"]
                for key in sorted(one):
                    yield from self._value(one[key], other[key], value, at)
        elif field.is_repeated:
            if len(one) != len(other):
                yield f"{at} has {len(other)} values, expected {len(one)}"
            else:
                for left, right in zip(one, other, strict=True):
                    yield from self._value(left, right, field, at)
        else:
            yield from self._value(one, other, field, at)

    def _value(self, one: Any, other: Any, field: Any, at: str) -> Iterator[str]:
        if field.message_type is not None:
            yield from self.differences(one, other, at)
        elif one != other and not (field.type in _FLOATS and self._near(one, other)):
            yield f"{at} is {other!r:.80}, expected {one!r:.80}"

    def _near(self, one: float, other: float) -> bool:
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        return math.isclose(one, other, rel_tol=self._tolerance, abs_tol=0.0)

    def _raw(self, wanted: Any, found: Any, at: str) -> Iterator[str]:
        """Tensors of floats are near where each of their values is."""
        if len(wanted.raw_output_contents) != len(found.raw_output_contents):
            yield f"{at} has {len(found.raw_output_contents)} values, expected {len(wanted.raw_output_contents)}"
            return
        for place, (one, other) in enumerate(
            zip(wanted.raw_output_contents, found.raw_output_contents, strict=True)
        ):
            output = next(iter(wanted.outputs[place : place + 1]), None)
            if one != other and not self._near_raw(output, one, other):
                yield f"{at} of output {output.name if output is not None else place} differs"

    def _near_raw(self, output: Any, one: bytes, other: bytes) -> bool:
        dtype = _RAW_FLOATS.get(output.datatype) if output is not None else None
        if dtype is None or len(one) != len(other) or len(one) % np.dtype(dtype).itemsize:
            return False
        left, right = (np.frombuffer(each, dtype).astype(np.float64) for each in (one, other))
        most = self._tolerance * np.maximum(np.abs(left), np.abs(right))
        with np.errstate(invalid="ignore"):
            near = (np.abs(left - right) <= most) | (left == right) | (np.isnan(left) & np.isnan(right))
        return bool(near.all())
