"""Operations of docs/feature-operations.md on the values of a row together, a row at a time in plain Python."""

from functools import reduce
from math import isnan, sqrt
from typing import Any

import mmh3
import numpy as np
from numpy.typing import NDArray

from tests.reference.columns import RefusedError, Values
from tests.reference.model_toml import Feature, Operation


def together(
    feature: Feature, operation: Operation, values: Values | NDArray[Any], lengths: NDArray[np.int64]
) -> NDArray[Any]:
    """[rows, columns]. values: [values], of which each row has `lengths`, or [rows, columns]."""
    function, arguments = OPERATIONS[operation.name], operation.arguments
    is_float = isinstance(values, np.ndarray) and values.dtype == np.float64
    rows = [function(feature, row, arguments, is_float) for row in _rows(feature, values, lengths)]
    dtype = np.int64 if all(isinstance(value, int) for row in rows for value in row) else np.float64
    return np.array(rows, dtype).reshape(len(rows), -1)


def _rows(feature: Feature, values: Values | NDArray[Any], lengths: NDArray[np.int64]) -> list[list[Any]]:
    if isinstance(values, np.ndarray) and values.ndim == 2:
        return values.tolist()
    flat = values.tolist() if isinstance(values, np.ndarray) else values
    ends = np.cumsum(lengths).tolist()
    rows = [flat[end - length : end] for end, length in zip(ends, lengths.tolist(), strict=True)]
    form = feature.form
    if form is None or form.kind != "together" or form.max is None:
        return rows
    return [row[-form.max :] if form.keep == "last" else row[: form.max] for row in rows]


def _sum(feature: Feature, row: list[Any], _: dict[str, Any], is_float: bool) -> list[Any]:
    total = reduce(lambda total, value: total + value, row, 0.0 if is_float else 0)
    if not is_float and not -(2**63) <= total < 2**63:
        raise RefusedError(feature.name, "a sum beyond 64 bits")
    return [total]


def _mean(_: Feature, row: list[Any], arguments: dict[str, Any], is_float: bool) -> list[float]:
    if not row:
        return [float(arguments.get("empty", 0.0))]
    return [reduce(lambda total, value: total + float(value), row, 0.0) / len(row)]


def _extreme(row: list[Any], arguments: dict[str, Any], is_float: bool, sign: int) -> list[Any]:
    if not row:
        empty = arguments.get("empty", 0.0)
        return [float(empty) if is_float else int(empty)]
    if any(isnan(value) for value in row):
        return [float("nan")]
    return [max(row, key=lambda value: sign * value)]


def _l2_normalize(_: Feature, row: list[Any], arguments: dict[str, Any], is_float: bool) -> list[float]:
    numbers = np.array(row, np.float64)
    norm = np.float64(sqrt(reduce(lambda total, square: total + square, (numbers * numbers).tolist(), 0.0)))
    divisor = np.maximum(norm, arguments.get("epsilon", 1e-12))
    return (numbers / (divisor or 1.0)).tolist()


def _one_hot(feature: Feature, row: list[Any], arguments: dict[str, Any], is_float: bool) -> list[int]:
    size, (id_,) = arguments["size"], row
    if not 0 <= id_ < size and not arguments.get("ignore_unknown", False):
        raise RefusedError(feature.name, f"{id_} is not in 0 … {size - 1}")
    return [int(column == id_) for column in range(size)]


def _feature_hasher(_: Feature, row: list[bytes], arguments: dict[str, Any], is_float: bool) -> list[int]:
    columns = [0] * arguments["columns"]
    for text in row:
        code = mmh3.hash(text, 0, signed=True)
        sign = -1 if code < 0 and arguments.get("alternate_sign", True) else 1
        columns[abs(code) % len(columns)] += sign
    return columns


OPERATIONS = {
    "sum": _sum,
    "mean": _mean,
    "max": lambda _, row, arguments, is_float: _extreme(row, arguments, is_float, 1),
    "min": lambda _, row, arguments, is_float: _extreme(row, arguments, is_float, -1),
    "length": lambda _feature, row, _arguments, _is_float: [len(row)],
    "l2_normalize": _l2_normalize,
    "one_hot": _one_hot,
    "feature_hasher": _feature_hasher,
}
