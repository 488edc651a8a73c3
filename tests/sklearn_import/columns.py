"""The columns that a fitted transformer gives, and those of the feature spec imported from it."""

import tempfile
import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from penstock import FeatureSpec, import_sklearn
from penstock.sklearn_import import ImportedFeatures

OUTPUT = '[[output]]\nname = "score"\ndatatype = "FP32"\n'
# Tables have columns that the preprocessing drops.
_HEAD = f'unknown_features = "ignore"\n\n{OUTPUT}'


def spec_of(imported: ImportedFeatures) -> FeatureSpec:
    """The feature spec of a model folder that has nothing else."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "model"
        folder.mkdir()
        (folder / "model.toml").write_text(_HEAD)
        imported.save(folder)
        return FeatureSpec.load(folder)


def imported_columns(transformer: Any, rows: Any, datatype: Literal["FP32", "FP64"] = "FP64") -> NDArray[Any]:
    """Shape [rows, columns]."""
    spec = spec_of(import_sklearn(transformer, datatype=datatype))
    return spec.transform(rows)["dense"]


def fitted_columns(transformer: Any, table: Any) -> NDArray[np.float64]:
    """What scikit-learn gives, dense and in 64 bits."""
    with warnings.catch_warnings():
        # Of unknown categories that are encoded as zeros, and functions outside their domain.
        warnings.simplefilter("ignore")
        given = transformer.transform(table)
    given = given.toarray() if hasattr(given, "toarray") else np.asarray(given)
    return given.astype(np.float64)


def as_dicts(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows in which a missing number is the float NaN, and a missing text None."""
    columns = {
        name: [None if not isinstance(cell, float) and pd.isna(cell) else cell for cell in series.tolist()]
        if series.dtype.kind == "f"
        else [None if pd.isna(cell) else cell for cell in series.tolist()]
        for name, series in table.items()
    }
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def assert_equal(got: NDArray[Any], wanted: NDArray[np.float64], ulps: int = 0) -> None:
    """The same bits, both NaN, or at most so many units in the last place apart."""
    assert got.shape == wanted.shape
    with np.errstate(over="ignore"):
        # What is too large for 32 bits is infinite, here as there.
        wanted = wanted.astype(got.dtype)
    if ulps == 0:
        np.testing.assert_array_equal(got, wanted)
        here = ~np.isnan(wanted)
        np.testing.assert_array_equal(np.signbit(got[here]), np.signbit(wanted[here]))
    else:
        np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))
        here = ~np.isnan(wanted)
        np.testing.assert_array_max_ulp(got[here], wanted[here], maxulp=ulps)
