"""Offline and serving build the same tensors, bit for bit: every operation, every form of training data."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from penstock.feature_spec import FeatureSpec
from tests.property.models import Case, cases
from tests.property.requests import as_examples
from tests.property.test_features_against_reference import folder, penstock_tensors

pytestmark = pytest.mark.timeout(600)
SETTINGS = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=200
)

# The Arrow types that hold exactly the values of a feature's type.
KINDS: dict[str, list[pa.DataType]] = {
    "float": [pa.float32(), pa.float64()],
    "int": [pa.int64()],
    "bool": [pa.bool_()],
    "timestamp": [pa.int64()],
    "string": [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int16(), pa.string())],
    "bytes": [pa.binary(), pa.large_binary(), pa.binary_view()],
}


def sent(case: Case) -> list[str]:
    """The features of the rows themselves."""
    return [name for name in case.types if name not in case.context]


def context_of(case: Case) -> dict[str, Any]:
    first = case.rows[0]
    return {name: cell_of(case, name, first[name]) for name in case.context}


def cell_of(case: Case, name: str, values: list[Any] | None) -> Any:
    if values is None:
        return None
    if case.types[name] == "bool":
        values = [bool(value) for value in values]
    return values if name in case.lists else values[0]


def as_dicts(case: Case) -> list[dict[str, Any]]:
    return [{name: cell_of(case, name, row[name]) for name in sent(case)} for row in case.rows]


def as_arrow(draw: st.DrawFn, case: Case) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    for name in sent(case):
        kind = draw(st.sampled_from(KINDS[case.types[name]]))
        if name in case.lists:
            kind = draw(st.sampled_from([pa.list_, pa.large_list]))(
                pa.string() if "dict" in str(kind) else kind
            )
        columns[name] = pa.array([cell_of(case, name, row[name]) for row in case.rows], kind)
    table = pa.table(columns)
    event("a slice" if (doubled := draw(st.booleans())) else "whole")
    # A slice has bits and offsets that begin in the middle.
    return pa.concat_tables([table, table]).combine_chunks().slice(len(case.rows)) if doubled else table


def as_polars(draw: st.DrawFn, case: Case) -> pl.DataFrame:
    return pl.DataFrame(as_arrow(draw, case))


def as_records(_: st.DrawFn, case: Case) -> list[bytes]:
    return [example.SerializeToString() for example in as_examples(case).examples]


FORMS: dict[str, Callable[[st.DrawFn, Case], Any]] = {
    "dicts": lambda _, case: as_dicts(case),
    "arrow": as_arrow,
    "polars": as_polars,
    "records": as_records,
}


@pytest.mark.parametrize("form", FORMS)
@SETTINGS
@given(st.data(), cases(), st.integers(1, 3))
def test_training_data_give_the_tensors_that_the_server_builds(
    form: str, data: st.DataObject, case: Case, threads: int
) -> None:
    if not sent(case) and form in ("arrow", "polars"):
        return
    with folder(case.toml, case.files) as path:
        served = penstock_tensors(path, as_examples(case).SerializeToString())
        rows = FORMS[form](data.draw, case)
        offline = FeatureSpec.load(path).transform(rows, context_of(case) or None, threads=threads)
    assert list(offline) == [tensor.name for tensor in served]
    for tensor in served:
        got = offline[tensor.name]
        assert got.shape == tensor.array.shape, tensor.name
        assert got.tobytes() == np.ascontiguousarray(tensor.array).tobytes(), tensor.name
