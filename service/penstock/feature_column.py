"""One feature of many rows, in the form that a PredictRequest's columns carry (proto/penstock/v1/prediction.proto).

Here a caller's values get their wire kind. What a caller's table looks like is `rows`; the bytes
are `predict_request` and the extension.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from penstock.errors import PenstockError

ColumnKind: TypeAlias = Literal["floats", "doubles", "ints", "times", "strings", "bytes"]
WireKind: TypeAlias = Literal["none", "floats", "doubles", "ints", "strings", "bytes"]
TimeUnit: TypeAlias = Literal["s", "ms"]
Values: TypeAlias = "NDArray[Any] | list[str] | list[bytes]"

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)
_MS_PER_S = 1000
# pandas' NA and NaT by name, since a caller's pandas is not imported.
_MISSING_TYPES = frozenset({"NoneType", "NAType", "NaTType"})
_dtype_of = attrgetter("dtype")
_dimensions_of = attrgetter("ndim")
_TAKEN = "numbers, bools, str, bytes, datetimes, and lists of them"


class RowsError(PenstockError, ValueError):
    """Rows that cannot be sent as they are; the message names row and feature.

    `row` counts from 0 and is None where no single row is to blame; so is `feature`.
    """

    def __init__(self, problem: str, *, feature: str | None = None, row: int | None = None) -> None:
        place = [f"row {row}"] if row is not None else []
        place += [f"feature {feature!r}"] if feature is not None else []
        super().__init__(f"{', '.join(place)}: {problem}" if place else problem)
        self.problem = problem
        self.feature = feature
        self.row = row


@dataclass(frozen=True, slots=True, eq=False)
class FeatureColumn:
    """One feature of all rows.

    `values` is a contiguous array (float32, float64 or int64) or a list of str or bytes; times are
    int64 milliseconds since 1970 UTC, rounded down. Without
    `row_lengths` it has one value a row, a placeholder where the row lacks the feature; with them
    (uint32, one a row) a row that lacks the feature has length 0. `present` says which rows have
    the feature; None: all of them.
    """

    name: str
    kind: ColumnKind
    values: Values
    row_lengths: NDArray[np.uint32] | None = None
    present: NDArray[np.bool_] | None = None

    def slice(self, start: int, stop: int) -> FeatureColumn:
        """The column of rows `start` to `stop`, `stop` excluded; arrays are views."""
        first, last, lengths = start, stop, None
        if self.row_lengths is not None:
            lengths = self.row_lengths[start:stop]
            first = int(self.row_lengths[:start].sum(dtype=np.int64))
            last = first + int(lengths.sum(dtype=np.int64))
        present = None if self.present is None else self.present[start:stop]
        return FeatureColumn(self.name, self.kind, self.values[first:last], lengths, present)

    def wire(
        self, time_unit: TimeUnit = "s"
    ) -> tuple[str, WireKind, Values, NDArray[np.uint32] | None, bytes | None]:
        """The column as `_fastpath.encode_columns` takes it; lists that are all empty have no kind.

        Times go as integers in `time_unit`, rounded down.
        """
        validity = None
        if self.present is not None and not self.present.all():
            validity = np.packbits(self.present, bitorder="little").tobytes()
        if not len(self.values):
            return self.name, "none", self.values, self.row_lengths, validity
        if self.kind == "times":
            return self.name, "ints", _in_unit(self.values, time_unit), self.row_lengths, validity
        return self.name, self.kind, self.values, self.row_lengths, validity


def column_of_cells(name: str, cells: Sequence[object]) -> FeatureColumn | None:
    """The column of one cell a row; a cell is a value or a list of values, or None, NA or NaT.

    None where every row lacks the feature, since nothing then tells its kind. Raises RowsError.
    """
    missing = {kind for kind in set(map(type, cells)) if kind.__name__ in _MISSING_TYPES}
    present = np.fromiter(
        (type(cell) not in missing and not _is_nat(cell) for cell in cells), np.bool_, len(cells)
    )
    sent = [cell for cell, here in zip(cells, present, strict=True) if here]
    return column_of_present(name, sent, present)


def column_of_present(
    name: str, sent: Sequence[object] | NDArray[Any], present: NDArray[np.bool_]
) -> FeatureColumn | None:
    """The column of the values `sent` by those rows whose bit in `present` is set, in their order.

    `sent` is a sequence of cells, or an array `[n]`, or `[n, L]` for lists of L values.
    None where no row has the feature. Raises RowsError.
    """
    rows = np.flatnonzero(present)
    if rows.size == 0:
        return None
    values, sent_lengths = _flatten(name, sent, rows)
    source = _Source(name, rows, sent_lengths)
    if isinstance(values, np.ndarray):
        kind, flat = _of_array(values, source)
    else:
        kind, flat = _of_values(values, source)
    if rows.size == present.size:
        return FeatureColumn(name, kind, flat, sent_lengths)
    if sent_lengths is None:
        return FeatureColumn(name, kind, _scattered(flat, present), None, present)
    lengths = np.zeros(present.size, np.uint32)
    lengths[present] = sent_lengths
    return FeatureColumn(name, kind, flat, lengths, present)


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """Where flat values came from, to name the row in an error."""

    feature: str
    rows: NDArray[np.intp]
    row_lengths: NDArray[np.uint32] | None

    def error(self, position: int, problem: str) -> RowsError:
        if self.row_lengths is not None:
            position = int(np.searchsorted(np.cumsum(self.row_lengths), position, side="right"))
        return RowsError(problem, feature=self.feature, row=int(self.rows[position]))


def _is_nat(cell: object) -> bool:
    return isinstance(cell, np.datetime64) and bool(np.isnat(cell))


def _is_list(kind: type) -> bool:
    return issubclass(kind, list | tuple) or (hasattr(kind, "__array__") and not issubclass(kind, np.generic))


def _flatten(
    name: str, sent: Sequence[object] | NDArray[Any], rows: NDArray[np.intp]
) -> tuple[list[object] | NDArray[Any], NDArray[np.uint32] | None]:
    """The values of all cells one after the other, and each cell's length where cells are lists."""
    if isinstance(sent, np.ndarray) and sent.dtype.kind != "O":
        if sent.ndim == 1:
            return sent, None
        return sent.reshape(-1), np.full(sent.shape[0], sent.shape[1], np.uint32)
    cells = list(sent)
    kinds = set(map(type, cells))
    if not any(map(_is_list, kinds)):
        return cells, None
    lists = cells if kinds <= {list, tuple, np.ndarray} else _lists(name, cells, rows)
    if np.ndarray in kinds:
        _check_arrays(name, lists, rows)
    lengths = np.fromiter(map(len, lists), np.uint32, len(lists))
    if kinds == {np.ndarray} and len(set(map(_dtype_of, lists))) == 1:
        joined: NDArray[Any] = np.concatenate(lists)
        return (joined if joined.dtype.kind != "O" else list(joined)), lengths
    return list(itertools.chain.from_iterable(lists)), lengths


