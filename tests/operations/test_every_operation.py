"""Every operation through `FeatureSpec.transform`, against plain numpy in 64-bit floats, at every datatype.

Bit for bit but for NaN's payload; one unit in the last place where the operation calls a function of a mathematics
library, since two libraries that are both right may differ by it.
"""

import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock import FeatureSpec
from penstock._fastpath import SpecError
from tests.operations.one_feature import IDS, NUMBERS, as_numbers, expected, model, transformed
from tests.operations.strategies import SAMPLES, moments

SETTINGS = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
FUNCTIONS = {"log1p", "signed_log", "power", "cycle"}
# What one unit in the last place is at most, relative to the value; of FP64 a few, for numpy's own functions.
ULP = {"FP64": 2.0**-50, "FP32": 2.0**-23, "FP16": 2.0**-10, "BF16": 2.0**-7}
LEAST = {"FP64": 1e-300, "FP32": 2.0**-149, "FP16": 2.0**-24, "BF16": 2.0**-133}


def _names() -> set[str]:
    """The operations that penstock has, as its error for an unknown one lists them."""
    with tempfile.TemporaryDirectory() as folder, pytest.raises(SpecError) as refused:
        FeatureSpec.load(model({"type": "int", "ops": [{"no": {}}]}, "FP32", Path(folder)))
    return set(re.findall(r"`(\w+)`", str(refused.value))) - {"no"}


def test_every_operation_has_samples_and_a_place_in_the_document() -> None:
    assert set(SAMPLES) | {"age"} == _names()
    document = (Path(__file__).parents[2] / "docs" / "feature-operations.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`\{ (\w+) = \{", document)) == _names()


def _gives_ids(table: dict[str, Any], values: list[Any]) -> bool:
    """Whether no result is beyond 31 bits, so that every datatype takes it."""
    results = expected(table, "FP64", values)
    with np.errstate(invalid="ignore"):
        return bool((np.abs(results) < 2**31).all())


def _datatypes(name: str, table: dict[str, Any], values: list[Any]) -> tuple[str, ...]:
    number = name in FUNCTIONS | {
        "clip",
        "scale",
        "standardize",
        "min_max",
        "quantile",
        "mean",
        "l2_normalize",
        "table",
    }
    number |= table["ops"][0].get("cast", {}).get("to") == "float"
    if number or (table["type"] == "float" and name in {"sum", "max", "min"}):
        return NUMBERS
    return IDS if _gives_ids(table, values) else ("INT64", "FP64")


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_an_operation_is_what_plain_numpy_computes(name: str) -> None:
    @SETTINGS
    @given(st.data())
    def check(data: st.DataObject) -> None:
        table, values = data.draw(SAMPLES[name])
        datatype = data.draw(st.sampled_from(_datatypes(name, table, values)))
        arguments = table["ops"][0][name]
        near = name in FUNCTIONS or arguments.get("output") == "normal"
        assert_same(transformed(table, datatype, values), expected(table, datatype, values), datatype, near)

    check()


def assert_same(got: np.ndarray, wanted: np.ndarray, datatype: str, near: bool) -> None:
    assert got.shape == wanted.shape
    assert got.dtype == wanted.dtype
    a, b = as_numbers(got, datatype), as_numbers(wanted, datatype)
    same = (got == wanted) & ((np.signbit(a) == np.signbit(b)) | near) | (np.isnan(a) & np.isnan(b))
    if near:
        with np.errstate(all="ignore"):
            same |= np.abs(a - b) <= np.maximum(ULP[datatype] * np.abs(b), LEAST[datatype])
    assert same.all(), f"{a[~same]} instead of {b[~same]}"


@SETTINGS
@given(
    st.lists(st.tuples(moments, moments), min_size=1, max_size=20),
    st.sampled_from("shd"),
    st.sampled_from(NUMBERS),
)
def test_an_age_is_the_exact_difference_divided_once(
    pairs: list[tuple[int, int]], unit: str, datatype: str
) -> None:
    table = {"type": "timestamp", "unit": "ms", "ops": [{"age": {"until": "now", "unit": unit}}]}
    with tempfile.TemporaryDirectory() as folder:
        path = model(table, datatype, Path(folder), [{"name": "now", "type": "timestamp"}])
        then, now = zip(*pairs, strict=True)
        got = FeatureSpec.load(path).transform({"x": list(then), "now": list(now)})["t"]
    seconds = {"s": 1, "h": 3600, "d": 86_400}[unit]
    ages = [(until * 1000 - since) / (seconds * 1000) for since, until in pairs]
    table = {"type": "float", "ops": []}
    assert_same(got, expected(table, datatype, ages), datatype, near=False)
