"""A PredictRequest of either form as one column a feature."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.reference.model_toml import Feature, Model

Values = NDArray[Any] | list[bytes]


class RefusedError(ValueError):
    """The request is not one that the model takes; `field` is the feature to blame."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


@dataclass(frozen=True)
class Column:
    """The values of one feature, row after row, missing ones filled in.

    values: float64, int64, or a list of bytes. lengths: values a row, int64 [rows].
    A column from the context has one row, which stands for all rows of the request.
    """

    values: Values
    lengths: NDArray[np.int64]


def read(model: Model, request: Any, now_ms: int | None = None) -> tuple[int, list[Column]]:
    """The number of rows, and one column for each entry of `model.features`."""
    features = [_at(feature, now_ms) for feature in model.features]
    known = {feature.name for feature in features}
    if request.examples and request.columns:
        raise RefusedError("columns", "rows come as examples or as columns, not both")
    context = request.context.features.feature
    if request.columns:
        sent = {column.name: column for column in request.columns}
        if len(sent) != len(request.columns):
            raise RefusedError("columns", "a feature is there twice")
        maps: list[Any] = []
        rows = _row_count(request.columns)
    else:
        sent = {}
        maps = [example.features.feature for example in request.examples]
        rows = len(maps)
    if not 0 < rows <= model.max_batch_rows:
        raise RefusedError("rows", f"{rows} rows")
    if model.unknown_features == "error":
        _refuse_unknown(known, [context, sent, *maps])

    out = []
    for feature in features:
        name = feature.name
        if name in context:
            if name in sent or any(name in row for row in maps):
                raise RefusedError(name, "in the context and in the rows")
            out.append(_from_maps(feature, [context]))
        elif request.columns:
            out.append(_from_column(feature, sent.get(name), rows))
        else:
            out.append(_from_maps(feature, maps))
    return rows, out


