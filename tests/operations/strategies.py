"""For every operation: feature tables that use it, with values for their rows."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

Sample = tuple[dict[str, Any], list[Any]]  # a feature's table and its values

any_float = st.floats()
finite = st.floats(-1e6, 1e6)
int64 = st.integers(-(2**63), 2**63 - 1)
# 0001 to 9999, in seconds.
moments = st.integers(-62_135_596_800, 253_402_300_799)


def _near(places: list[float]) -> st.SearchStrategy[float]:
    """Any float, and the places themselves with both their neighbours."""
    neighbours = [np.nextafter(place, end) for place in places for end in (-np.inf, np.inf)]
    return any_float | st.sampled_from([*places, *map(float, neighbours)])


@st.composite
def _numbers(draw: st.DrawFn, arguments: dict[str, st.SearchStrategy[Any]], name: str) -> Sample:
    drawn = {key: draw(strategy) for key, strategy in arguments.items()}
    places = [value for value in drawn.values() if isinstance(value, float)]
    places += [value for values in drawn.values() if isinstance(values, list) for value in values]
    values = draw(st.lists(_near([0.0, -0.0, *places]), min_size=1, max_size=20))
    return {"type": "float", "ops": [{name: drawn}]}, values


@st.composite
def _bounded(draw: st.DrawFn, name: str) -> Sample:
    low, high = sorted(draw(st.lists(finite, min_size=2, max_size=2, unique=True)))
    values = draw(st.lists(_near([low, high]), min_size=1, max_size=20))
    return {"type": "float", "ops": [{name: {"min": low, "max": high}}]}, values


def _rising(*, least: int, unique: bool) -> st.SearchStrategy[list[float]]:
    # Few distinct values, so that quantiles are equal; adding zero leaves no -0.0 beside a 0.0.
    places = st.integers(-3, 3).map(float) | finite
    return st.lists(places.map(lambda x: x + 0.0), min_size=least, max_size=9, unique=unique).map(sorted)


@st.composite
def _cast(draw: st.DrawFn) -> Sample:
    to = draw(st.sampled_from(["int", "float"]))
    if draw(st.booleans()):
        return {"type": "int", "ops": [{"cast": {"to": to}}]}, draw(st.lists(int64, min_size=1, max_size=20))
    inside = st.floats(-(2.0**63), np.nextafter(2.0**63, 0)) if to == "int" else any_float
    return {"type": "float", "ops": [{"cast": {"to": to}}]}, draw(st.lists(inside, min_size=1, max_size=20))


@st.composite
def _categories(draw: st.DrawFn, name: str, arguments: dict[str, st.SearchStrategy[Any]]) -> Sample:
    type_ = draw(st.sampled_from(["int", "string", "bytes"]))
    some = {"int": int64, "string": st.text(max_size=80), "bytes": st.binary(max_size=80)}[type_]
    values = draw(st.lists(some, min_size=1, max_size=20))
    drawn = {key: draw(strategy) for key, strategy in arguments.items()}
    if name == "vocab":
        words = [draw(int64)] if type_ == "int" else [draw(st.text(max_size=5))]
        if type_ != "bytes":
            words = list(dict.fromkeys([*words, *values[::2]]))
        drawn["values"] = words
    elif drawn["function"] == "farmhash64":
        drawn["seed"] = 0
    return {"type": type_, "ops": [{name: drawn}]}, values


@st.composite
def _identity(draw: st.DrawFn) -> Sample:
    size = draw(st.integers(1, 2**40))
    policy = draw(st.sampled_from([{}, {"outside": "clip"}, {"default": 0}, {"default": size - 1}]))
    some = int64 | st.sampled_from([-1, 0, size - 1, size]) if policy else st.integers(0, size - 1)
    ops = [{"identity": {"size": size, **policy}}]
    return {"type": "int", "ops": ops}, draw(st.lists(some, min_size=1, max_size=20))


@st.composite
def _offset(draw: st.DrawFn) -> Sample:
    values = draw(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=20))
    return {"type": "int", "ops": [{"offset": {"add": draw(st.integers(-(2**62), 2**62))}}]}, values


@st.composite
def _table(draw: st.DrawFn) -> Sample:
    numbers = draw(st.lists(st.floats(), min_size=1, max_size=10))
    ids = st.integers(0, len(numbers) - 1)
    return {"type": "int", "ops": [{"table": {"values": numbers}}]}, draw(
        st.lists(ids, min_size=1, max_size=20)
    )


@st.composite
def _time(draw: st.DrawFn, name: str, arguments: dict[str, Any]) -> Sample:
    unit = draw(st.sampled_from(["s", "ms"]))
    some = (
        moments
        if unit == "s"
        else moments.flatmap(lambda s: st.integers(0, 999).map(lambda ms: s * 1000 + ms))
    )
    return {"type": "timestamp", "unit": unit, "ops": [{name: arguments}]}, draw(
        st.lists(some, min_size=1, max_size=20)
    )


@st.composite
def _reduction(draw: st.DrawFn, name: str, arguments: dict[str, Any]) -> Sample:
    form = draw(st.sampled_from([{}, {"max": 3}, {"max": 2, "keep": "first"}]))
    type_ = draw(st.sampled_from(["float", "int"]))
    some = any_float if type_ == "float" else st.integers(-(2**58), 2**58)
    values = draw(st.lists(st.lists(some, max_size=8), min_size=1, max_size=9))
    return {"type": type_, "list": form, "ops": [{name: arguments}]}, values


@st.composite
def _vector(draw: st.DrawFn) -> Sample:
    length = draw(st.integers(1, 6))
    some = any_float | st.sampled_from([0.0, -0.0, 1e-13, 5e-324])
    values = draw(st.lists(st.lists(some, min_size=length, max_size=length), min_size=1, max_size=9))
    arguments = draw(st.sampled_from([{}, {"epsilon": 0.0}, {"epsilon": 2.5}]))
    return {"type": "float", "list": {"length": length}, "ops": [{"l2_normalize": arguments}]}, values


@st.composite
def _one_hot(draw: st.DrawFn) -> Sample:
    size = draw(st.integers(1, 20))
    ignore = draw(st.booleans())
    some = int64 | st.integers(-1, size) if ignore else st.integers(0, size - 1)
    ops = [{"one_hot": {"size": size, "ignore_unknown": ignore}}]
    return {"type": "int", "ops": ops}, draw(st.lists(some, min_size=1, max_size=9))


@st.composite
def _feature_hasher(draw: st.DrawFn) -> Sample:
    arguments = {"columns": draw(st.integers(1, 12)), "alternate_sign": draw(st.booleans())}
    values = draw(st.lists(st.lists(st.text(max_size=20), max_size=9), min_size=1, max_size=9))
    return {"type": "string", "list": {}, "ops": [{"feature_hasher": arguments}]}, values


_power = {
    "exponent": st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, -1.0, -0.5]) | st.floats(-5, 5),
    "signed": st.booleans(),
}
_hash = {
    "buckets": st.integers(1, 2**63 - 1),
    "function": st.sampled_from(["farmhash64", "murmur3_32", "xxh3_64"]),
    "seed": st.integers(0, 2**32 - 1),
    "ints": st.sampled_from(["bytes", "text"]),
}
_quantile = {"quantiles": _rising(least=2, unique=False), "output": st.sampled_from(["uniform", "normal"])}
_vocab = {"oov_buckets": st.integers(1, 2**62), "ints": st.sampled_from(["bytes", "text"])}
_cycles = st.fixed_dictionaries(
    {"period": st.sampled_from(["day", "week", "year"]), "part": st.sampled_from(["sin", "cos"])}
)
_empty = st.sampled_from([{}, {"empty": -3}])

# `age` needs a second feature and has a test of its own.
SAMPLES: dict[str, st.SearchStrategy[Sample]] = {
    "clip": _bounded("clip"),
    "log1p": _numbers({}, "log1p"),
    "signed_log": _numbers({}, "signed_log"),
    "scale": _numbers({"mul": finite, "add": finite}, "scale"),
    "standardize": _numbers({"mean": finite, "std": st.floats(1e-9, 1e9)}, "standardize"),
    "min_max": _bounded("min_max"),
    "power": _numbers(_power, "power"),
    "quantile": _numbers(_quantile, "quantile"),
    "bucketize": _numbers({"boundaries": _rising(least=1, unique=True)}, "bucketize"),
    "cast": _cast(),
    "vocab": _categories("vocab", _vocab),
    "hash": _categories("hash", _hash),
    "identity": _identity(),
    "offset": _offset(),
    "table": _table(),
    **{name: _time(name, {}) for name in ("hour", "weekday", "day", "month")},
    "cycle": _cycles.flatmap(lambda arguments: _time("cycle", arguments)),
    "sum": _reduction("sum", {}),
    "length": _reduction("length", {}),
    **{name: _empty.flatmap(lambda a, name=name: _reduction(name, a)) for name in ("mean", "max", "min")},
    "l2_normalize": _vector(),
    "one_hot": _one_hot(),
    "feature_hasher": _feature_hasher(),
}
