"""What a caller has in hand → the columns of a PredictRequest.

Taken are a list of dicts (one a row), a dict of columns (lists, numpy arrays, anything with
`__array__`), and data frames (pandas, polars, pyarrow), which are known by their methods and never
imported.

| in the rows | on the wire |
| --- | --- |
| an absent key, None, pandas' NA and NaT, numpy's NaT, a masked array's masked cells | missing |
| what a data frame calls missing: in pandas NaN too, in polars and pyarrow null alone | missing |
| NaN in dicts and arrays | the float NaN |
| bool, int | ints |
| float; a column of ints and floats | doubles; floats where all are 32 or 16 bits wide |
| a pandas float column of whole numbers and gaps (ints to which pandas gave NaN) | ints; float features take them |
| str; bytes | strings; bytes |
| datetime, date, datetime64, pandas' Timestamp | ints: time since 1970 UTC, rounded down; UTC without a zone |
| a list, a tuple, an array; a row of a two-dimensional array | a list-valued feature |

`FeatureSpec.transform` gives datetimes the `unit` of their feature. A client does not know it:
there datetimes go as seconds, the default; to a feature with `unit = "ms"` send integers.

A column has one kind for all rows of a call. A feature that no row has is not sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from penstock.feature_column import FeatureColumn, RowsError, column_of_cells, column_of_present

__all__ = ["DataFrame", "RowTable", "Rows", "RowsError", "column_of_series", "table_of_rows", "whole_numbers"]

# Above it, a float64 may stand for several integers.
_MAX_EXACT_INT = 2**53


class DataFrame(Protocol):
    """What pandas and polars frames have in common."""

    @property
    def columns(self) -> Any:
        """The names of the columns, in order."""

    def __getitem__(self, name: Any, /) -> Any: ...
    def __len__(self) -> int: ...


Rows: TypeAlias = Sequence[Mapping[str, object]] | Mapping[str, Any] | DataFrame


@dataclass(frozen=True, slots=True, eq=False)
class RowTable:
    """Rows by feature: `rows` of them, at least one."""

    rows: int
    columns: tuple[FeatureColumn, ...]

    def slice(self, start: int, stop: int) -> RowTable:
        """Rows `start` to `stop`, `stop` excluded; arrays are views."""
        stop = min(stop, self.rows)
        return RowTable(stop - start, tuple(column.slice(start, stop) for column in self.columns))


def table_of_rows(rows: Rows) -> RowTable:
    """Reads any of the forms above. Raises RowsError, naming row and feature.

    Numeric arrays that are contiguous and of a wire kind's dtype are not copied.
    """
    if isinstance(rows, Mapping):
        table = _of_columns(rows)
    elif hasattr(rows, "to_pydict"):  # pyarrow
        table = _of_columns(rows.to_pydict())
    elif hasattr(rows, "columns") and hasattr(rows, "__getitem__"):
        table = _of_frame(rows)
    elif isinstance(rows, str | bytes) or not isinstance(rows, Iterable):
        raise RowsError(
            f"rows are a list of dicts, a dict of columns or a data frame, not {type(rows).__name__}"
        )
    else:
        table = _of_dicts(list(rows))
    if table.rows == 0:
        raise RowsError("there are no rows")
    return table


def _of_dicts(rows: Sequence[Any]) -> RowTable:
    if not all(issubclass(kind, Mapping) for kind in set(map(type, rows))):
        row = next(i for i, cells in enumerate(rows) if not isinstance(cells, Mapping))
        raise RowsError(f"a row is a dict of features, not {type(rows[row]).__name__}", row=row)
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    return _table(
        len(rows), (column_of_cells(_name(name), [row.get(name) for row in rows]) for name in names)
    )


def _of_columns(columns: Mapping[str, Any]) -> RowTable:
    taken: dict[str, list[object] | NDArray[Any]] = {}
    for name, values in columns.items():
        if isinstance(values, list | tuple):
            taken[_name(name)] = list(values)
            continue
        if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__array__"):
            raise RowsError(f"a column is a list or an array, not {type(values).__name__}", feature=name)
        array = values if isinstance(values, np.ndarray) else np.asarray(values)
        if array.ndim not in (1, 2):
            problem = f"a column has shape [rows], or [rows, L] for lists, not {list(array.shape)}"
            raise RowsError(problem, feature=name)
        taken[_name(name)] = array
    lengths = {name: len(values) for name, values in taken.items()}
    for name, length in lengths.items():
        first = next(iter(lengths))
        if length != lengths[first]:
            raise RowsError(f"has {length} rows, but {first!r} has {lengths[first]}", feature=name)
    rows = next(iter(lengths.values()), 0)
    return _table(rows, (_of_values(name, values) for name, values in taken.items()))


def _of_values(name: str, values: list[object] | NDArray[Any]) -> FeatureColumn | None:
    if not isinstance(values, np.ndarray):
        return column_of_cells(name, values)
    if isinstance(values, np.ma.MaskedArray):
        present = ~np.ma.getmaskarray(values)
        if values.ndim != 1:
            raise RowsError("masked cells inside lists cannot be sent; use lists without them", feature=name)
        return column_of_present(name, values.data[present], present)
    if values.dtype.kind == "O":
        return column_of_cells(name, list(values))
    present = np.ones(len(values), np.bool_)
    if values.dtype.kind == "M" and values.ndim == 1:
        present = ~np.isnat(values)
    return column_of_present(name, values if present.all() else values[present], present)


def _of_frame(frame: Any) -> RowTable:
    return _table(len(frame), (column_of_series(_name(name), frame[name]) for name in frame.columns))


def column_of_series(name: str, series: Any) -> FeatureColumn | None:
    """One column of a pandas or polars frame; None where no row has a value. Raises RowsError."""
    if getattr(series, "ndim", 1) != 1:
        raise RowsError("several columns have this name", feature=name)
    if hasattr(series, "isna"):  # pandas
        present = ~np.asarray(series.isna(), np.bool_)
        gaps = not present.all()
        # Only the values that are there: pandas would turn an Int64 with NA into floats.
        sent = (series.dropna() if gaps else series).to_numpy()
        return column_of_present(name, whole_numbers(sent) if gaps else sent, present)
    if hasattr(series, "is_null"):  # polars
        present = ~np.asarray(series.is_null(), np.bool_)
        sent = series.drop_nulls().to_numpy()
        return column_of_present(name, sent, present)
    raise RowsError(f"a column of type {type(series).__name__} is not known", feature=name)


def whole_numbers(values: NDArray[Any]) -> NDArray[Any]:
    """Integers where a float column with gaps holds nothing else."""
    if values.dtype.kind != "f" or (np.abs(values) > _MAX_EXACT_INT).any():
        return values
    if (values != np.trunc(values)).any() or (np.signbit(values) & (values == 0)).any():
        return values
    return values.astype(np.int64)


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise RowsError(f"a feature's name is a str, not {name!r}")
    return name


def _table(rows: int, columns: Iterable[FeatureColumn | None]) -> RowTable:
    return RowTable(rows, tuple(column for column in columns if column is not None))
