"""`FeatureSpec.transform`: every form of rows gives the same tensors, whole or in chunks."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from penstock._fastpath import RequestError, SpecError
from penstock.feature_spec import FeatureSpec
from penstock.pb import prediction_pb2
from penstock.rows import RowsError

MODEL = """
[batching]
max_batch_rows = 64

[[input]]
name = "dense"
datatype = "FP32"

[[input]]
name = "ids"
datatype = "INT64"

[[input]]
name = "recent"
datatype = "INT64"

[[input]]
name = "history"
datatype = "INT64"

[[input]]
name = "history_offsets"
datatype = "INT32"
offsets_of = "history"

[[output]]
name = "score"
datatype = "FP32"

[[feature]]
name = "amount"
type = "float"
missing = -1.0
ops = [{ clip = { max = 100.0 } }, { scale = { mul = 2.0 } }]
to = "dense"

[[feature]]
name = "sure"
type = "bool"
missing = false
to = "dense"

[[feature]]
name = "merchant"
type = "string"
missing = ""
ops = [{ vocab = { values = ["a", "b"], oov_buckets = 1 } }]
to = "ids"

[[feature]]
name = "seen"
type = "timestamp"
missing = 0
ops = [{ weekday = {} }]
to = "ids"

[[feature]]
name = "items"
type = "int"
list = { max = 2, keep = "last", pad = -1 }
to = "recent"

[[feature]]
name = "films"
type = "string"
list = { jagged = true }
ops = [{ vocab = { values = ["x", "y"], oov_buckets = 1 } }]
to = "history"
"""

MONDAY = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)

ROWS: list[dict[str, Any]] = [
    {"amount": 1.5, "sure": True, "merchant": "a", "seen": MONDAY, "items": [1, 2, 3], "films": ["x"]},
    {"amount": None, "sure": False, "merchant": "b", "seen": MONDAY + dt.timedelta(days=6), "items": [4]},
    {"amount": 300.0, "merchant": "other", "films": ["y", "z", "x"]},
    {"sure": True, "merchant": "b", "seen": None, "items": [], "films": []},
]
TENSORS = {
    "dense": np.array([[3.0, 1.0], [-2.0, 0.0], [200.0, 0.0], [-2.0, 1.0]], np.float32),
    # 1970-01-01, which stands in for a missing `seen`, was a Thursday.
    "ids": np.array([[0, 0], [1, 6], [2, 3], [1, 3]], np.int64),
    "recent": np.array([[2, 3], [4, -1], [-1, -1], [-1, -1]], np.int64),
    "history": np.array([0, 1, 2, 0], np.int64),
    "history_offsets": np.array([0, 1, 1, 4, 4], np.int32),
}
NAMES = ("amount", "sure", "merchant", "seen", "items", "films")


def write_model(folder: Path, text: str = MODEL) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "model.toml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def spec(tmp_path: Path) -> FeatureSpec:
    return FeatureSpec.load(write_model(tmp_path / "fraud"))


def as_columns() -> dict[str, list[Any]]:
    return {name: [row.get(name) for row in ROWS] for name in NAMES}


def as_frame() -> pd.DataFrame:
    return pd.DataFrame(as_columns())


def as_examples() -> list[bytes]:
    records = []
    for row in ROWS:
        feature = (example := prediction_pb2.Example()).features.feature
        for name, value in row.items():
            if value is None:
                continue
            values = value if isinstance(value, list) else [value]
            if not values:
                feature[name].SetInParent()
            elif isinstance(values[0], str):
                feature[name].bytes_list.value.extend(text.encode() for text in values)
            elif isinstance(values[0], float):
                feature[name].float_list.value.extend(values)
            elif isinstance(values[0], dt.datetime):
                feature[name].int64_list.value.extend(int(moment.timestamp()) for moment in values)
            else:
                feature[name].int64_list.value.extend(map(int, values))
        records.append(example.SerializeToString())
    return records


FORMS = {"dicts": lambda: ROWS, "columns": as_columns, "frame": as_frame, "examples": as_examples}


def assert_equal(got: dict[str, Any], want: dict[str, Any]) -> None:
    assert list(got) == list(want)
    for name, array in want.items():
        assert got[name].dtype == array.dtype, name
        np.testing.assert_array_equal(got[name], array, err_msg=name)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_rows_gives_the_same_tensors_in_forwards_order(spec: FeatureSpec, form: str) -> None:
    assert_equal(spec.transform(FORMS[form]()), TENSORS)


def repeated(blocks: int) -> dict[str, Any]:
    """The tensors of so many times ROWS."""
    offsets = (TENSORS["history_offsets"][1:] + 4 * block for block in range(blocks))
    return {name: np.concatenate([array] * blocks) for name, array in TENSORS.items()} | {
        "history_offsets": np.concatenate([[0], *offsets]).astype(np.int32)
    }


@pytest.mark.parametrize("threads", [None, 1, 2, 5])
def test_many_rows_give_the_same_tensors_on_any_number_of_threads(
    spec: FeatureSpec, threads: int | None
) -> None:
    blocks = 2000
    assert spec.spec.max_batch_rows < 4 * blocks
    assert_equal(spec.transform(ROWS * blocks, threads=threads), repeated(blocks))
    assert_equal(spec.transform(as_examples() * blocks, threads=threads), repeated(blocks))


def test_a_context_is_shared_by_all_rows(spec: FeatureSpec) -> None:
    got = spec.transform([{"amount": 1.0}, {"amount": 2.0}], context={"merchant": "b", "films": ["y", "x"]})
    assert got["dense"][:, 0].tolist() == [2.0, 4.0]
    assert got["ids"][:, 0].tolist() == [1, 1]
    assert got["history"].tolist() == [1, 0, 1, 0]
    assert got["history_offsets"].tolist() == [0, 2, 4]


def test_rows_may_have_no_feature_but_those_of_the_context(spec: FeatureSpec) -> None:
    got = spec.transform([{}, {}, {}], context={"merchant": "a"})
    assert got["ids"][:, 0].tolist() == [0, 0, 0]


def test_lists_that_are_all_empty_fit_any_list_feature(spec: FeatureSpec) -> None:
    got = spec.transform({"films": [[], []], "items": [[], []]})
    assert got["history"].tolist() == []
    assert got["recent"].tolist() == [[-1, -1], [-1, -1]]


def test_integers_to_which_pandas_gave_nan_fit_an_int_feature(spec: FeatureSpec) -> None:
    got = spec.transform(pd.DataFrame({"sure": [1, None, 0]}))
    assert got["dense"][:, 1].tolist() == [1.0, 0.0, 0.0]


def test_bfloat16_comes_as_bit_patterns(tmp_path: Path) -> None:
    text = MODEL.replace('datatype = "FP32"', 'datatype = "BF16"', 1)
    got = FeatureSpec.load(write_model(tmp_path / "half", text)).transform([{"amount": 0.5}])
    assert got["dense"].dtype == np.uint16
    assert got["dense"].tolist() == [[0x3F80, 0]]


CLOCKS = """
[[input]]
name = "ages"
datatype = "FP64"

