"""A model's compiled program for people, as a table, and for machines, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock._fastpath import ModelSpec, ProgramLine, TensorSpec
from penstock.text_table import output_width, table

_NO_TENSOR = "(crosses and ages)"


def describe(spec: ModelSpec, width: int | None = None) -> str:
    """Feature → type, list, default → operations → place in a tensor; then what forward takes and gives.

    `width`: columns of a line (default: the terminal's, 100 in a pipe).
    """
    width = output_width() if width is None else width
    parts = [_tensors(spec, width)]
    if spec.lines:
        head = ["feature", "type", "list", "missing", "operations", "tensor"]
        parts.insert(0, table(head, [_row(line) for line in spec.lines], width))
    return "\n".join(parts)


def as_json(spec: ModelSpec) -> dict[str, Any]:
    """The same as values that JSON has."""
    return {
        "description": spec.description,
        "platform": spec.platform,
        "instances": spec.instances,
        "batching": {
            "max_batch_rows": spec.max_batch_rows,
            "max_queue_delay_us": spec.max_queue_delay_us,
            "queue_capacity_rows": spec.queue_capacity_rows,
        },
        "program": [line_as_json(line) for line in spec.lines],
        "inputs": [_tensor_as_json(entry) for entry in spec.inputs],
        "outputs": [_tensor_as_json(entry) for entry in spec.outputs],
    }


def line_as_json(line: ProgramLine) -> dict[str, Any]:
    """One line of the program; `columns` is [first, one behind the last]."""
    return {
        "features": line.features,
        "type": line.kind,
        "list": line.list_form or None,
        "missing": line.missing,
        "operations": line.operations,
        "operands": line.operands,
        "tensor": line.tensor,
        "columns": None if line.columns is None else list(line.columns),
        "key": line.key,
        "padding": line.padding,
    }


def title(line: ProgramLine) -> str:
    """The feature's name, or those of a cross."""
    return " × ".join(line.features)


def place(line: ProgramLine) -> str:
    """Where the result goes, as Python would slice a row of the tensor."""
    if line.tensor is None:
        return _NO_TENSOR
    if line.columns is None:
        return f"{line.tensor} (jagged)" if line.key is None else f"{line.tensor} (jagged, key {line.key})"
    first, end = line.columns
    return f"{line.tensor}[{first}]" if end == first + 1 else f"{line.tensor}[{first}:{end}]"


def joined(sign: str, phrases: Sequence[str]) -> list[str]:
    """Phrases with a sign between them, which begins a line rather than ends one."""
    return [f"{sign} {phrase}" if at else phrase for at, phrase in enumerate(phrases)]


def _row(line: ProgramLine) -> list[Sequence[str]]:
    refused = "" if line.kind == "cross" else "error"
    missing = refused if line.missing is None else line.missing
    operations = joined("→", line.operations)
    name = joined("×", line.features)
    return [name, line.kind, line.list_form, [missing] if missing else [], operations, [place(line)]]


def _tensors(spec: ModelSpec, width: int) -> str:
    rows = [["takes", [entry.name], *_shape(entry)] for entry in spec.inputs]
    rows += [["gives", [entry.name], *_shape(entry)] for entry in spec.outputs]
    return table(["forward", "tensor", "datatype", "shape", ""], rows, width)


def _shape(entry: TensorSpec) -> list[str]:
    first = "requests" if entry.per_request else "rows"
    told = _relation(entry)
    if entry.lists and (entry.offsets_of or entry.lengths_of):
        first = first if entry.lists == 1 else f"{entry.lists} · {first}"
        first = f"{first} + 1" if entry.include_last else first
    elif entry.lists:
        first = "total"
    sizes = ", ".join([first, *("any" if size == -1 else str(size) for size in entry.shape[1:])])
    return [entry.datatype, f"[{sizes}]", told]


def _relation(entry: TensorSpec) -> str:
    of = {
        "offsets": entry.offsets_of,
        "lengths": entry.lengths_of,
        "mask": entry.mask_of,
        "weights": entry.weights_of,
    }
    told = [f"{kind} of {name}" for kind, name in of.items() if name is not None]
    return "request of each row" if entry.is_request_index else "".join(told)


def _tensor_as_json(entry: TensorSpec) -> dict[str, Any]:
    return {
        "name": entry.name,
        "datatype": entry.datatype,
        "shape": entry.shape,
        "offsets_of": entry.offsets_of,
        "lengths_of": entry.lengths_of,
        "mask_of": entry.mask_of,
        "weights_of": entry.weights_of,
        "per": "request" if entry.per_request else "row",
    }
