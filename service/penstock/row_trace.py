"""One row through the feature program, operation by operation: for people as a table, for machines as JSON.

The values are those of the engine that serves (`ModelSpec.explain`); here they are put beside what was sent.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock._fastpath import LineTrace, ModelSpec, ProgramLine
from penstock.arrays import DTYPES
from penstock.program_table import line_as_json, place, title
from penstock.text_table import output_width, table

# Of a list, as many values are shown; JSON has all of them.
_SHOWN_VALUES = 12
_BITS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
# Seconds that a datetime can hold.
_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799


@dataclass(frozen=True, slots=True)
class Step:
    """What a row has behind one operation; `marks` has a word for each value, "" for most."""

    operation: str
    values: Sequence[Any]
    marks: Sequence[str]


@dataclass(frozen=True, slots=True)
class Elements:
    """What a row has in a tensor: `values` as numbers of the datatype, and their `bits`, in hexadecimal."""

    tensor: str
    datatype: str
    values: Sequence[Any]
    bits: Sequence[str]


@dataclass(frozen=True, slots=True)
class FeatureTrace:
    """One feature, or cross, of a row.

    Attributes:
        line: the line of the program.
        sent: the value as it was sent, or the default of model.toml; None of a cross.
        source: where it came from: "row", "context" or "default"; "" of a cross.
        operands: the other features that it looks at, each with value and source.
        steps: the operations, those before them that change a value as it is received.
        elements: what reaches the tensor, and the tensors that tell its padding; empty where nothing does.

    """

    line: ProgramLine
    sent: Any
    source: str
    operands: Mapping[str, tuple[Any, str]]
    steps: Sequence[Step]
    elements: Sequence[Elements]


@dataclass(frozen=True, slots=True)
class RowTrace:
    """What became of each feature of a row, in the order of the program, then of the crosses."""

    model: str
    features: Sequence[FeatureTrace]

    def table(self, width: int | None = None) -> str:
        """`width`: columns of a line (default: the terminal's, 100 in a pipe)."""
        width = output_width() if width is None else width
        rows = [row for feature in self.features for row in _rows(feature)]
        return table(["feature", "step", "value", ""], rows, width)

    def as_json(self) -> dict[str, Any]:
        """The same with every value of every list; what JSON has no number for is text: "NaN", "Infinity"."""
        return {"model": self.model, "features": [_feature_as_json(feature) for feature in self.features]}


def row_trace(
    spec: ModelSpec, traces: Sequence[LineTrace], row: Mapping[str, object], context: Mapping[str, object]
) -> RowTrace:
    """Joins `spec.explain`'s traces of a row with the row."""
    datatypes = {entry.name: entry.datatype for entry in spec.inputs}
    lines = spec.lines
    told = {
        line.features[0]: _sent(line, trace, row, context)
        for line, trace in zip(lines, traces, strict=True)
        if len(line.features) == 1
    }
    features = []
    for line, trace in zip(lines, traces, strict=True):
        sent, source = told[line.features[0]] if len(line.features) == 1 else (None, "")
        features.append(
            FeatureTrace(
                line=line,
                sent=sent,
                source=source,
                operands={name: told[name] for name in line.operands},
                steps=list(_steps(line, trace, sent)),
                elements=list(_elements(line, trace, datatypes)),
            )
        )
    return RowTrace(spec.name, features)


def _sent(
    line: ProgramLine, trace: LineTrace, row: Mapping[str, object], context: Mapping[str, object]
) -> tuple[Any, str]:
    if trace.defaulted:
        return tomllib.loads(f"missing = {line.missing}")["missing"], "default"
    name = line.features[0]
    value = row.get(name)
    return (value, "row") if value is not None else (context.get(name), "context")


def _steps(line: ProgramLine, trace: LineTrace, sent: Any) -> Iterator[Step]:
    received = trace.received
    as_sent = (sent if isinstance(sent, list) else [sent]) == received
    if received is not None and not as_sent:
        yield Step("received", received, [""] * len(received))
    for operation, (values, marks) in zip(line.operations, trace.stages, strict=True):
        yield Step(operation, values, marks)


def _elements(line: ProgramLine, trace: LineTrace, datatypes: Mapping[str, str]) -> Iterator[Elements]:
    if line.tensor is not None and trace.element is not None:
        yield _of_bytes(line.tensor, datatypes[line.tensor], trace.element)
    for tensor, data in zip(line.padding, trace.padding, strict=True):
        yield _of_bytes(tensor, datatypes[tensor], data)


def _of_bytes(tensor: str, datatype: str, data: bytes) -> Elements:
    array: NDArray[Any] = np.frombuffer(data, DTYPES[datatype])
    size = array.dtype.itemsize
    bits = [f"0x{word:0{2 * size}x}" for word in np.frombuffer(data, _BITS[size]).tolist()]
    if datatype == "BF16":
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return Elements(tensor, datatype, list(array), bits)


def _rows(feature: FeatureTrace) -> Iterator[list[Sequence[str]]]:
    line = feature.line
    name = [title(line)]
    if feature.source:
        yield [name, [feature.source], _told(line, feature), []]
        name = []
    for operand, (value, source) in feature.operands.items():
        yield [name, [operand], [_shown(value)], [f"from the {source}"]]
        name = []
    for step in feature.steps:
        yield [name, [step.operation], _listed([repr(value) for value in step.values]), _marks(step)]
    for at, elements in enumerate(feature.elements):
        there = place(line) if at == 0 else elements.tensor
        exact = [f"{value!s} {bits}" for value, bits in zip(elements.values, elements.bits, strict=True)]
        yield [[], [f"→ {elements.datatype}"], _listed(exact), [there]]
    if not feature.elements:
        yield [[], ["→"], [place(line)], []]
    yield [[" "], [], [], []]


def _told(line: ProgramLine, feature: FeatureTrace) -> list[str]:
    values = feature.sent if isinstance(feature.sent, list) else [feature.sent]
    said = [_shown(value) for value in values]
    if line.kind.startswith("timestamp"):
        said = [f"{text}{_as_date(value, line.kind)}" for text, value in zip(said, values, strict=True)]
    return _listed(said) if isinstance(feature.sent, list) else said


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _as_date(value: Any, kind: str) -> str:
    if not isinstance(value, int):
        return ""
    seconds = value // 1000 if kind == "timestamp_ms" else value
    if not _FIRST_S <= seconds <= _LAST_S:
        return ""
    return f" ({dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat().replace('+00:00', 'Z')})"


def _listed(values: Sequence[str]) -> list[str]:
    if not values:
        return ["(no values)"]
    if len(values) <= _SHOWN_VALUES:
        return [f"{value}," for value in values[:-1]] + [values[-1]]
    shown = [f"{value}," for value in values[:_SHOWN_VALUES]]
    return [*shown, f"… {len(values) - _SHOWN_VALUES} more"]


def _marks(step: Step) -> list[str]:
    marked = [at for at, mark in enumerate(step.marks) if mark]
    if not marked:
        return []
    words = " and ".join(dict.fromkeys(step.marks[at] for at in marked))
    if len(step.marks) == len(marked):
        return [words]
    shown = ", ".join(map(str, marked[:_SHOWN_VALUES]))
    return [f"{words}: {shown}{', …' if len(marked) > _SHOWN_VALUES else ''}"]


def _feature_as_json(feature: FeatureTrace) -> dict[str, Any]:
    return {
        **line_as_json(feature.line),
        "sent": _json_value(feature.sent),
        "source": feature.source or None,
        "operand_values": {
            name: {"sent": _json_value(value), "source": source}
            for name, (value, source) in feature.operands.items()
        },
        "steps": [
            {
                "operation": step.operation,
                "values": [_json_number(value) for value in step.values],
                "marks": list(step.marks),
            }
            for step in feature.steps
        ],
        "elements": [
            {
                "tensor": elements.tensor,
                "datatype": elements.datatype,
                "values": [_json_number(value) for value in elements.values],
                "bits": list(elements.bits),
            }
            for elements in feature.elements
        ],
    }


def _json_value(value: Any) -> Any:
    return [_json_number(item) for item in value] if isinstance(value, list) else _json_number(value)


def _json_number(value: Any) -> Any:
    number = value.item() if isinstance(value, np.generic) else value
    if isinstance(number, float) and not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    return number