[[output]]
name = "score"
datatype = "FP32"

[[feature]]
name = "coarse"
type = "timestamp"

[[feature]]
name = "fine"
type = "timestamp"
unit = "ms"
missing = 0
ops = [{ age = { until = "coarse", unit = "s" } }]
to = "ages"
"""


@pytest.mark.parametrize("form", ["dicts", "columns", "frame", "context"])
def test_datetimes_are_converted_by_the_unit_of_their_feature(tmp_path: Path, form: str) -> None:
    spec = FeatureSpec.load(write_model(tmp_path / "clocks", CLOCKS))
    assert spec.feature_kinds == {"coarse": "timestamp", "fine": "timestamp_ms"}
    row: dict[str, Any] = {"coarse": MONDAY, "fine": MONDAY - dt.timedelta(milliseconds=1500)}
    columns = {name: [value] for name, value in row.items()}
    forms = {"dicts": [row], "columns": columns, "frame": pd.DataFrame(columns)}
    got = spec.transform([{}], row) if form == "context" else spec.transform(forms[form])
    assert got["ages"].tolist() == [[1.5]]


@pytest.mark.parametrize("datatype", ["FP32", "BF16"])
@pytest.mark.parametrize("blocks", [1, 100], ids=["one chunk", "several chunks"])
def test_tensors_are_the_callers_own_and_writable(tmp_path: Path, datatype: str, blocks: int) -> None:
    text = MODEL.replace('datatype = "FP32"', f'datatype = "{datatype}"', 1)
    spec = FeatureSpec.load(write_model(tmp_path / "fraud", text))
    got, again = spec.transform(ROWS * blocks), spec.transform(ROWS * blocks)
    for name, array in got.items():
        assert array.flags.writeable, name
        assert array.flags.owndata, name
        array[...] = 1
    assert again["ids"][0].tolist() == [0, 0]


def test_a_spec_says_what_it_takes_and_gives(spec: FeatureSpec) -> None:
    assert [entry.name for entry in spec.inputs] == list(TENSORS)
    assert [entry.name for entry in spec.outputs] == ["score"]
    assert spec.feature_kinds["films"] == "string[]"
    assert spec.feature_kinds["seen"] == "timestamp"
    assert all(name in spec.describe() for name in NAMES)


def test_rows_that_cannot_be_encoded_are_refused(spec: FeatureSpec) -> None:
    with pytest.raises(RowsError, match="row 1, feature 'amount'"):
        spec.transform([{"amount": 1.0}, {"amount": "much"}])
    with pytest.raises(RowsError, match="there are no rows"):
        spec.transform([])


@pytest.mark.parametrize("threads", [1, 3])
def test_the_first_row_that_the_model_refuses_is_named_as_the_caller_counts(
    spec: FeatureSpec, threads: int
) -> None:
    bad = prediction_pb2.Example()
    bad.features.feature["amount"].bytes_list.value.append(b"much")
    examples = [b""] * 5000
    for row in (4999, 2500, 0):
        examples[row] = bad.SerializeToString()
        with pytest.raises(RequestError, match=rf'"amount" in row {row} must be floats'):
            spec.transform(examples, threads=threads)


def test_an_iterator_of_records_is_taken(spec: FeatureSpec) -> None:
    assert_equal(spec.transform(iter(as_examples())), TENSORS)


def test_no_threads_are_refused(spec: FeatureSpec) -> None:
    with pytest.raises(ValueError, match="threads is 0; it must be 1 or more"):
        spec.transform(ROWS, threads=0)


def test_a_callback_is_told_the_rows_that_are_done_and_may_end_the_work(spec: FeatureSpec) -> None:
    told: list[tuple[int, int]] = []
    spec.transform(ROWS * 10, progress=lambda done, rows: told.append((done, rows)))
    assert told[-1] == (40, 40)

    def stop(done: int, rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spec.transform(ROWS, progress=stop)


def test_an_unknown_feature_is_refused(spec: FeatureSpec) -> None:
    with pytest.raises(RequestError, match="amuont"):
        spec.transform([{"amuont": 1.0}])


def test_a_folder_without_a_usable_model_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"model\.toml: the file cannot be read"):
        FeatureSpec.load(tmp_path / "none")
    with pytest.raises(SpecError, match=r"model\.toml"):
        FeatureSpec.load(write_model(tmp_path / "bad", "platfrom = 1\n"))
