"""Steps about missing values: SimpleImputer and MissingIndicator.

What scikit-learn calls missing (NaN, None, pandas' NA) a feature calls missing too: absent from a
row, or NaN where the feature has `nan = "missing"`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from penstock.sklearn_import.categories import is_missing
from penstock.sklearn_import.column import Column, Op, RefusedError, Step, Value, single

# Whether the value is missing; `features` writes it out once it knows the feature's type.
IS_MISSING = Op("is_missing", {})


def simple_imputer(step: Step, columns: list[Column]) -> list[Column]:
    """The fitted statistic as the value that stands in; then the indicators that were asked for."""
    imputer = step.transformer
    if not _takes_missing(step, imputer.missing_values):
        return _refused(columns)

    def one(index: int, column: Column) -> list[Column]:
        statistic = imputer.statistics_[index]
        if is_missing(statistic):  # without any value in training, a column is left out
            return []
        return [_filled(single(column), _value(statistic))]

    filled = step.each(columns, one)
    if imputer.indicator_ is None:
        return filled
    places = imputer.indicator_.features_
    return filled + step.each([columns[place] for place in places], _indicator)


def missing_indicator(step: Step, columns: list[Column]) -> list[Column]:
    """1 where the value is missing, else 0."""
    if not _takes_missing(step, step.transformer.missing_values):
        return _refused(columns)
    places = step.transformer.features_
    return step.each([columns[place] for place in places], _indicator)


def _takes_missing(step: Step, missing_values: Any) -> bool:
    if is_missing(missing_values):
        return True
    step.refuse(
        f"missing_values = {missing_values!r}; only NaN, None and pandas' NA are missing in a feature"
    )
    return False


def _refused(columns: list[Column]) -> list[Column]:
    return [replace(column, refused=True) for column in columns]


def _filled(column: Column, value: Value) -> Column:
    if column.ops:
        raise RefusedError("it fills NaN behind a step that computes; put the imputer first")
    if column.missing is not None:
        return column
    if isinstance(value, str):
        if column.kind not in {None, "string"}:
            raise RefusedError(f"it fills with the text {value!r}, but the column holds numbers")
        return replace(column, kind="string", missing=value)
    return replace(column, missing=value)


def _indicator(_: int, column: Column) -> list[Column]:
    if single(column).ops or column.missing is not None:
        raise RefusedError("it looks for missing values behind a step that fills or computes")
    return [column.then(IS_MISSING, kind=None)]


def _value(statistic: Any) -> Value:
    value = statistic.item() if hasattr(statistic, "item") else statistic
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, str | int | float):
        raise RefusedError(f"it fills with {value!r} of type {type(value).__name__}, which no feature has")
    return value
