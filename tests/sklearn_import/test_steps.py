"""Every step that can be carried gives scikit-learn's columns."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from penstock._fastpath import RequestError
from tests.sklearn_import.columns import as_dicts, assert_equal, fitted_columns, imported_columns

pytestmark = pytest.mark.filterwarnings("ignore:Feature 2 is constant", "ignore:Skipping features without")

RANDOM = np.random.default_rng(5)
ROWS = 400
NUMBERS = pd.DataFrame(
    {
        "amount": RANDOM.lognormal(3, 2, ROWS),
        "age": RANDOM.integers(18, 90, ROWS).astype(np.float64),
        "constant": np.full(ROWS, 2.5),
        "often zero": np.where(RANDOM.random(ROWS) < 0.6, 0.0, RANDOM.normal(0, 1e-3, ROWS)),
    }
)
# Beyond what was seen, and values at the edges of it.
OTHER_NUMBERS = pd.concat(
    [
        NUMBERS.iloc[:60],
        NUMBERS.agg(["min", "max", "median"]),
        pd.DataFrame([[0.0] * 4, [1e300] * 4, [5e-324] * 4, [1e-7, 40.0, 2.5, 0.0]], columns=NUMBERS.columns),
    ],
    ignore_index=True,
)
NEGATIVE = -OTHER_NUMBERS
GAPS = NUMBERS.mask(RANDOM.random(NUMBERS.shape) < 0.2)
CITIES = np.array(["Rome", "Paris", "Köln", "", "São Paulo", 'a "quoted"\ttab', "<odd>"], object)
CHANCES = [0.4, 0.3, 0.1, 0.1, 0.05, 0.03, 0.02]
TEXTS = pd.DataFrame(
    {
        "city": RANDOM.choice(CITIES, ROWS, p=CHANCES),
        "shop": RANDOM.choice([3, 17, -5, 2**40], ROWS, p=[0.5, 0.3, 0.15, 0.05]),
        "member": RANDOM.random(ROWS) < 0.5,
    }
)
UNKNOWN_TEXTS = pd.DataFrame(
    {"city": ["Rome", "Atlantis", ""], "shop": [17, 18, 3], "member": [True, False, True]}
)
TEXT_GAPS = TEXTS[["city"]].astype(object).mask(RANDOM.random((ROWS, 1)) < 0.2, None)
TARGET = RANDOM.random(ROWS) < 0.4

EXACT = {
    "StandardScaler": StandardScaler(),
    "StandardScaler without mean": StandardScaler(with_mean=False),
    "StandardScaler without std": StandardScaler(with_std=False),
    "MinMaxScaler": MinMaxScaler((-1, 3)),
    "MinMaxScaler with clip": MinMaxScaler(clip=True),
    "MaxAbsScaler": MaxAbsScaler(),
    "RobustScaler": RobustScaler(),
    "RobustScaler by parts": RobustScaler(with_centering=False, unit_variance=True, quantile_range=(10, 90)),
    "Binarizer": Binarizer(threshold=20.0),
    "KBinsDiscretizer ordinal": KBinsDiscretizer(5, encode="ordinal", strategy="uniform"),
    "KBinsDiscretizer onehot": KBinsDiscretizer(4, encode="onehot", strategy="uniform"),
    "KBinsDiscretizer onehot-dense": KBinsDiscretizer(3, encode="onehot-dense", strategy="uniform"),
    "QuantileTransformer uniform": QuantileTransformer(n_quantiles=50),
    "QuantileTransformer of 2": QuantileTransformer(n_quantiles=2),
    "FunctionTransformer without function": FunctionTransformer(),
    "clip": FunctionTransformer(np.clip, kw_args={"a_min": 1.0, "a_max": 30.0}),
    "VarianceThreshold": VarianceThreshold(),
    "chain": make_pipeline(StandardScaler(), MinMaxScaler(), Binarizer(threshold=0.3)),
    "nested union": FeatureUnion(
        [("a", StandardScaler()), ("b", MaxAbsScaler()), ("no", "drop"), ("c", "passthrough")]
    ),
    "weights": FeatureUnion(
        [("a", StandardScaler()), ("b", KBinsDiscretizer(3, encode="onehot", strategy="uniform"))],
        transformer_weights={"a": 0.5, "b": 3.0},
    ),
    "bins, then their one-hot": make_pipeline(
        KBinsDiscretizer(4, encode="ordinal", strategy="uniform"),
        OneHotEncoder(categories=[range(4)] * 4, handle_unknown="ignore"),
    ),
}


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("datatype", ["FP64", "FP32"])
def test_numbers_are_scikit_learns_bit_for_bit(name: str, datatype: Any) -> None:
    transformer = EXACT[name].fit(NUMBERS)
    for table in (OTHER_NUMBERS, NEGATIVE):
        assert_equal(imported_columns(transformer, table, datatype), fitted_columns(transformer, table))


# In units in the last place of 64 bits: numpy's logarithm and root, scipy's normal quantile.
NEARLY = {
    "log1p": (FunctionTransformer(np.log1p), 2),
    "sqrt": (FunctionTransformer(np.sqrt), 1),
    "square": (FunctionTransformer(np.square), 1),
    "QuantileTransformer normal": (QuantileTransformer(n_quantiles=50, output_distribution="normal"), 16),
}


@pytest.mark.parametrize("name", NEARLY)
def test_functions_of_two_libraries_agree_to_the_last_places(name: str) -> None:
    transformer, ulps = NEARLY[name]
    transformer.fit(NUMBERS)
    for table in (OTHER_NUMBERS, NUMBERS):
        assert_equal(imported_columns(transformer, table), fitted_columns(transformer, table), ulps)
        assert_equal(imported_columns(transformer, table, "FP32"), fitted_columns(transformer, table), 1)


def test_a_table_without_names_has_features_x0_x1() -> None:
    transformer = StandardScaler().fit(NUMBERS.to_numpy())
    rows = NUMBERS.set_axis(["x0", "x1", "x2", "x3"], axis=1)
    assert_equal(imported_columns(transformer, rows), fitted_columns(transformer, NUMBERS.to_numpy()))


@pytest.mark.parametrize("transformer", [StandardScaler(), QuantileTransformer(n_quantiles=10)], ids=repr)
def test_nan_passes_where_it_does_in_scikit_learn(transformer: Any) -> None:
    transformer.fit(NUMBERS)
    assert_equal(imported_columns(transformer, as_dicts(GAPS)), fitted_columns(transformer, GAPS))


@pytest.mark.parametrize(
    ("transformer", "value"),
    [
        (StandardScaler(), np.inf),
        (SimpleImputer(), -np.inf),
        (Binarizer(), np.nan),
        (KBinsDiscretizer(3, encode="ordinal", strategy="uniform"), np.nan),
        (make_pipeline(StandardScaler(), Binarizer()), np.nan),
    ],
    ids=repr,
)
def test_numbers_that_scikit_learn_refuses_are_refused(transformer: Any, value: float) -> None:
    transformer.fit(NUMBERS)
    table = NUMBERS.iloc[:3].copy()
    table.loc[1, "age"] = value
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        transformer.transform(table)
    with pytest.raises(RequestError, match=r"age.*row 1|row 1.*age"):
        imported_columns(transformer, as_dicts(table))


IMPUTERS = {
    "mean": SimpleImputer(),
    "median": SimpleImputer(strategy="median"),
    "most frequent": SimpleImputer(strategy="most_frequent"),
    "constant": SimpleImputer(strategy="constant", fill_value=-7.5),
    "with indicators": SimpleImputer(add_indicator=True),
    "then scaled": make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()),
    "then filled again": make_pipeline(SimpleImputer(), SimpleImputer(strategy="median")),
    "then in bins": make_pipeline(SimpleImputer(), KBinsDiscretizer(3, strategy="uniform")),
    "indicator alone": MissingIndicator(),
    "of all columns": MissingIndicator(features="all"),
    "union": FeatureUnion([("fill", SimpleImputer()), ("was", MissingIndicator())]),
}


@pytest.mark.parametrize("name", IMPUTERS)
def test_a_missing_number_is_filled_whether_absent_or_nan(name: str) -> None:
    transformer = IMPUTERS[name].fit(GAPS)
    wanted = fitted_columns(transformer, GAPS)
    assert_equal(imported_columns(transformer, GAPS), wanted)
    assert_equal(imported_columns(transformer, as_dicts(GAPS)), wanted)


def test_a_column_without_any_value_in_training_is_left_out_as_there() -> None:
    train = GAPS.assign(constant=np.nan)
    for transformer in (SimpleImputer(add_indicator=True), SimpleImputer(keep_empty_features=True)):
        transformer.fit(train)
        assert_equal(imported_columns(transformer, GAPS), fitted_columns(transformer, GAPS))


ENCODERS = {
    "one-hot": OneHotEncoder(handle_unknown="ignore"),
    "first dropped": OneHotEncoder(handle_unknown="ignore", drop="first"),
    "binary dropped": OneHotEncoder(handle_unknown="ignore", drop="if_binary"),
    "one of each dropped": OneHotEncoder(handle_unknown="ignore", drop=["Rome", 17, True]),
    "rare ones, unknown to zeros": OneHotEncoder(handle_unknown="ignore", min_frequency=30),
    "rare ones, unknown to them": OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=30),
    "rare ones and a dropped one": OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=3, drop="first"
    ),
    "rare ones, one of the others dropped": OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=30, drop=["Köln", 3, True]
    ),
    "all but one rare": OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=2),
    "all rare": OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=ROWS + 1),
    "all rare, unknown to zeros": OneHotEncoder(handle_unknown="ignore", min_frequency=ROWS + 1),
    "ordinal, unknown -1": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "ordinal, unknown NaN": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan),
    "ordinal with rare ones": OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=99, min_frequency=30
    ),
    "target": TargetEncoder(random_state=0),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_categories_have_scikit_learns_columns_and_so_have_unknown_ones(name: str) -> None:
    transformer = ENCODERS[name].fit(TEXTS, TARGET)
    for table in (TEXTS, UNKNOWN_TEXTS):
        assert_equal(imported_columns(transformer, table), fitted_columns(transformer, table))


@pytest.mark.parametrize(
    "transformer",
    [OneHotEncoder(), OneHotEncoder(drop="first"), OneHotEncoder(min_frequency=30), OrdinalEncoder()],
    ids=repr,
)
def test_an_unknown_category_is_refused_where_scikit_learn_refuses_it(transformer: Any) -> None:
    transformer.fit(TEXTS)
    assert_equal(imported_columns(transformer, TEXTS), fitted_columns(transformer, TEXTS))
    with pytest.raises(ValueError, match="unknown categories"):
        transformer.transform(UNKNOWN_TEXTS)
    with pytest.raises(RequestError, match=r"(city|shop).*row 1|row 1.*(city|shop)"):
        imported_columns(transformer, UNKNOWN_TEXTS)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_missing_text_is_a_category_where_training_had_it_else_unknown(name: str) -> None:
    transformer = ENCODERS[name]
    if isinstance(getattr(transformer, "drop", None), list):
        transformer = OneHotEncoder(handle_unknown="ignore", drop=[None])
    transformer.fit(TEXT_GAPS, TARGET)
    assert_equal(imported_columns(transformer, TEXT_GAPS), fitted_columns(transformer, TEXT_GAPS))
    transformer.set_params(**({"drop": "first"} if getattr(transformer, "drop", None) is not None else {}))
    transformer.fit(TEXTS[["city"]], TARGET)
    assert_equal(imported_columns(transformer, TEXT_GAPS), fitted_columns(transformer, TEXT_GAPS))


@pytest.mark.parametrize(
    "encoder", [OneHotEncoder(), OrdinalEncoder(), OrdinalEncoder(encoded_missing_value=-1)], ids=repr
)
def test_missing_integers_are_a_category(encoder: Any) -> None:
    table = pd.DataFrame({"shop": [3.0, 17.0, np.nan, 3.0, -5.0]})
    encoder.fit(table)
    assert_equal(imported_columns(encoder, table), fitted_columns(encoder, table))


@pytest.mark.parametrize("strategy", ["most_frequent", "constant"])
def test_missing_text_is_filled_before_it_is_encoded(strategy: str) -> None:
    imputer = SimpleImputer(missing_values=None, strategy=strategy, fill_value="none")
    transformer = make_pipeline(imputer, OneHotEncoder(handle_unknown="ignore")).fit(TEXT_GAPS)
    assert_equal(imported_columns(transformer, TEXT_GAPS), fitted_columns(transformer, TEXT_GAPS))


def test_of_several_classes_a_target_encoder_has_a_column_each() -> None:
    target = RANDOM.choice(["a", "b", "c"], ROWS)
    transformer = TargetEncoder(random_state=0).fit(TEXTS, target)
    for table in (TEXTS, UNKNOWN_TEXTS):
        assert_equal(imported_columns(transformer, table), fitted_columns(transformer, table))


def test_lists_of_text_are_hashed_to_the_same_columns_and_signs() -> None:
    tags = [["a", "b", "a"], [], ["ü", "longer text", "x" * 100], [str(n) for n in range(300)]]
    table = pd.DataFrame({"tags": tags, "n": [1.0, 2.0, 3.0, 4.0]})
    for keys in ({}, {"alternate_sign": False}):
        hashed = ("tags", FeatureHasher(16, input_type="string", **keys), "tags")
        transformer = ColumnTransformer([("n", StandardScaler(), ["n"]), hashed]).fit(table)
        assert_equal(imported_columns(transformer, table), fitted_columns(transformer, table))


MIXED = pd.concat([GAPS, TEXTS, pd.DataFrame({"unused": RANDOM.normal(size=ROWS)})], axis=1)


@pytest.mark.parametrize("remainder", ["drop", "passthrough", MinMaxScaler()], ids=repr)
def test_columns_come_in_the_order_of_the_transformers_then_the_remainder(remainder: Any) -> None:
    filled = Pipeline(
        [("fill", SimpleImputer(strategy="median", add_indicator=True)), ("scale", StandardScaler())]
    )
    transformer = ColumnTransformer(
        [
            ("text", OneHotEncoder(handle_unknown="ignore"), ["city", "member"]),
            ("same", OrdinalEncoder(), ["city"]),
            ("numbers", filled, make_column_selector("amount|age|zero")),
            ("nothing", StandardScaler(), []),
            ("kept", "passthrough", slice("shop", "shop")),
            ("gone", "drop", [2]),
        ],
        remainder=remainder,
        transformer_weights={"kept": 2.0},
    ).fit(MIXED)
    rows = MIXED.drop(columns=["constant", *(["unused"] if remainder == "drop" else [])])
    assert_equal(imported_columns(transformer, rows), fitted_columns(transformer, MIXED))


def test_a_column_transformer_behind_another_step_takes_its_columns() -> None:
    inner = ColumnTransformer(
        [("b", KBinsDiscretizer(3, strategy="uniform"), [3, -4]), ("p", "passthrough", [1])]
    )
    choose = SelectKBest(lambda table, _: np.arange(table.shape[1]), k=4)
    transformer = make_pipeline(SimpleImputer(), StandardScaler(), inner).fit(GAPS)
    assert_equal(imported_columns(transformer, GAPS), fitted_columns(transformer, GAPS))
    transformer = make_pipeline(SimpleImputer(add_indicator=True), choose).fit(GAPS, TARGET)
    assert_equal(imported_columns(transformer, GAPS), fitted_columns(transformer, GAPS))
