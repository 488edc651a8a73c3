"""The 40-feature row: 20 floats standardized, 15 strings hashed, 5 lists of 20 integers hashed, 1.6 kB as an Example.

The same work stands in fastpath/benches/decode.rs, which measures it without Python.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from penstock.pb import prediction_pb2

_FLOATS = 20
_STRINGS = 15
_LISTS = 5
_LIST_VALUES = 20
# Keys and ids of a business: "value_12345", and integers of three bytes on the wire.
_DISTINCT_STRINGS = 100_000
_DISTINCT_IDS = 1_000_000

_TENSORS_TOML = """\
[[input]]
name = "dense"
datatype = "FP32"

[[input]]
name = "ids"
datatype = "INT64"

[[input]]
name = "lists"
datatype = "INT64"

[[output]]
name = "score"
datatype = "FP32"
"""
_FLOAT_TOML = """
[[feature]]
name = "float_feature_{:02}"
type = "float"
missing = 0.0
ops = [{{ standardize = {{ mean = 0.5, std = 2.0 }} }}]
to = "dense"
"""
_STRING_TOML = """
[[feature]]
name = "string_feature_{:02}"
type = "string"
missing = ""
ops = [{{ hash = {{ buckets = 100_000 }} }}]
to = "ids"
"""
_LIST_TOML = """
[[feature]]
name = "list_feature_{:02}"
type = "int"
list = {{ max = 20 }}
ops = [{{ hash = {{ buckets = 100_000, ints = "{}" }} }}]
to = "lists"
"""

NAME = "features"

Row = dict[str, list[Any]]


def described() -> dict[str, Any]:
    """The work as a program of others needs it told."""
    return {
        "floats": [f"float_feature_{number:02}" for number in range(_FLOATS)],
        "strings": [f"string_feature_{number:02}" for number in range(_STRINGS)],
        "lists": [f"list_feature_{number:02}" for number in range(_LISTS)],
        "list_values": _LIST_VALUES,
        "buckets": 100_000,
        "mean": 0.5,
        "std": 2.0,
    }


def write_model_folder(folder: Path, ints: str = "bytes") -> None:
    """model.toml and a version 1 without a model: decoding and packing need none. `ints` is how integers are hashed."""
    (folder / "1").mkdir(parents=True)
    features = (
        *(_FLOAT_TOML.format(number) for number in range(_FLOATS)),
        *(_STRING_TOML.format(number) for number in range(_STRINGS)),
        *(_LIST_TOML.format(number, ints) for number in range(_LISTS)),
    )
    (folder / "model.toml").write_text(_TENSORS_TOML + "".join(features))


def examples_request(rows: int, seed: int = 40) -> bytes:
    """A serialized PredictRequest with one Example a row; other rows for another seed."""
    request = prediction_pb2.PredictRequest(model_name=NAME)
    request.examples.extend(_example(row) for row in _rows(rows, seed))
    return request.SerializeToString()


def records(rows: int) -> list[bytes]:
    """The rows of `examples_request`, each as a serialized Example."""
    return [_example(row).SerializeToString() for row in _rows(rows, 40)]


def columns_request(rows: int, seed: int = 40) -> bytes:
    """The same rows as a serialized PredictRequest with one Column a feature, integers at eight bytes each."""
    request = prediction_pb2.PredictRequest(model_name=NAME)
    made = _rows(rows, seed)
    for name, first in made[0].items():
        column = request.columns.add(name=name)
        kind = {float: "floats", bytes: "strings", int: "fixed_ints"}[type(first[0])]
        values = [value for row in made for value in row[name]]
        getattr(column, kind).value.extend(v.decode() if isinstance(v, bytes) else v for v in values)
        if len(first) > 1:
            column.row_lengths.extend(len(row[name]) for row in made)
    return request.SerializeToString()


def _example(row: Row) -> prediction_pb2.Example:
    example = prediction_pb2.Example()
    for name, values in row.items():
        kind = {float: "float_list", bytes: "bytes_list", int: "int64_list"}[type(values[0])]
        getattr(example.features.feature[name], kind).value.extend(values)
    return example


def _rows(rows: int, seed: int) -> list[Row]:
    random = Random(seed)
    return [_row(random) for _ in range(rows)]


def _row(random: Random) -> Row:
    row: Row = {}
    for number in range(_FLOATS):
        row[f"float_feature_{number:02}"] = [random.uniform(0.0, 10.0)]
    for number in range(_STRINGS):
        row[f"string_feature_{number:02}"] = [b"value_%d" % random.randrange(_DISTINCT_STRINGS)]
    for number in range(_LISTS):
        row[f"list_feature_{number:02}"] = [random.randrange(_DISTINCT_IDS) for _ in range(_LIST_VALUES)]
    return row
