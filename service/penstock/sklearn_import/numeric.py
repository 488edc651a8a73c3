"""Steps that compute each column by itself: scalers, bins, quantiles, functions.

Where the formula is the same as the operation's, so are the bits in 64-bit floats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np

from penstock.sklearn_import.column import Column, Op, RefusedError, Step, number

# From a fitted transformer and a column's place to the operations that it is.
_OpsOf: TypeAlias = Callable[[Any, int], Sequence[Op]]


def elementwise(
    ops_of: _OpsOf, nan: Literal["pass", "error"] = "pass"
) -> Callable[[Step, list[Column]], list[Column]]:
    """The converter of a transformer that gives one number a column; `nan`: what it does with NaN."""

    def convert(step: Step, columns: list[Column]) -> list[Column]:
        def one(index: int, column: Column) -> list[Column]:
            return [number(column, nan).then(*ops_of(step.transformer, index), is_id=False)]

        return step.each(columns, one)

    return convert


def standard_scaler(scaler: Any, index: int) -> Sequence[Op]:
    """(x − mean) / scale."""
    mean = scaler.mean_[index] if scaler.with_mean else 0.0
    return _standardize(mean, scaler.scale_[index] if scaler.with_std else 1.0)


def robust_scaler(scaler: Any, index: int) -> Sequence[Op]:
    """(x − center) / scale."""
    center = scaler.center_[index] if scaler.with_centering else 0.0
    return _standardize(center, scaler.scale_[index] if scaler.with_scaling else 1.0)


def max_abs_scaler(scaler: Any, index: int) -> Sequence[Op]:
    """Divides by the scale; clipped where asked for."""
    ops = _standardize(0.0, scaler.scale_[index])
    return [*ops, Op("clip", {"min": -1.0, "max": 1.0})] if getattr(scaler, "clip", False) else ops


def min_max_scaler(scaler: Any, index: int) -> Sequence[Op]:
    """Multiplies by the scale and adds the minimum; clipped where asked for."""
    scale = Op("scale", {"mul": _finite(scaler.scale_[index]), "add": _finite(scaler.min_[index])})
    low, high = scaler.feature_range
    return [scale, Op("clip", {"min": float(low), "max": float(high)})] if scaler.clip else [scale]


def binarizer(transformer: Any, _index: int) -> Sequence[Op]:
    """Whether x is above the threshold: at least the float that follows it."""
    above = math.nextafter(_finite(transformer.threshold), math.inf)
    return [Op("bucketize", {"boundaries": [above]})]


def quantile_transformer(transformer: Any, index: int) -> Sequence[Op]:
    """Piecewise linear between the quantiles, by the same formula."""
    quantiles = [_finite(value) for value in transformer.quantiles_[:, index]]
    return [Op("quantile", {"quantiles": quantiles, "output": transformer.output_distribution})]


def function_transformer(step: Step, columns: list[Column]) -> list[Column]:
    """No function at all, or one of numpy's that is an operation."""
    if step.transformer.func is None:
        return columns
    ops = _function(step.transformer.func, step.transformer.kw_args or {})
    return step.each(columns, lambda _, column: [number(column).then(*ops, is_id=False)])


def k_bins_discretizer(step: Step, columns: list[Column]) -> list[Column]:
    """The bin's number, or a one-hot of it; values outside go into the first or last bin."""

    def one(index: int, column: Column) -> list[Column]:
        # A feature that was constant in training has no inner edge: below infinity, all go into bin 0.
        edges = [float(edge) for edge in step.transformer.bin_edges_[index][1:-1]] or [math.inf]
        if any(low >= high for low, high in pairwise(edges)):
            raise RefusedError("its bin edges do not rise: two bins have one edge")
        binned = number(column, "error").then(Op("bucketize", {"boundaries": edges}), is_id=True)
        if step.transformer.encode == "ordinal":
            return [binned]
        bins = int(step.transformer.n_bins_[index])
        return [binned.then(Op("one_hot", {"size": bins}), width=bins)]

    return step.each(columns, one)


def _standardize(mean: Any, std: Any) -> Sequence[Op]:
    mean, std = _finite(mean), _finite(std)
    if std <= 0.0:
        raise RefusedError(f"its scale is {std}; the operation standardize needs one above 0")
    return [] if (mean, std) == (0.0, 1.0) else [Op("standardize", {"mean": mean, "std": std})]


def _finite(value: Any) -> float:
    finite = float(value)
    if not math.isfinite(finite):
        raise RefusedError(f"its fitted value is {finite}; training data had no number in the column")
    return finite


def _function(func: Any, kw_args: dict[str, Any]) -> Sequence[Op]:
    if func is np.clip and set(kw_args) <= {"a_min", "a_max", "min", "max"}:
        low = kw_args.get("a_min", kw_args.get("min"))
        high = kw_args.get("a_max", kw_args.get("max"))
        bounds = {"min": low, "max": high}
        return [Op("clip", {key: _finite(bound) for key, bound in bounds.items() if bound is not None})]
    known: dict[Any, Op] = {
        np.log1p: Op("log1p", {}),
        np.sqrt: Op("power", {"exponent": 0.5}),
        np.square: Op("power", {"exponent": 2.0}),
    }
    try:
        op = known.get(func)
    except TypeError:  # a callable that cannot be hashed
        op = None
    if op is None or kw_args:
        name = getattr(func, "__qualname__", None) or getattr(func, "__name__", None) or repr(func)
        taken = ", ".join(f"numpy.{function.__name__}" for function in known)
        raise RefusedError(
            f"the function {name}{' with kw_args' if kw_args else ''} is no operation; "
            f"carried are {taken} and numpy.clip with its bounds in kw_args"
        )
    return [op]
