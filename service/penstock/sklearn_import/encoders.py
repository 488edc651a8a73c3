"""Steps that number categories: OneHotEncoder, OrdinalEncoder, TargetEncoder."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.sklearn_import.categories import MISSING_INT, Categories, is_missing, vocabulary
from penstock.sklearn_import.column import Column, Op, RefusedError, Step, Value, single


def one_hot_encoder(step: Step, columns: list[Column]) -> list[Column]:
    """A column for each category but the dropped one; the infrequent ones share the last."""
    encoder = step.transformer

    def one(index: int, column: Column) -> list[Column]:
        categories = Categories.of(encoder.categories_[index])
        plan = _OneHot.of(encoder, index, len(categories.values))
        if not plan.width:
            return []
        if column.is_id:
            return [_one_hot_of_ids(column, categories, plan)]
        column = categories.feature(column, unknown_allowed=plan.unknown != "error")
        return [column.then(*plan.ops(categories.values), width=plan.width)]

    return step.each(columns, one)


def ordinal_encoder(step: Step, columns: list[Column]) -> list[Column]:
    """The number that the encoder gives a category; those of unknown and missing values as it says."""
    encoder = step.transformer
    answers = _answers(encoder, known_only=encoder.handle_unknown == "error")

    def one(index: int, column: Column) -> list[Column]:
        return [_looked_up(encoder, index, column, numbers) for numbers in answers(index)]

    return step.each(columns, one)


def target_encoder(step: Step, columns: list[Column]) -> list[Column]:
    """The category's mean of the target, a column a class where there are several; the mean of all if unknown."""
    encoder = step.transformer
    answers = _answers(encoder, known_only=False)

    def one(index: int, column: Column) -> list[Column]:
        return [_looked_up(encoder, index, column, numbers) for numbers in answers(index)]

    return step.each(columns, one)


@dataclass(frozen=True, slots=True)
class _OneHot:
    """Which categories have a column, by their places: one each, then one for all that are infrequent."""

    dropped: tuple[int, ...]
    frequent: tuple[int, ...]
    infrequent: tuple[int, ...]
    # What an unknown value is: an error, all zeros, or infrequent.
    unknown: str

    @classmethod
    def of(cls, encoder: Any, index: int, size: int) -> _OneHot:
        groups = getattr(encoder, "infrequent_categories_", None)
        names = None if groups is None else groups[index]
        rare: frozenset[int] = frozenset()
        if names is not None:
            places = {_identity(name): place for place, name in enumerate(encoder.categories_[index])}
            rare = frozenset(places[_identity(name)] for name in names)
        drop = None if encoder.drop_idx_ is None else encoder.drop_idx_[index]
        # Of the infrequent ones all are dropped together.
        dropped = frozenset() if drop is None else rare if drop in rare else frozenset({int(drop)})
        rare -= dropped
        unknown = {"error": "error", "ignore": "zeros"}.get(encoder.handle_unknown, "infrequent")
        if unknown == "infrequent" and not rare:
            unknown = "zeros"
        frequent = (place for place in range(size) if place not in rare and place not in dropped)
        return cls(tuple(sorted(dropped)), tuple(frequent), tuple(sorted(rare)), unknown)

    @property
    def width(self) -> int:
        return len(self.frequent) + bool(self.infrequent)

    def ops(self, values: Sequence[Value]) -> list[Op]:
        """The vocabulary numbers dropped categories first, so that an offset makes their numbers negative.

        Infrequent ones come last, and a bucketize gives them one number. Where unknown values are
        infrequent, so is whatever the vocabulary leaves out.
        """
        joins = self.unknown == "infrequent" and bool(self.frequent or self.dropped)
        rare = () if joins else self.infrequent
        listed = [values[place] for place in (*self.dropped, *self.frequent, *rare)]
        ops = [vocabulary(listed, unknown_allowed=self.unknown != "error")]
        shift = len(self.dropped)
        first_rare = shift + len(self.frequent)
        if len(rare) > 1 or (rare and self.unknown == "infrequent"):
            edges = [*range(shift or 1, first_rare + 1)]
            edges += [first_rare + len(rare)] if self.unknown == "zeros" else []
            ops.append(Op("bucketize", {"boundaries": [float(edge) for edge in edges] or [math.inf]}))
            shift = min(shift, 1)
        ops += [Op("offset", {"add": -shift})] if shift else []
        outside = {"ignore_unknown": True} if self.dropped or self.unknown == "zeros" else {}
        return [*ops, Op("one_hot", {"size": self.width, **outside})]


def _one_hot_of_ids(column: Column, categories: Categories, plan: _OneHot) -> Column:
    if plan.dropped or plan.infrequent or categories.values != tuple(range(plan.width)):
        raise RefusedError(
            f"an earlier step numbers its categories; behind it only a one-hot of all of 0 to {plan.width - 1}, "
            "without drop and infrequent categories, can be carried"
        )
    outside = {"ignore_unknown": True} if plan.unknown == "zeros" else {}
    return single(column).then(Op("one_hot", {"size": plan.width, **outside}), width=plan.width, is_id=False)


def _looked_up(encoder: Any, index: int, column: Column, numbers: Sequence[float]) -> Column:
    """The vocabulary, and the number that stands for each place where it is not the place itself."""
    categories = Categories.of(encoder.categories_[index])
    unknown_allowed = len(numbers) > len(categories.values)
    column = categories.feature(column, unknown_allowed=unknown_allowed)
    column = column.then(vocabulary(categories.values, unknown_allowed=unknown_allowed), is_id=True)
    if list(numbers) == list(range(len(numbers))):
        return column
    return column.then(Op("table", {"values": list(numbers)}), is_id=False)


def _answers(encoder: Any, *, known_only: bool) -> Any:
    """Asks the encoder what it gives for its categories, and for an unknown value.

    Gives a function from a column's place to the numbers of each of its outputs: one a category, then
    that of unknown values unless `known_only`. To ask is exact for every version and setting.
    """
    categories = encoder.categories_
    longest = max(map(len, categories), default=0)
    grid = np.empty((longest + (not known_only), len(categories)), object)
    for place, values in enumerate(categories):
        grid[:, place] = values[0]
        grid[: len(values), place] = values
        if not known_only:
            grid[-1, place] = _unknown(values)
    with warnings.catch_warnings():
        # That the grid has no feature names is known.
        warnings.simplefilter("ignore")
        given: NDArray[np.float64] = np.asarray(encoder.transform(grid), np.float64)
    outputs = given.shape[1] // max(len(categories), 1)

    def of_column(index: int) -> list[list[float]]:
        rows = [*range(len(categories[index])), *([] if known_only else [longest])]
        first = index * outputs
        return [given[rows, first + output].tolist() for output in range(outputs)]

    return of_column


def _unknown(categories: NDArray[Any]) -> Value:
    """A value that is none of the categories, of their type."""
    if categories.dtype.kind not in "OUS":
        return MISSING_INT
    known = categories.tolist()
    return next(text for text in (f"<unknown {n}>" for n in count()) if text not in known)


def _identity(category: Any) -> Any:
    """Something that equals itself for NaN too."""
    return None if is_missing(category) else category
