"""The categories of a fitted encoder as a vocabulary of model.toml can hold them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from penstock.sklearn_import.column import Column, Kind, Op, RefusedError, Value, single

# What stands for a missing value where categories are text or integers: nothing that callers send by chance.
MISSING_TEXT = "<missing>"
MISSING_INT = -(2**63)
_MAX_INT = 2**63 - 1
# pandas' NA and NaT by name, since pandas is not imported.
_MISSING_TYPES = frozenset({"NoneType", "NAType", "NaTType"})


@dataclass(frozen=True, slots=True)
class Categories:
    """The categories of one column, in the encoder's order.

    `missing_place` is the place of what stands for missing values; None: training data had none.
    """

    kind: Kind
    values: tuple[Value, ...]
    missing_place: int | None

    @classmethod
    def of(cls, raw: Iterable[Any]) -> Categories:
        """Raises RefusedError where a vocabulary cannot hold them."""
        cells = [cell.item() if hasattr(cell, "item") else cell for cell in raw]
        missing = [place for place, cell in enumerate(cells) if is_missing(cell)]
        if len(missing) > 1:
            raise RefusedError("None and NaN are two of its categories; a feature knows one kind of missing")
        known = {place: _value(cell) for place, cell in enumerate(cells) if place not in missing}
        kinds = {type(value) for value in known.values()}
        if not kinds:
            raise RefusedError("training data had no value of it, which leaves its type unknown")
        if len(kinds) > 1:
            raise RefusedError("its categories are text and numbers; a feature has one type")
        kind: Kind = "int" if kinds == {int} else "string"
        stand_in = MISSING_INT if kind == "int" else MISSING_TEXT
        if stand_in in known.values():
            raise RefusedError(
                f"one of its categories is {stand_in!r}, which here stands for a missing value"
            )
        values = tuple(known.get(place, stand_in) for place in range(len(cells)))
        return cls(kind, values, missing[0] if missing else None)

    def feature(self, column: Column, *, unknown_allowed: bool) -> Column:
        """The column as a feature of these categories, with what stands in for a missing value.

        An encoder that takes unknown values takes missing ones as such, unless they are a category.
        """
        if single(column).ops:
            raise RefusedError("an encoder of categories can only be the first step that computes")
        if column.kind not in {None, self.kind}:
            raise RefusedError(
                f"its categories are of type {self.kind}, but an earlier step takes {column.kind}"
            )
        missing = column.missing
        if missing is not None:
            missing = as_kind(missing, self.kind)
            if not unknown_allowed and missing not in self.values:
                missing = None
        elif unknown_allowed or self.missing_place is not None:
            missing = MISSING_INT if self.kind == "int" else MISSING_TEXT
        return replace(column, kind=self.kind, missing=missing)


def vocabulary(values: Sequence[Value], *, unknown_allowed: bool) -> Op:
    """Numbers the values from 0; an unknown one is an error, or gets the number behind the last."""
    return Op("vocab", {"values": values, "oov_buckets": int(unknown_allowed)})


def is_missing(value: Any) -> bool:
    """Whether scikit-learn and data frames take the value for a missing one."""
    return type(value).__name__ in _MISSING_TYPES or (
        isinstance(value, float | np.floating) and bool(np.isnan(value))
    )


def as_kind(value: Value, kind: Kind) -> Value:
    """The value in the form in which a feature of the kind has it."""
    match kind, value:
        case "string", str():
            return value
        case "float", int() | float():
            return float(value)
        case "int", int() | float() if float(value).is_integer() and abs(int(value)) <= -MISSING_INT:
            return int(value)
    raise RefusedError(f"a missing value becomes {value!r}, which is no {kind}, as its categories are")


def _value(cell: Any) -> Value:
    if isinstance(cell, str):
        try:
            cell.encode()
        except UnicodeEncodeError:
            raise RefusedError(f"its category {cell!r} is not valid Unicode") from None
        return cell
    if isinstance(cell, float) and not cell.is_integer():
        raise RefusedError(f"its category {cell!r} is no whole number; a vocabulary holds text or integers")
    if not isinstance(cell, int | float):
        raise RefusedError(
            f"its category {cell!r} is of type {type(cell).__name__}; a vocabulary holds text or integers"
        )
    if not MISSING_INT <= int(cell) <= _MAX_INT:
        raise RefusedError(f"its category {cell!r} does not fit a 64-bit integer")
    return int(cell)