def _lists(name: str, cells: list[Any], rows: NDArray[np.intp]) -> list[Any]:
    """The cells as lists, tuples and numpy arrays."""
    lists: list[Any] = []
    for row, cell in zip(rows.tolist(), cells, strict=True):
        if not _is_list(type(cell)):
            raise RowsError(f"{cell!r} is one value, but other rows have lists", feature=name, row=row)
        lists.append(cell if isinstance(cell, list | tuple) else np.asarray(cell))
    return lists


def _check_arrays(name: str, lists: list[Any], rows: NDArray[np.intp]) -> None:
    if set(map(type, lists)) == {np.ndarray} and set(map(_dimensions_of, lists)) <= {1}:
        return
    for place, values in enumerate(lists):
        if isinstance(values, np.ndarray) and values.ndim != 1:
            problem = f"an array of shape {list(values.shape)} is not a list of values"
            raise RowsError(problem, feature=name, row=int(rows[place]))


def _of_array(values: NDArray[Any], source: _Source) -> tuple[ColumnKind, Values]:
    match values.dtype.kind:
        case "f":
            kind, dtype = ("floats", np.float32) if values.dtype.itemsize <= 4 else ("doubles", np.float64)
            return kind, np.ascontiguousarray(values, dtype=dtype)  # type: ignore[return-value]
        case "b" | "i":
            return "ints", np.ascontiguousarray(values, dtype=np.int64)
        case "u":
            if values.size and values.max() > np.iinfo(np.int64).max:
                position = int(values.argmax())
                raise source.error(position, f"{values[position]} does not fit a 64-bit signed integer")
            return "ints", np.ascontiguousarray(values, dtype=np.int64)
        case "M":
            if np.isnat(values).any():
                raise source.error(int(np.isnat(values).argmax()), "NaT inside a list; leave it out")
            return "times", np.ascontiguousarray(values.astype("datetime64[ms]").view(np.int64))
        case "U" | "T" | "S":
            return _of_values(values.tolist(), source)
    raise source.error(0, f"an array of dtype {values.dtype} is not taken; taken are {_TAKEN}")


