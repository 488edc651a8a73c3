"""Steps made of steps, steps that choose columns, and which step is read by what."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from penstock.sklearn_import import encoders, hashing, missing, numeric
from penstock.sklearn_import.column import Column, Op, RefusedError, Step, number

_Converter: TypeAlias = Callable[[Step, list[Column]], list[Column]]

# Why what people may expect to be carried is not.
_REASONS = {
    "Normalizer": "it scales the row, all columns together; send them as one fixed list with l2_normalize",
    "PowerTransformer": "no operation raises to a fitted power with its offset; QuantileTransformer is carried",
    "PolynomialFeatures": "a feature spec has no products of columns",
    "SplineTransformer": "a feature spec has no splines",
    "KNNImputer": "it looks at the training data's rows; SimpleImputer is carried",
    "IterativeImputer": "it runs a model on other columns; SimpleImputer is carried",
}
_IDENTITY = {None, "passthrough"}


def convert(step: Step, columns: list[Column]) -> list[Column]:
    """What a step makes of columns. What cannot be carried is noted, and its columns come back refused."""
    transformer = step.transformer
    if isinstance(transformer, str | None):
        return columns if transformer in _IDENTITY else []
    name = type(transformer).__name__
    converter = _CONVERTERS.get(name)
    if not type(transformer).__module__.startswith("sklearn."):
        step.refuse("it is no class of scikit-learn's, so that what it computes is not known")
    elif converter is None and hasattr(transformer, "get_support"):
        converter = _selector
    elif converter is None:
        step.refuse(_reason(name, transformer))
    if converter is None:
        return [replace(column, refused=True) for column in columns]
    try:
        return converter(step, _checked(step, columns))
    except AttributeError as error:
        # scikit-learn's NotFittedError is one too, without an object.
        if error.obj is not transformer and type(error).__name__ != "NotFittedError":
            raise
        step.refuse("it is not fitted; import what fit has returned")
    except RefusedError as error:
        step.refuse(str(error))
    return [replace(column, refused=True) for column in columns]


def _reason(name: str, transformer: Any) -> str:
    if hasattr(transformer, "predict"):
        return "it is a model, not preprocessing; import the pipeline without it, as in pipeline[:-1]"
    return _REASONS.get(name, "a feature spec has no operation for it")


def _checked(step: Step, columns: list[Column]) -> list[Column]:
    fitted = getattr(step.transformer, "n_features_in_", None)
    width = sum(column.width for column in columns)
    if fitted not in {None, width} and not any(column.refused for column in columns):
        raise RefusedError(f"it was fitted on {fitted} columns, but gets {width}")
    return columns


def _pipeline(step: Step, columns: list[Column]) -> list[Column]:
    for name, transformer in step.transformer.steps:
        columns = convert(step.within(name, transformer), columns)
    return columns


def _column_transformer(step: Step, columns: list[Column]) -> list[Column]:
    names = getattr(step.transformer, "feature_names_in_", None)
    weights = step.transformer.transformer_weights or {}
    out: list[Column] = []
    for name, transformer, chosen in step.transformer.transformers_:
        inner = step.within(name, transformer)
        places = _places(chosen, names, step.transformer.n_features_in_)
        if not places:
            continue
        try:
            taken = _take(columns, places)
        except RefusedError as error:
            inner.refuse(str(error))
            taken = [replace(column, refused=True) for column in columns]
        if isinstance(chosen, str | int | np.integer):
            taken = [replace(column, is_series=True) for column in taken]
        out += _weighted(inner, convert(inner, taken), weights.get(name))
    return out


def _feature_union(step: Step, columns: list[Column]) -> list[Column]:
    weights = step.transformer.transformer_weights or {}
    out: list[Column] = []
    for name, transformer in step.transformer.transformer_list:
        inner = step.within(name, transformer)
        out += _weighted(inner, convert(inner, columns), weights.get(name))
    return out


def _selector(step: Step, columns: list[Column]) -> list[Column]:
    return _take(columns, step.transformer.get_support(indices=True).tolist())


def _weighted(step: Step, columns: list[Column], weight: float | None) -> list[Column]:
    if weight is None:
        return columns
    # To add −0 changes nothing, not even the sign of a zero.
    scale = Op("scale", {"mul": float(weight), "add": -0.0})
    return step.each(
        columns, lambda _, column: [(column if column.width > 1 else number(column)).then(scale, is_id=False)]
    )


def _places(chosen: Any, names: Sequence[str] | None, width: int) -> list[int]:
    """The places of a ColumnTransformer's columns, however they were given."""
    if isinstance(chosen, slice):
        if isinstance(chosen.start, str) or isinstance(chosen.stop, str):
            labels = list(names if names is not None else ())
            start = None if chosen.start is None else labels.index(chosen.start)
            stop = None if chosen.stop is None else labels.index(chosen.stop) + 1
            chosen = slice(start, stop, chosen.step)
        return [*range(width)[chosen]]
    with warnings.catch_warnings():
        # scikit-learn 1.6 announces another form of the remainder's columns to whoever looks at them.
        warnings.simplefilter("ignore", FutureWarning)
        keys = [chosen] if isinstance(chosen, str | int | np.integer) else list(chosen)
    if keys and all(isinstance(key, bool | np.bool_) for key in keys):
        return [place for place, key in enumerate(keys) if key]
    labels = list(names if names is not None else ())
    return [labels.index(key) if isinstance(key, str) else range(width)[int(key)] for key in keys]


def _take(columns: list[Column], places: Sequence[int]) -> list[Column]:
    """The columns at the places. Of what an earlier step widened, all columns or none must be taken."""
    if any(column.refused for column in columns):
        return [replace(column, refused=True) for column in columns]
    owners = [index for index, column in enumerate(columns) for _ in range(column.width)]
    starts = np.cumsum([0, *(column.width for column in columns)])
    taken: list[Column] = []
    at = 0
    while at < len(places):
        column = columns[owners[places[at]]]
        whole = [*range(starts[owners[places[at]]], starts[owners[places[at]]] + column.width)]
        if list(places[at : at + column.width]) != whole:
            raise RefusedError(
                f"it takes some of the {column.width} columns that an earlier step made of {column.source!r}"
            )
        taken.append(column)
        at += column.width
    return taken


_CONVERTERS: dict[str, _Converter] = {
    "Binarizer": numeric.elementwise(numeric.binarizer, nan="error"),
    "ColumnTransformer": _column_transformer,
    "FeatureHasher": hashing.feature_hasher,
    "FeatureUnion": _feature_union,
    "FunctionTransformer": numeric.function_transformer,
    "KBinsDiscretizer": numeric.k_bins_discretizer,
    "MaxAbsScaler": numeric.elementwise(numeric.max_abs_scaler),
    "MinMaxScaler": numeric.elementwise(numeric.min_max_scaler),
    "MissingIndicator": missing.missing_indicator,
    "OneHotEncoder": encoders.one_hot_encoder,
    "OrdinalEncoder": encoders.ordinal_encoder,
    "Pipeline": _pipeline,
    "QuantileTransformer": numeric.elementwise(numeric.quantile_transformer),
    "RobustScaler": numeric.elementwise(numeric.robust_scaler),
    "SimpleImputer": missing.simple_imputer,
    "StandardScaler": numeric.elementwise(numeric.standard_scaler),
    "TargetEncoder": encoders.target_encoder,
}
