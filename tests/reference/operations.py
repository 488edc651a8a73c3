"""The operations of docs/model-toml.md, each over all values of a column at once.

Numbers are float64, ids and integers int64, text a list of bytes; timestamps are int64 in the feature's unit.
"""

from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.reference.columns import Column, RefusedError, Values
from tests.reference.hashing import fingerprint64_many, hash_many
from tests.reference.model_toml import TOGETHER, Feature
from tests.reference.row_operations import together

DAY_S = 86_400
# 1970-01-01 was a Thursday, three days after a Monday.
EPOCH_WEEKDAY = 3
PER_SECOND = {"s": 1, "ms": 1000}
AGE_UNIT_S = {"s": 1, "h": 3600, "d": DAY_S}


def apply(feature: Feature, column: Column, until: dict[str, tuple[Feature, Column]]) -> Values:
    """The column's values after the feature's operations; a bool starts as the number 0 or 1.

    [values], or [rows, columns] behind an operation that takes the values of a row together.
    """
    values: Values = column.values
    if feature.type == "bool":
        values = np.asarray(values, np.float64)
    for operation in feature.ops:
        arguments = operation.arguments
        if operation.name in NUMERIC:
            values = NUMERIC[operation.name](np.asarray(values, np.float64), arguments)
        elif operation.name in CALENDAR:
            time = np.asarray(values, np.int64)
            values = CALENDAR[operation.name](time, PER_SECOND[feature.unit], arguments)
        elif operation.name in TOGETHER:
            values = together(feature, operation, values, column.lengths)
        elif operation.name == "age":
            values = _age(feature, np.asarray(values, np.int64), until[arguments["until"]], arguments)
        else:
            values = CATEGORICAL[operation.name](feature, values, arguments)
    return values


F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


def _clip(x: F64, arguments: dict[str, Any]) -> F64:
    if "min" in arguments:
        x = np.maximum(x, float(arguments["min"]))
    if "max" in arguments:
        x = np.minimum(x, float(arguments["max"]))
    return x


def _bucketize(x: F64, arguments: dict[str, Any]) -> I64:
    # searchsorted sorts NaN behind every number, which is the last bucket.
    return np.searchsorted(np.array(arguments["boundaries"], np.float64), x, side="right").astype(np.int64)


def _power(x: F64, arguments: dict[str, Any]) -> F64:
    # An array of exponents: for a scalar one numpy takes square roots and squares, which are not pow.
    exponent = np.full(x.shape, float(arguments["exponent"]))
    if arguments.get("signed", False):
        return np.copysign(np.power(np.abs(x), exponent), x)
    return np.power(x, exponent)


# scikit-learn's BOUNDS_THRESHOLD.
EDGE = 1e-7


def _quantile(x: F64, arguments: dict[str, Any]) -> F64:
    """QuantileTransformer's transform, as its documentation and paper describe it."""
    quantiles = np.array(arguments["quantiles"], np.float64)
    shares = np.linspace(0, 1, len(quantiles))
    upward = np.interp(x, quantiles, shares)
    downward = -np.interp(-x, -quantiles[::-1], -shares[::-1])
    share = (upward + downward) * 0.5
    normal = arguments.get("output", "uniform") == "normal"
    share = np.where(x + EDGE > quantiles[-1] if normal else x == quantiles[-1], 1.0, share)
    share = np.where(x - EDGE < quantiles[0] if normal else x == quantiles[0], 0.0, share)
    share = np.where(np.isnan(x), x, share)
    return np.vectorize(_deviate, otypes=[np.float64])(share) if normal else share


def _deviate(share: float) -> float:
    least = EDGE - np.spacing(1)
    if np.isnan(share):
        return share
    return NormalDist().inv_cdf(float(np.clip(share, least, 1 - least)))


NUMERIC = {
    "power": _power,
    "quantile": _quantile,
    "clip": _clip,
    "log1p": lambda x, _: np.log1p(x),
    "signed_log": lambda x, _: np.sign(x) * np.log1p(np.abs(x)),
    "scale": lambda x, a: x * float(a.get("mul", 1.0)) + float(a.get("add", 0.0)),
    "standardize": lambda x, a: (x - float(a["mean"])) / float(a["std"]),
    "min_max": lambda x, a: (x - float(a["min"])) / (float(a["max"]) - float(a["min"])),
    "bucketize": _bucketize,
}


