"""Training data in any form → the extension's Table, without a copy where memory allows.

| rows | read |
| --- | --- |
| pyarrow Table and RecordBatch, polars frames, whatever else offers Arrow's PyCapsule interface | in place |
| pandas: columns of numpy numbers, Arrow-backed columns | in place |
| pandas: other columns; a list of dicts, a dict of columns | converted as `penstock.rows` says |
| serialized tf.Example records: a list or an iterator of bytes | in place |

Arrow nulls are missing values, as are pandas' NaN, NA and NaT. Libraries are known by their methods and never imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from penstock._fastpath import Table
from penstock.feature_column import FeatureColumn, RowsError, TimeUnit
from penstock.predict_request import ExampleRecords, request_rows
from penstock.rows import Rows, column_of_series, whole_numbers


class ArrowTable(Protocol):
    """Rows in Arrow memory: the Arrow PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...


TrainingRows: TypeAlias = Rows | ArrowTable | Sequence[bytes] | Iterator[bytes]


def table_of(rows: TrainingRows, kinds: Mapping[str, str]) -> Table:
    """The rows as the extension reads them; `kinds` are the model's `feature_kinds`. Raises RowsError.

    Numbers are not copied: leave the rows unwritten while they are being read.
    """
    table = _table_of(rows, kinds)
    if table.rows == 0:
        raise RowsError("there are no rows")
    return table


def _table_of(rows: Any, kinds: Mapping[str, str]) -> Table:
    if hasattr(rows, "isna") and hasattr(rows, "columns"):  # pandas; before Arrow, for which it needs pyarrow
        return _of_frame(rows, kinds)
    if hasattr(rows, "get_columns"):  # polars
        return _of_polars(rows)
    if hasattr(rows, "__arrow_c_stream__") or hasattr(rows, "__arrow_c_array__"):
        return Table.of_arrow(rows)
    taken = request_rows(list(rows) if isinstance(rows, Iterator) else rows)
    if isinstance(taken, ExampleRecords):
        return Table.of_records(taken.records)
    table = Table(taken.rows)
    for column in taken.columns:
        _add_column(table, column, kinds)
    return table


def _of_polars(frame: Any) -> Table:
    # A column of nothing but null says nothing, and polars exports it in a form of its own.
    names = [series.name for series in frame.get_columns() if str(series.dtype) != "Null"]
    return Table.of_arrow(frame.select(names)) if names else Table(len(frame))


def _of_frame(frame: Any, kinds: Mapping[str, str]) -> Table:
    table = Table(len(frame))
    for name in frame.columns:
        if not isinstance(name, str):
            raise RowsError(f"a feature's name is a str, not {name!r}")
        series = frame[name]
        if series.ndim != 1:
            raise RowsError("several columns have this name", feature=name)
        if hasattr(series.dtype, "pyarrow_dtype") or getattr(series.dtype, "storage", None) == "pyarrow":
            arrow = series.array.__arrow_array__()
            table.add_arrow(name, getattr(arrow, "chunks", [arrow]))
        elif isinstance(series.dtype, np.dtype) and series.dtype.kind in "biuf":
            _add_numbers(table, name, series.to_numpy(), kinds.get(name, ""))
        else:
            column = column_of_series(name, series)
            if column is not None:
                _add_column(table, column, kinds)
    return table


def _add_numbers(table: Table, name: str, values: NDArray[Any], kind: str) -> None:
    """A pandas column, whose NaN are gaps; integers to which gaps gave floats are integers again where that matters."""
    present = None
    if values.dtype.kind == "f":
        missing = np.isnan(values)
        if missing.all():
            return
        if missing.any():
            present = ~missing
            if not kind.startswith("float"):
                values = whole_numbers(np.where(missing, 0, values))
    _add_array(table, name, values, None, None if present is None else _bits(present))


def _add_column(table: Table, column: FeatureColumn, kinds: Mapping[str, str]) -> None:
    unit: TimeUnit = "ms" if kinds.get(column.name, "").startswith("timestamp_ms") else "s"
    name, kind, values, lengths, validity = column.wire(unit)
    if kind == "none":
        table.add_array(name, "none", np.empty(0, np.uint8), row_lengths=lengths, validity=validity)
    elif isinstance(values, np.ndarray):
        _add_array(table, name, values, lengths, validity)
    else:
        table.add_texts(name, values, row_lengths=lengths, validity=validity)


def _add_array(
    table: Table,
    name: str,
    values: NDArray[Any],
    row_lengths: NDArray[np.uint32] | None,
    validity: bytes | None,
) -> None:
    dtype = np.dtype(np.float64) if values.dtype.itemsize > 8 else values.dtype.newbyteorder("=")
    flat = np.ascontiguousarray(values, dtype)
    table.add_array(name, dtype.name, flat.view(np.uint8), row_lengths=row_lengths, validity=validity)


def _bits(present: NDArray[np.bool_]) -> bytes:
    return np.packbits(present, bitorder="little").tobytes()