def _of_values(values: list[Any], source: _Source) -> tuple[ColumnKind, Values]:
    families = {kind: _family(kind) for kind in set(map(type, values))}
    named = set(families.values())
    if None in named:
        position = next(i for i, value in enumerate(values) if families[type(value)] is None)
        raise source.error(position, _refusal(values[position]))
    if named == {"int", "float"}:
        named = {"float"}
    if len(named) > 1:
        first = families[type(values[0])]
        position = next(i for i, value in enumerate(values) if families[type(value)] != first)
        raise source.error(
            position, f"{values[position]!r} does not go with {values[0]!r}, which came before it"
        )
    # Lists that are empty in every row tell no kind; a column without values may have any.
    match named.pop() if named else "int":
        case "int":
            return "ints", _ints(values, source)
        case "float":
            single = all(issubclass(kind, np.float32 | np.float16) for kind in families)
            return (
                ("floats", np.array(values, np.float32)) if single else ("doubles", _doubles(values, source))
            )
        case "string":
            return "strings", _strings(values, source)
        case "bytes":
            return "bytes", [bytes(value) for value in values]
    return "times", _milliseconds(values, source)


def _family(kind: type) -> Literal["int", "float", "string", "bytes", "time"] | None:
    if issubclass(kind, np.timedelta64):  # an integer to numpy
        return None
    if issubclass(kind, int | np.integer | np.bool_):
        return "int"
    if issubclass(kind, float | np.floating):
        return "float"
    if issubclass(kind, str):
        return "string"
    if issubclass(kind, bytes | bytearray | memoryview):
        return "bytes"
    return "time" if issubclass(kind, dt.date | np.datetime64) else None


def _refusal(value: object) -> str:
    if type(value).__name__ in _MISSING_TYPES:
        return f"{value!r} inside a list; leave it out"
    return f"{value!r} is of type {type(value).__name__}; taken are {_TAKEN}"


def _ints(values: list[Any], source: _Source) -> NDArray[np.int64]:
    try:
        return np.fromiter(map(int, values), np.int64, len(values))
    except OverflowError:
        limits = np.iinfo(np.int64)
        position = next(i for i, value in enumerate(values) if not limits.min <= value <= limits.max)
        problem = f"{values[position]} does not fit a 64-bit signed integer"
        raise source.error(position, problem) from None


def _doubles(values: list[Any], source: _Source) -> NDArray[np.float64]:
    doubles = np.empty(len(values), np.float64)
    for position, value in enumerate(values):
        try:
            doubles[position] = value
        except OverflowError:
            raise source.error(position, "an integer too large for a 64-bit float") from None
    return doubles


def _strings(values: list[str], source: _Source) -> list[str]:
    try:
        "".join(values).encode()
    except UnicodeEncodeError:
        for position, value in enumerate(values):
            if any("\ud800" <= character <= "\udfff" for character in value):
                raise source.error(position, f"{value!r} is not valid Unicode; send bytes") from None
        raise
    return values


def _milliseconds(values: list[Any], source: _Source) -> NDArray[np.int64]:
    times_ms = np.empty(len(values), np.int64)
    for position, value in enumerate(values):
        if isinstance(value, np.datetime64):
            if np.isnat(value):
                raise source.error(position, "NaT inside a list; leave it out")
            times_ms[position] = value.astype("datetime64[ms]").astype(np.int64)
            continue
        moment = value
        if not isinstance(value, dt.datetime):
            moment = dt.datetime.combine(value, dt.time.min)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        times_ms[position] = (moment - _EPOCH) // _MILLISECOND
    return times_ms


def _in_unit(times_ms: Values, unit: TimeUnit) -> NDArray[np.int64]:
    array: NDArray[np.int64] = np.asarray(times_ms)
    return array if unit == "ms" else array // _MS_PER_S


def _scattered(flat: Values, present: NDArray[np.bool_]) -> Values:
    """One value a row: `flat` where `present`, a placeholder elsewhere."""
    if isinstance(flat, np.ndarray):
        values = np.zeros(present.size, flat.dtype)
        values[present] = flat
        return values
    if isinstance(flat[0], str):
        text = iter(flat)
        return [str(next(text)) if here else "" for here in present]
    raw = iter(flat)
    return [next(raw) if here else b"" for here in present]
