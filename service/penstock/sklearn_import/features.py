"""From columns behind all steps to the `[[feature]]` tables that they are.

One feature may feed several columns; only here is it known what callers send for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from penstock.sklearn_import.categories import MISSING_INT, MISSING_TEXT, as_kind, vocabulary
from penstock.sklearn_import.column import Column, Kind, Op, Problem, RefusedError, Value
from penstock.sklearn_import.missing import IS_MISSING

# As model.toml has it.
_MAX_NAME_BYTES = 128


@dataclass(frozen=True, slots=True)
class Feature:
    """One `[[feature]]`. `nan`: what `range` says of it; None: there is no range."""

    name: str
    kind: Kind
    is_list: bool
    missing: Value | None
    nan: str | None
    ops: tuple[Op, ...]
    width: int


def features_of(columns: Sequence[Column], problems: list[Problem]) -> list[Feature]:
    """A feature for each column, in order. Notes columns whose steps disagree on what callers send."""
    sent: dict[str, _Sent] = {}
    features = []
    for source in dict.fromkeys(column.source for column in columns):
        with _noted(source, problems):
            sent[source] = _Sent.of(source, [column for column in columns if column.source == source])
    for column in columns:
        if column.source in sent:
            with _noted(column.source, problems):
                features.append(_feature(column, sent[column.source]))
    return features


@contextmanager
def _noted(source: str, problems: list[Problem]) -> Iterator[None]:
    try:
        yield
    except RefusedError as error:
        problems.append(Problem("all steps together", source, str(error)))


@dataclass(frozen=True, slots=True)
class _Sent:
    """What callers send for a source: one thing, whatever number of features take it."""

    kind: Kind
    nan: str | None

    @classmethod
    def of(cls, source: str, columns: Sequence[Column]) -> _Sent:
        if not 1 <= len(source.encode()) <= _MAX_NAME_BYTES or any(not sign.isprintable() for sign in source):
            raise RefusedError(
                f"a feature's name has 1 to {_MAX_NAME_BYTES} bytes without control characters"
            )
        if len({column.is_list for column in columns}) > 1:
            raise RefusedError("one step takes it as a list, another as one value")
        kinds = {column.kind for column in columns if column.kind is not None}
        if "string" in kinds and kinds != {"string"}:
            raise RefusedError("one step takes it as text, another as numbers")
        if "string" in kinds:
            # Without an operation, text would have to be a number.
            if any(not column.ops for column in columns):
                raise RefusedError("a step passes it on as text, which no tensor holds")
            return cls("string", None)
        # Integers are numbers too; categories can be nothing else.
        return cls("int", None) if "int" in kinds else cls("float", _nan(columns))


def _nan(columns: Sequence[Column]) -> str | None:
    """NaN is refused where one step refuses it, and missing where one fills or looks for what is missing."""
    fills = [column.missing is not None or IS_MISSING in column.ops for column in columns]
    if any(column.nan == "error" and not filled for column, filled in zip(columns, fills, strict=True)):
        return "error"
    if any(fills):
        return "missing"
    return "pass" if any(column.nan == "pass" for column in columns) else None


def _feature(column: Column, sent: _Sent) -> Feature:
    missing, ops = column.missing, column.ops
    if IS_MISSING in ops:
        missing, *first = _is_missing(sent.kind)
        ops = tuple(op for known in ops for op in (first if known == IS_MISSING else [known]))
    elif missing is not None:
        missing = as_kind(missing, sent.kind)
    elif sent.nan == "missing":
        # Another step fills it; this one lets it pass.
        missing = math.nan
    if missing == "error":
        raise RefusedError("the text 'error' fills missing values, which model.toml reads as a refusal")
    return Feature(column.source, sent.kind, column.is_list, missing, sent.nan, ops, column.width)


def _is_missing(kind: Kind) -> tuple[Value, *tuple[Op, ...]]:
    """What stands in for a missing value, and what makes 1 of it and 0 of all that callers can send."""
    if kind == "float":
        # NaN goes into the last bucket.
        return math.nan, Op("bucketize", {"boundaries": [math.inf]})
    stand_in: Value = MISSING_INT if kind == "int" else MISSING_TEXT
    invert = Op("scale", {"mul": -1.0, "add": 1.0})
    return stand_in, vocabulary([stand_in], unknown_allowed=True), invert
