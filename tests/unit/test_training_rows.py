"""Training data in Arrow memory, in pandas and in polars: every type of column, without copies, with rows named."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from penstock._fastpath import RequestError
from penstock.feature_spec import FeatureSpec
from penstock.rows import RowsError
from penstock.training_rows import table_of
from tests.unit.test_feature_spec import ROWS, TENSORS, assert_equal, repeated, write_model

PARTS = """
[[input]]
name = "x"
datatype = "{datatype}"

[[output]]
name = "score"
datatype = "FP32"

[[feature]]
name = "x"
to = "x"
"""


def spec_of(folder: Path, feature: str, datatype: str = "FP64") -> FeatureSpec:
    """A model of the one feature `x`."""
    return FeatureSpec.load(write_model(folder / "model", PARTS.format(datatype=datatype) + feature))


FLOAT = 'type = "float"\nmissing = -1.0'
INT = 'type = "int"\nmissing = -1'
BOOL = 'type = "bool"\nmissing = false'
TEXT = 'type = "string"\nmissing = "none"\nops = [{ vocab = { values = ["none", "a", "bc"] } }]'
BYTES = TEXT.replace("string", "bytes")
LIST = 'type = "int"\nlist = { max = 3, pad = -9 }\nmissing = [7]'

COLUMNS: list[tuple[str, pa.Array, list[float]]] = [
    *((FLOAT, pa.array([1.5, None, 2.0], kind), [1.5, -1, 2]) for kind in (pa.float32(), pa.float64())),
    (FLOAT, pa.array(np.array([1.5, 0, 2], np.float16), mask=np.array([False, True, False])), [1.5, -1, 2]),
    *(
        (kind, pa.array([1, None, 3], integer), [1, -1, 3])
        for kind in (FLOAT, INT)
        for integer in (
            pa.int8(),
            pa.int16(),
            pa.int32(),
            pa.int64(),
            pa.uint8(),
            pa.uint16(),
            pa.uint32(),
            pa.uint64(),
        )
    ),
    (BOOL, pa.array([True, None, True]), [1, 0, 1]),
    (INT, pa.array([1, None, 3]).dictionary_encode(), [1, -1, 3]),
    (FLOAT, pa.array([1.5, None, 2.0]).dictionary_encode(), [1.5, -1, 2]),
    *(
        (TEXT, pa.array(["bc", None, "a"], kind), [2, 0, 1])
        for kind in (pa.string(), pa.large_string(), pa.string_view())
    ),
    *(
        (TEXT, pa.array(["bc", None, "a"]).cast(pa.dictionary(index, pa.string())), [2, 0, 1])
        for index in (pa.int8(), pa.int32(), pa.int64())
    ),
    (TEXT, pa.array([None, None, None], pa.dictionary(pa.int32(), pa.string())), [0, 0, 0]),
    (TEXT, pa.nulls(3), [0, 0, 0]),
    *(
        (BYTES, pa.array([b"bc", None, b"a"], kind), [2, 0, 1])
        for kind in (pa.binary(), pa.large_binary(), pa.binary_view())
    ),
    (BYTES, pa.array([b"bc", None, b"xx"], pa.binary(2)), [2, 0, 3]),
]


@pytest.mark.parametrize(
    ("feature", "column", "want"), COLUMNS, ids=lambda each: str(getattr(each, "type", ""))
)
@pytest.mark.parametrize("rows", ["whole", "slice"])
def test_every_arrow_type_gives_its_values(
    tmp_path: Path, feature: str, column: pa.Array, want: list[float], rows: str
) -> None:
    spec = spec_of(tmp_path, feature)
    if rows == "slice":
        # Bits and offsets that do not begin at a byte or at zero.
        column = pa.concat_arrays([column] * 5).slice(3, 10)
        want = (want * 5)[3:13]
    table = pa.table({"x": column})
    for form in (table, table.to_batches()[0], polars_frame(table)):
        if form is not None:
            assert spec.transform(form)["x"][:, 0].tolist() == want


def polars_frame(table: pa.Table) -> pl.DataFrame | None:
    """The same in polars, where it has such a type."""
    kind = table.schema.field("x").type
    strange = pa.types.is_fixed_size_binary(kind) or (
        pa.types.is_dictionary(kind) and kind.value_type != pa.string()
    )
    return None if strange else pl.DataFrame(table)


MOMENTS = [
    dt.datetime(2024, 2, 29, 13, 45, 30, 999_000, tzinfo=dt.UTC),
    dt.datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=dt.UTC),
]


@pytest.mark.parametrize(
    ("kind", "per_second"),
    [
        (pa.timestamp("s"), 1),
        (pa.timestamp("ms"), 1000),
        (pa.timestamp("us", "UTC"), 1000),
        (pa.timestamp("ns", "Europe/Berlin"), 1000),
        (pa.date32(), 0),
        (pa.date64(), 0),
    ],
    ids=str,
)
@pytest.mark.parametrize("unit", ["s", "ms"])
def test_arrow_times_are_converted_to_the_features_unit_rounded_down(
    tmp_path: Path, kind: pa.DataType, per_second: int, unit: str
) -> None:
    spec = spec_of(tmp_path, f'type = "timestamp"\nunit = "{unit}"\nmissing = 5', "INT64")
    exact_ms = [int(moment.timestamp() * 1000) for moment in MOMENTS]
    if per_second == 1:
        exact_ms = [time_ms // 1000 * 1000 for time_ms in exact_ms]
    if per_second == 0:
        exact_ms = [time_ms // 86_400_000 * 86_400_000 for time_ms in exact_ms]
        column = pa.array([*(moment.date() for moment in MOMENTS), None], kind)
    else:
        in_unit = {"s": 1000, "ms": 1, "us": 1 / 1000, "ns": 1e-6}[kind.unit]
        column = pa.array([*(round(time_ms / in_unit) for time_ms in exact_ms), None], pa.int64()).cast(kind)
    want = [time_ms if unit == "ms" else time_ms // 1000 for time_ms in exact_ms]
    assert spec.transform(pa.table({"x": column}))["x"][:, 0].tolist() == [*want, 5]


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.int64()), pa.large_list(pa.int32()), pa.list_(pa.int8(), 2)], ids=str
)
def test_every_arrow_list_gives_its_values(tmp_path: Path, kind: Any) -> None:
    spec = spec_of(tmp_path, LIST, "INT64")
    rows = [[1, 2], None, [3, 4]] if "fixed" in str(kind) else [[1, 2, 3, 4], None, []]
    want = (
        [[1, 2, -9], [7, -9, -9], [3, 4, -9]] if "fixed" in str(kind) else [[2, 3, 4], [7, -9, -9], [-9] * 3]
    )
    column = pa.array(rows, kind)
    assert spec.transform(pa.table({"x": column}))["x"].tolist() == want
    shifted = pa.concat_arrays([column] * 3).slice(1, 4)
    assert spec.transform(pa.table({"x": shifted}))["x"].tolist() == (want * 3)[1:5]


def arrow_rows() -> pa.Table:
    kinds = {
        "amount": pa.float32(),
        "sure": pa.bool_(),
        "merchant": pa.string(),
        "seen": pa.timestamp("us", "UTC"),
        "items": pa.list_(pa.int16()),
        "films": pa.large_list(pa.large_string()),
    }
    columns = {name: pa.array([row.get(name) for row in ROWS], kind) for name, kind in kinds.items()}
    return pa.table(columns)


class Stream:
    """Nothing but Arrow's PyCapsule interface."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


