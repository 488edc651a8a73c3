"""A model of one feature, and what penstock and the plain numpy reference make of values for it."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock import FeatureSpec
from tests.property.models import to_toml
from tests.reference.columns import Column
from tests.reference.model_toml import Model
from tests.reference.operations import apply
from tests.reference.tensors import to_datatype

NUMBERS = ("FP64", "FP32", "FP16", "BF16")
IDS = ("INT64", "INT32", "BOOL", *NUMBERS)


def model(table: dict[str, Any], datatype: str, folder: Path, more: Sequence[dict[str, Any]] = ()) -> Path:
    """Writes a model whose feature `x` goes to the tensor `t`; `more` are features beside it."""
    path = folder / "model"
    path.mkdir()
    document = {
        "input": [{"name": "t", "datatype": datatype}],
        "output": [{"name": "y", "datatype": "FP32"}],
        "feature": [{"name": "x", "to": "t", **table}, *more],
    }
    (path / "model.toml").write_text(to_toml(document), encoding="utf-8")
    return path


def columns(table: dict[str, Any], values: Sequence[Any]) -> dict[str, Any]:
    """The rows as one column. Floats travel as 64 bits."""
    if table["type"] == "float" and "list" not in table:
        return {"x": np.array(values, np.float64)}
    if table["type"] == "float":
        return {"x": [np.array(value, np.float64) for value in values]}
    return {"x": list(values)}


def transformed(table: dict[str, Any], datatype: str, values: Sequence[Any]) -> NDArray[Any]:
    """Penstock's tensor for one value a row (a list feature's: one list)."""
    with tempfile.TemporaryDirectory() as folder:
        return FeatureSpec.load(model(table, datatype, Path(folder))).transform(columns(table, values))["t"]


def expected(table: dict[str, Any], datatype: str, values: Sequence[Any]) -> NDArray[Any]:
    """The reference's tensor for the same."""
    with tempfile.TemporaryDirectory() as folder:
        feature = Model.load(model(table, datatype, Path(folder))).features[0]
    lists = values if "list" in table else [[value] for value in values]
    flat = [value for row in lists for value in row]
    typed: Any = [text.encode() if isinstance(text, str) else text for text in flat]
    if table["type"] == "float":
        typed = np.array(flat, np.float64)
    elif table["type"] in ("int", "bool", "timestamp"):
        typed = np.array(flat, np.int64)
    column = Column(typed, np.array([len(row) for row in lists], np.int64))
    with np.errstate(all="ignore"):
        tensor = to_datatype(apply(feature, column, {}), datatype)
    return tensor.reshape(len(values), -1)


def as_numbers(array: NDArray[Any], datatype: str) -> NDArray[np.float64]:
    if datatype == "BF16":
        return (array.astype(np.uint32) << np.uint32(16)).view(np.float32).astype(np.float64)
    return array.astype(np.float64)
