"""What an import works on: features on their way through the steps, and what cannot be carried.

No scikit-learn here: steps are read by `numeric`, `categories`, `missing` and `composites`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from penstock.errors import PenstockError

Kind: TypeAlias = Literal["float", "int", "string"]
Value: TypeAlias = float | int | str


@dataclass(frozen=True, slots=True)
class Op:
    """One operation of model.toml: its name and its keys."""

    name: str
    keys: Mapping[str, Value | Sequence[Value]]


@dataclass(frozen=True, slots=True)
class Column:
    """A feature after some steps: `width` neighbouring columns, 1 but behind a one-hot or a hash.

    `kind` is None where no step has told it. `missing` is what stands in where the value is
    missing, in the form in which callers send it; None: nothing does. `is_id`: a category's number.
    `nan`: whether a step lets NaN pass, or refuses it; both refuse infinities. None: no step looks.
    """

    source: str
    kind: Kind | None = None
    missing: Value | None = None
    ops: tuple[Op, ...] = ()
    width: int = 1
    is_id: bool = False
    nan: Literal["pass", "error"] | None = None
    # Chosen by its name alone, so that a step sees a list in each row.
    is_series: bool = False
    is_list: bool = False
    # A step before could not be carried, and has been reported.
    refused: bool = False

    def then(self, *ops: Op, **changes: Any) -> Column:
        """The column behind further operations."""
        return replace(self, ops=(*self.ops, *ops), **changes)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that cannot be carried: in which step, of which column (None: of all), and why."""

    step: str
    column: str | None
    reason: str

    def __str__(self) -> str:
        place = self.step if self.column is None else f"{self.step}, column {self.column!r}"
        return f"{place}: {self.reason}"


class SklearnImportError(PenstockError, ValueError):
    """A preprocessing that no feature spec equals; `problems` has all that cannot be carried."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        count = "1 thing" if len(problems) == 1 else f"{len(problems)} things"
        lines = [f"{count} of the preprocessing cannot be carried into a feature spec:"]
        super().__init__("\n".join([*lines, *(f"- {problem}" for problem in problems)]))
        self.problems = tuple(problems)


class RefusedError(Exception):
    """Raised where one column or step cannot be carried; `Step.guard` makes a Problem of it."""


@dataclass(frozen=True, slots=True)
class Step:
    """A fitted transformer, where it stands, and the list that collects what cannot be carried."""

    transformer: Any
    problems: list[Problem]
    path: tuple[str, ...] = ()

    def within(self, name: str, transformer: Any) -> Step:
        """The step `name` inside this one."""
        return Step(transformer, self.problems, (*self.path, name))

    @property
    def title(self) -> str:
        """Such as `num → scale (StandardScaler)`."""
        kind = self.transformer if isinstance(self.transformer, str) else type(self.transformer).__name__
        return f"{' → '.join(self.path)} ({kind})" if self.path else str(kind)

    def refuse(self, reason: str, column: Column | None = None) -> None:
        """Notes what cannot be carried."""
        self.problems.append(Problem(self.title, None if column is None else column.source, reason))

    @contextmanager
    def guard(self, column: Column | None = None) -> Iterator[None]:
        """Notes a RefusedError raised inside."""
        try:
            yield
        except RefusedError as error:
            self.refuse(str(error), column)

    def each(
        self, columns: Sequence[Column], convert: Callable[[int, Column], Sequence[Column]]
    ) -> list[Column]:
        """`convert` of every column and its place, end to end; a refused column stays as a refused one."""
        out: list[Column] = []
        for index, column in enumerate(columns):
            result: Sequence[Column] = [replace(column, refused=True)]
            if not column.refused:
                with self.guard(column):
                    result = convert(index, column)
            out.extend(result)
        return out


def single(column: Column) -> Column:
    """Refuses a column that is several behind an earlier step."""
    if column.width > 1 or column.is_list:
        raise RefusedError(
            f"an earlier step made {column.width} columns of it, on which operations end; "
            "only steps that take them unchanged can follow"
        )
    return column


def number(column: Column, nan: Literal["pass", "error"] | None = None) -> Column:
    """Refuses text and lists; a column of no kind yet becomes a float. `nan`: what the step does with it."""
    if single(column).kind == "string" and not column.ops:
        raise RefusedError("the step takes numbers, but the column holds text")
    nan = "error" if "error" in {nan, column.nan} else nan or column.nan
    # What `kind` says is what callers send; behind `ops` of no kind it is told when all steps are known.
    kind = column.kind if column.ops else column.kind or "float"
    return replace(column, kind=kind, nan=nan)
