"""What cannot be carried is listed whole, with step, column and reason."""

import datetime as dt
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction import FeatureHasher
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    StandardScaler,
)

from penstock import SklearnImportError, import_sklearn

TABLE = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [0.0, 5.0, 1.0, 1.0], "s": ["x", "y", "x", "z"]})
NUMBERS = TABLE[["a", "b"]]
TARGET = [0, 1, 0, 1]


def problems(transformer: Any, **keys: Any) -> list[str]:
    with pytest.raises(SklearnImportError) as refused:
        import_sklearn(transformer, **keys)
    listed = [str(problem) for problem in refused.value.problems]
    assert str(refused.value).splitlines()[1:] == [f"- {sentence}" for sentence in listed]
    return listed


class OwnScaler(StandardScaler):
    """A subclass, which may compute something else."""


def half(x: Any) -> Any:
    return x / 2


def _one_hot_of(values: list[Any]) -> OneHotEncoder:
    cells = np.empty((len(values), 1), object)
    cells[:, 0] = values
    return OneHotEncoder().fit(cells)


def _scaler_of_no_numbers() -> StandardScaler:
    with np.errstate(invalid="ignore"):
        return StandardScaler().fit(NUMBERS.assign(b=np.nan))


ALONE = {
    "no category": (lambda: _one_hot_of([None]), "training data had no value of it"),
    "own class": (lambda: OwnScaler().fit(NUMBERS), "OwnScaler: it is no class of scikit-learn's"),
    "not fitted": (lambda: make_pipeline(StandardScaler()), "does not say what it was fitted on"),
    "Normalizer": (lambda: Normalizer().fit(NUMBERS), "Normalizer: it scales the row, all columns together"),
    "PowerTransformer": (lambda: PowerTransformer().fit(NUMBERS), "PowerTransformer: no operation raises"),
    "PolynomialFeatures": (lambda: PolynomialFeatures().fit(NUMBERS), "no products of columns"),
    "KNNImputer": (lambda: KNNImputer().fit(NUMBERS), "SimpleImputer is carried"),
    "PCA": (lambda: PCA().fit(NUMBERS), "PCA: a feature spec has no operation for it"),
    "model": (
        lambda: make_pipeline(StandardScaler(), LogisticRegression()).fit(NUMBERS, TARGET),
        r"logisticregression \(LogisticRegression\): it is a model, not preprocessing; .*pipeline\[:-1\]",
    ),
    "function": (
        lambda: FunctionTransformer(half).fit(NUMBERS),
        "the function half is no operation; carried are numpy.log1p",
    ),
    "function with keys": (
        lambda: FunctionTransformer(np.log1p, kw_args={"where": True}).fit(NUMBERS),
        "the function log1p with kw_args is no operation",
    ),
    "missing_values": (
        lambda: SimpleImputer(missing_values=-1).fit(NUMBERS),
        "missing_values = -1; only NaN, None",
    ),
    "late imputer": (
        lambda: make_pipeline(StandardScaler(), SimpleImputer()).fit(NUMBERS),
        "column 'a': it fills NaN behind a step that computes; put the imputer first",
    ),
    "filled with text 'error'": (
        lambda: make_pipeline(SimpleImputer(strategy="constant", fill_value="error"), OneHotEncoder()).fit(
            np.array([["error"], ["x"]], object)
        ),
        "the text 'error' fills missing values",
    ),
    "only unfitted values": (
        _scaler_of_no_numbers,
        "column 'b': its fitted value is nan",
    ),
    "fractions as categories": (lambda: _one_hot_of([0.5, 1.5]), "its category 0.5 is no whole number"),
    "None and NaN": (lambda: _one_hot_of(["x", None, np.nan]), "None and NaN are two of its categories"),
    "times as categories": (
        lambda: _one_hot_of([dt.date(2024, 1, 1)]),
        "of type date; a vocabulary holds text or integers",
    ),
    "large integers": (lambda: _one_hot_of([2**70]), "does not fit a 64-bit integer"),
    "half a character": (lambda: _one_hot_of(["\ud800"]), "is not valid Unicode"),
    "the stand-in": (lambda: _one_hot_of(["<missing>"]), "which here stands for a missing value"),
    "numbers of a one-hot": (
        lambda: make_pipeline(OneHotEncoder(sparse_output=False), StandardScaler()).fit(TABLE[["s"]]),
        r"standardscaler \(StandardScaler\), column 's': an earlier step made 3 columns of it",
    ),
    "some columns of a one-hot": (
        lambda: make_pipeline(
            OneHotEncoder(sparse_output=False), ColumnTransformer([("first", MaxAbsScaler(), [0])])
        ).fit(TABLE[["s"]]),
        "it takes some of the 3 columns that an earlier step made of 's'",
    ),
    "one-hot of numbered categories": (
        lambda: make_pipeline(OrdinalEncoder(), OneHotEncoder(drop="first")).fit(TABLE[["s"]]),
        "without drop and infrequent categories",
    ),
    "categories of what was computed": (
        lambda: make_pipeline(StandardScaler(), FunctionTransformer(np.log1p), OneHotEncoder()).fit(
            pd.DataFrame({"a": [0.0, 0.0]})
        ),
        "an encoder of categories can only be the first step that computes",
    ),
    "hash of dicts": (lambda: FeatureHasher().fit([{}]), "does not say what it was fitted on"),
    "steps that disagree on a type": (
        lambda: FeatureUnion([("a", OneHotEncoder()), ("b", SimpleImputer(strategy="most_frequent"))]).fit(
            TABLE[["s"]]
        ),
        "all steps together, column 's': a step passes it on as text",
    ),
    "a fraction fills integers": (
        lambda: FeatureUnion([("a", OneHotEncoder()), ("b", SimpleImputer())]).fit(
            pd.DataFrame({"a": [1.0, 2.0]})
        ),
        "all steps together, column 'a': a missing value becomes 1.5, which is no int",
    ),
    "a name that no feature has": (
        lambda: StandardScaler().fit(pd.DataFrame({"a\nb": [1.0]})),
        "a feature's name has 1 to 128 bytes",
    ),
    "nothing is left": (
        lambda: ColumnTransformer([("no", "drop", ["a"])]).fit(NUMBERS),
        "it gives no columns",
    ),
}