def _at(feature: Feature, now_ms: int | None) -> Feature:
    """The feature with the request's time, rounded down to its unit, where that is its default."""
    if not feature.now or now_ms is None:
        return feature
    return replace(feature, missing=[now_ms // {"s": 1000, "ms": 1}[feature.unit]])


def sent_in_rows(request: Any) -> set[str]:
    """The features of which some row has a value."""
    if not request.columns:
        maps = [example.features.feature for example in request.examples]
        return {name for row in maps for name, value in row.items() if value.WhichOneof("kind")}
    return {column.name for column in request.columns if _has_values(column)}


def _has_values(column: Any) -> bool:
    if column.validity:
        return any(column.validity)
    return any(column.row_lengths) if column.row_lengths else len(_column_values(column)) > 0


def _refuse_unknown(known: set[str], maps: Sequence[Any]) -> None:
    for names in maps:
        for name in names:
            if name not in known:
                raise RefusedError(name, "unknown feature")


def _row_count(columns: Sequence[Any]) -> int:
    counts = {len(column.row_lengths) or len(_column_values(column)) for column in columns}
    if len(counts) != 1:
        raise RefusedError("columns", "columns of different numbers of rows")
    return counts.pop()


def _column_values(column: Any) -> Sequence[Any]:
    kind = column.WhichOneof("values")
    return getattr(column, kind).value if kind else ()


# The lists of an Example that a feature's type takes, the usual one first.
EXAMPLE_KINDS = {
    "float": ("float_list", "int64_list"),
    "int": ("int64_list",),
    "bool": ("int64_list",),
    "timestamp": ("int64_list",),
    "string": ("bytes_list",),
    "bytes": ("bytes_list",),
}


def _from_maps(feature: Feature, maps: Sequence[Any]) -> Column:
    name, usual = feature.name, EXAMPLE_KINDS[feature.type][0]
    read_usual = attrgetter(f"{usual}.value")
    sent = [row.get(name) for row in maps]
    lists = [() if value is None else read_usual(value) for value in sent]
    if not all(lists):
        lists = [
            got or _other_values(feature, value, row)
            for row, (got, value) in enumerate(zip(lists, sent, strict=True))
        ]
    lengths = np.array([len(got) or -1 for got in lists], np.int64)
    return _filled(feature, list(chain.from_iterable(lists)), lengths)


def _other_values(feature: Feature, value: Any, row: int) -> Sequence[Any]:
    """The values of a row that has none of the usual kind."""
    kind = None if value is None else value.WhichOneof("kind")
    if kind is None:
        return ()
    if kind not in EXAMPLE_KINDS[feature.type]:
        raise RefusedError(f"examples[{row}].{feature.name}", f"{kind} for a {feature.type}")
    return getattr(value, kind).value


COLUMN_KINDS = {
    "float": ("floats", "doubles", "ints", "fixed_ints"),
    "int": ("ints", "fixed_ints"),
    "bool": ("ints", "fixed_ints"),
    "timestamp": ("ints", "fixed_ints"),
    "string": ("strings", "bytes"),
    "bytes": ("bytes", "strings"),
}


def _from_column(feature: Feature, column: Any, rows: int) -> Column:
    if column is None:
        return _filled(feature, [], np.full(rows, -1, np.int64))
    kind = column.WhichOneof("values")
    if kind is not None and kind not in COLUMN_KINDS[feature.type]:
        raise RefusedError(feature.name, f"{kind} for a {feature.type}")
    values = list(_column_values(column))
    if kind == "strings":
        values = [value.encode() for value in values]
    packed = len(column.row_lengths) > 0
    lengths = np.array(column.row_lengths, np.int64) if packed else np.ones(rows, np.int64)
    if lengths.sum() != len(values):
        raise RefusedError(feature.name, "row_lengths do not add up")
    if column.validity:
        if len(column.validity) != (rows + 7) // 8:
            raise RefusedError(feature.name, "validity of the wrong size")
        bits = np.unpackbits(np.frombuffer(column.validity, np.uint8), bitorder="little")[:rows].astype(bool)
        if not packed:
            values = [value for value, there in zip(values, bits, strict=True) if there]
        lengths = np.where(bits, lengths, -1)
    if feature.form is None:
        lengths = np.where(lengths == 0, -1, lengths)
    return _filled(feature, values, lengths)


def _filled(feature: Feature, values: list[Any], lengths: NDArray[np.int64]) -> Column:
    """Puts the missing value into the rows of length -1 and gives the values their type."""
    expected = 1 if feature.form is None else feature.form.max if feature.form.kind == "fixed" else None
    if feature.range is not None:
        values, lengths = _held(feature, feature.range, values, lengths)
    absent = lengths < 0
    if absent.any():
        if feature.missing is None:
            raise RefusedError(feature.name, f"missing in row {int(absent.argmax())}")
        filled: list[Any] = []
        at = 0
        for length in lengths.tolist():
            if length < 0:
                filled.extend(feature.missing)
            else:
                filled.extend(values[at : at + length])
                at += length
        values = filled
        lengths = np.where(absent, len(feature.missing), lengths)
    wrong = np.flatnonzero(lengths != expected) if expected is not None else ()
    if len(wrong):
        raise RefusedError(feature.name, f"row {wrong[0]} has {lengths[wrong[0]]} values, not {expected}")
    return Column(_typed(feature, values), lengths)


def _held(
    feature: Feature, bounds: dict[str, Any], values: list[Any], lengths: NDArray[np.int64]
) -> tuple[list[Any], NDArray[np.int64]]:
    """The sent values that the range takes; a row that counts as missing has length -1."""
    rows: list[list[Any] | None] = []
    at = 0
    for row, length in enumerate(lengths.tolist()):
        sent = values[at : at + max(length, 0)]
        at += max(length, 0)
        held: list[Any] | None = [] if length >= 0 else None
        for value in sent:
            what = _verdict(feature.type, bounds, value)
            if what == "error":
                raise RefusedError(feature.name, f"row {row}: {value} is outside the range")
            if what == "missing":
                held = None
            elif held is not None and what != "drop":
                held.append(what)
        rows.append(held)
    kept = [value for held in rows for value in held or ()]
    return kept, np.array([-1 if held is None else len(held) for held in rows], np.int64)


def _verdict(type_: str, bounds: dict[str, Any], value: Any) -> Any:
    """The value to take, or "error", "missing" or "drop"."""
    if value != value:  # noqa: PLR0124 - NaN
        policy = bounds.get("nan", "error")
        return value if policy == "pass" else policy
    limits = np.finfo(np.float64) if type_ == "float" else np.iinfo(np.int64)
    low, high = bounds.get("min", limits.min), bounds.get("max", limits.max)
    if low <= value <= high:
        return value
    policy = bounds.get("outside", "error")
    return min(max(value, low), high) if policy == "clip" else policy


def _typed(feature: Feature, values: Iterable[Any]) -> Values:
    if feature.type in ("string", "bytes"):
        return list(values)
    if feature.type == "float":
        return np.array(values, np.float64)
    typed = np.array(values, np.int64)
    if feature.type == "bool" and ((typed < 0) | (typed > 1)).any():
        raise RefusedError(feature.name, "a bool is 0 or 1")
    return typed