def _vocab(feature: Feature, values: Values, arguments: dict[str, Any]) -> I64:
    places = arguments["places"]
    keys = values.tolist() if isinstance(values, np.ndarray) else values
    ids = np.array([places.get(key, -1) for key in keys], np.int64)
    unknown = np.flatnonzero(ids < 0)
    if unknown.size:
        if arguments["oov_buckets"] == 0:
            raise RefusedError(feature.name, f"{keys[unknown[0]]!r} is not in the vocabulary")
        if isinstance(values, np.ndarray):
            hashes = _hashes_of_ints("farmhash64", 0, values[unknown], arguments["ints"])
        else:
            hashes = fingerprint64_many([values[at] for at in unknown])
        ids[unknown] = len(places) + (hashes % np.uint64(arguments["oov_buckets"])).astype(np.int64)
    return ids


def _hash(_: Feature, values: Values, arguments: dict[str, Any]) -> I64:
    function, seed = arguments.get("function", "farmhash64"), arguments.get("seed", 0)
    if isinstance(values, np.ndarray):
        hashes = _hashes_of_ints(function, seed, values, arguments.get("ints", "bytes"))
    else:
        hashes = hash_many(function, seed, values)
    return (hashes % np.uint64(arguments["buckets"])).astype(np.int64)


def _hashes_of_ints(function: str, seed: int, values: I64, ints: str) -> NDArray[np.uint64]:
    keys = [str(value).encode() for value in values.tolist()] if ints == "text" else values
    return hash_many(function, seed, keys)


def _identity(feature: Feature, values: Values, arguments: dict[str, Any]) -> I64:
    ids = np.asarray(values, np.int64)
    outside = (ids < 0) | (ids >= arguments["size"])
    if "default" in arguments:
        return np.where(outside, arguments["default"], ids)
    if arguments.get("outside", "error") == "clip":
        return np.clip(ids, 0, arguments["size"] - 1)
    if outside.any():
        raise RefusedError(feature.name, f"not in 0 … {arguments['size'] - 1}")
    return ids


def _offset(_: Feature, values: Values, arguments: dict[str, Any]) -> I64:
    return np.asarray(values, np.int64) + arguments["add"]


def _cast(feature: Feature, values: Values, arguments: dict[str, Any]) -> I64 | F64:
    if arguments["to"] == "float":
        return np.asarray(values, np.float64)
    numbers = np.asarray(values)
    if numbers.dtype == np.float64:
        if not ((numbers >= -(2.0**63)) & (numbers < 2.0**63)).all():
            raise RefusedError(feature.name, "no 64-bit integer")
        numbers = np.trunc(numbers).astype(np.int64)
    return numbers


def _table(feature: Feature, values: Values, arguments: dict[str, Any]) -> F64:
    table = np.array(arguments["values"], np.float64)
    return table[_identity(feature, values, {"size": len(table)})]


CATEGORICAL = {
    "vocab": _vocab,
    "hash": _hash,
    "identity": _identity,
    "offset": _offset,
    "table": _table,
    "cast": _cast,
}


def _days(time: I64, per_second: int) -> NDArray[np.datetime64]:
    return (time // (DAY_S * per_second)).astype("datetime64[D]")


def _first_of(period: str, days: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    return days.astype(f"datetime64[{period}]").astype("datetime64[D]")


def _cycle(time: I64, per_second: int, arguments: dict[str, Any]) -> F64:
    day = DAY_S * per_second
    if arguments["period"] == "year":
        days = _days(time, per_second)
        start = _first_of("Y", days)
        following = (days.astype("datetime64[Y]") + 1).astype("datetime64[D]")
        elapsed = time - start.astype(np.int64) * day
        length: Any = (following - start).astype(np.int64) * day
    elif arguments["period"] == "week":
        elapsed, length = (time + EPOCH_WEEKDAY * day) % (7 * day), 7 * day
    else:
        elapsed, length = time % day, day
    angle = 2 * np.pi * (elapsed / length)
    return np.sin(angle) if arguments["part"] == "sin" else np.cos(angle)


CALENDAR = {
    "hour": lambda t, per, _: t // (3600 * per) % 24,
    "weekday": lambda t, per, _: (t // (DAY_S * per) + EPOCH_WEEKDAY) % 7,
    "day": lambda t, per, _: (_days(t, per) - _first_of("M", _days(t, per))).astype(np.int64) + 1,
    "month": lambda t, per, _: _days(t, per).astype("datetime64[M]").astype(np.int64) % 12 + 1,
    "cycle": _cycle,
}


def _age(feature: Feature, time: I64, until: tuple[Feature, Column], arguments: dict[str, Any]) -> F64:
    """Of scalars. Differences are exact in milliseconds and divided once."""
    other, column = until
    then = np.asarray(column.values, np.int64) * (1000 // PER_SECOND[other.unit])
    this = time * (1000 // PER_SECOND[feature.unit])
    return (then - this) / (AGE_UNIT_S[arguments["unit"]] * 1000)