FORMS: dict[str, Callable[[pa.Table], Any]] = {
    "table": lambda table: table,
    "capsules": Stream,
    "odd batches": lambda table: pa.Table.from_batches(
        [batch for start in range(0, table.num_rows, 999) for batch in table.slice(start, 999).to_batches()]
    ),
    "polars": pl.from_arrow,
    "polars categories": lambda table: pl.from_arrow(table).with_columns(
        pl.col("merchant").cast(pl.Categorical)
    ),
    "pandas": lambda table: table.to_pandas(),
    "pandas on arrow": lambda table: table.to_pandas(types_mapper=pd.ArrowDtype),
    "pandas categories": lambda table: table.to_pandas().astype({"merchant": "category"}),
}


@pytest.fixture
def spec(tmp_path: Path) -> FeatureSpec:
    return FeatureSpec.load(write_model(tmp_path / "fraud"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("threads", [1, 3])
def test_every_library_gives_the_tensors_of_dicts(spec: FeatureSpec, form: str, threads: int) -> None:
    assert_equal(spec.transform(FORMS[form](arrow_rows()), threads=threads), TENSORS)
    many = pa.concat_tables([arrow_rows()] * 1500).combine_chunks()
    assert_equal(spec.transform(FORMS[form](many), threads=threads), repeated(1500))


def test_a_batch_is_taken_as_a_table_is(spec: FeatureSpec) -> None:
    assert_equal(spec.transform(arrow_rows().to_batches()[0]), TENSORS)


def test_a_context_goes_with_an_arrow_table(spec: FeatureSpec) -> None:
    got = spec.transform(pa.table({"amount": [1.0, 2.0]}), context={"merchant": "b", "films": ["y", "x"]})
    assert got["ids"][:, 0].tolist() == [1, 1]
    assert got["history_offsets"].tolist() == [0, 2, 4]
    with pytest.raises(RequestError, match='"amount" in row 0 is in the context and in the row'):
        spec.transform(pa.table({"amount": [1.0]}), context={"amount": 1.0})


def test_nan_is_a_value_in_arrow_and_a_gap_in_pandas(spec: FeatureSpec) -> None:
    table = pa.table({"amount": pa.array([1.0, float("nan")])})
    assert np.isnan(spec.transform(table)["dense"][1, 0])
    assert np.isnan(spec.transform(pl.from_arrow(table))["dense"][1, 0])
    assert spec.transform(pd.DataFrame({"amount": [1.0, np.nan]}))["dense"][1, 0] == -2.0


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array(["1.0", "much"]), '"amount" in row 0 must be floats'),
        (pa.array([[1.0]] * 1500 + [[None]]), r'"amount" in row 1500 has a null inside a list; leave it out'),
        (
            pa.array([1] * 2000 + [2**64 - 1], pa.uint64()),
            '"amount" in row 2000 is 18446744073709551615, which',
        ),
        (pa.array([{"a": 1}]), r'"amount" in row 0 is of type Struct.*; taken are floats'),
        (pa.array([dt.timedelta(1)]), r'"amount" in row 0 is of type Duration.*; taken are floats'),
    ],
)
def test_what_cannot_be_read_is_refused_with_row_and_feature(
    spec: FeatureSpec, column: pa.Array, message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        spec.transform(pa.table({"amount": column}))


def test_unknown_columns_are_refused_but_where_they_are_empty(spec: FeatureSpec) -> None:
    with pytest.raises(RequestError, match=r"amuont.*did you mean `amount`"):
        spec.transform(pa.table({"amuont": [1.0]}))
    got = spec.transform(pa.table({"amount": [1.0], "stranger": pa.nulls(1)}))
    assert got["dense"][0, 0] == 2.0


def test_ignored_columns_may_be_of_any_type(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, FLOAT)
    text = (tmp_path / "model" / "model.toml").read_text()
    (tmp_path / "model" / "model.toml").write_text('unknown_features = "ignore"\n' + text)
    spec = FeatureSpec.load(tmp_path / "model")
    assert spec.transform(pa.table({"x": [1.0], "y": [{"a": 1}]}))["x"].tolist() == [[1.0]]


def test_a_table_without_rows_is_refused(spec: FeatureSpec) -> None:
    for empty in (
        arrow_rows().slice(0, 0),
        pl.from_arrow(arrow_rows().slice(0, 0)),
        pd.DataFrame({"amount": []}),
    ):
        with pytest.raises(RowsError, match="there are no rows"):
            spec.transform(empty)


def test_columns_of_one_name_are_refused(spec: FeatureSpec) -> None:
    frame = pd.DataFrame([[1.0, 2.0]], columns=["amount", "amount"])
    with pytest.raises(RowsError, match="several columns have this name"):
        spec.transform(frame)
    with pytest.raises(RequestError, match='"amount" in row 0 is there twice'):
        spec.transform(pa.Table.from_arrays([pa.array([1.0])] * 2, ["amount", "amount"]))


def test_numbers_of_numpy_are_not_copied() -> None:
    values = np.arange(4, dtype=np.float32)
    table = table_of({"x": values}, {"x": "float"})
    assert table.rows == 4
    with pytest.raises(ValueError, match="cannot resize"):
        values.resize(8)


def test_frames_may_have_any_byte_order_and_stride(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, FLOAT)
    for values in (
        np.array([1, 2], ">f8"),
        np.array([1, 5, 2, 5], np.float32)[::2],
        np.array([1, 2], np.longdouble),
    ):
        assert spec.transform(pd.DataFrame({"x": values}))["x"][:, 0].tolist() == [1, 2]
        assert spec.transform({"x": values})["x"][:, 0].tolist() == [1, 2]


def test_torch_takes_the_tensors_without_a_copy(spec: FeatureSpec) -> None:
    dense = spec.transform(ROWS)["dense"]
    tensor = torch.from_dlpack(dense)
    tensor[0, 0] = 77.0
    assert dense[0, 0] == 77.0