@pytest.mark.parametrize("name", ALONE)
def test_a_step_that_cannot_be_carried_is_named_with_its_reason(name: str) -> None:
    fitted, reason = ALONE[name]
    listed = problems(fitted())
    assert any(re.search(reason, sentence) for sentence in listed), listed


def test_everything_that_cannot_be_carried_is_listed_at_once() -> None:
    inner = make_pipeline(SimpleImputer(), PowerTransformer(), StandardScaler(), PCA())
    hashed = FeatureHasher(4, input_type="dict")
    table = TABLE.assign(tags=[{"k": 1}] * 4, fraction=[0.5, 1.5, 2.5, 0.5])
    transformer = ColumnTransformer(
        [
            ("numbers", inner, ["a", "b"]),
            ("good", KBinsDiscretizer(2, strategy="uniform"), ["a"]),
            ("fractions", OneHotEncoder(), ["s", "fraction"]),
            ("tags", hashed, "tags"),
            ("row", Normalizer(), ["a", "b"]),
        ],
    ).fit(table)
    assert [re.sub(":.*", "", sentence) for sentence in problems(transformer)] == [
        "numbers → powertransformer (PowerTransformer)",
        "numbers → pca (PCA)",
        "fractions (OneHotEncoder), column 'fraction'",
        "tags (FeatureHasher)",
        "row (Normalizer)",
    ]


def test_a_hash_of_whole_rows_or_into_too_many_columns_is_refused() -> None:
    table = pd.DataFrame({"tags": [["a"], ["b"]]})
    many = ColumnTransformer([("t", FeatureHasher(2**20, input_type="string"), "tags")]).fit(table)
    assert "n_features = 1048576; the most is 65536" in problems(many)[0]
    rows = FeatureHasher(8, input_type="string").fit([["a"]])
    assert "it hashes whole rows" in problems(rows, feature_names=["tags"])[0]


def test_names_must_be_as_many_as_columns() -> None:
    assert (
        "it was fitted on 2 columns, but feature_names has 1"
        in problems(StandardScaler().fit(NUMBERS), feature_names=["a"])[0]
    )


def test_a_datatype_that_preprocessing_does_not_give_is_refused() -> None:
    with pytest.raises(ValueError, match=r"datatype is 'FP8'; preprocessing gives FP32 or FP64"):
        import_sklearn(StandardScaler().fit(NUMBERS), datatype="FP8")  # type: ignore[arg-type]
