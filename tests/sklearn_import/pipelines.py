"""Random preprocessing, fitted on random tables, and other rows to send through it."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import assume
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
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

NUMBERS = ("n0", "n1", "n2")
TEXTS = ("t0", "t1")
INTS = ("i0", "i1")

# Eighths, so that no sum of them is rounded; beyond them what no training table had.
_SEEN = st.integers(-1000, 1000).map(lambda eighths: eighths / 8)
_NUMBER = _SEEN | st.sampled_from([np.nan, 0.0, -0.0, 1e100, -1e100, 5e-324])
_TEXT = st.sampled_from(["", "a", "b", "ß", "long text\twith a tab", "<unknown 0>"])
_INT = st.sampled_from([-(2**62), -1, 0, 1, 2, 2**53 + 1])


@dataclass(frozen=True)
class Fitted:
    """A transformer, and rows as a table; scikit-learn may refuse some of them."""

    transformer: Any
    table: pd.DataFrame


def _table(
    draw: st.DrawFn, rows: int, number: st.SearchStrategy[float], *, gaps: bool, others: bool
) -> pd.DataFrame:
    text, integer = _TEXT, _INT
    if others:
        text, integer = text | st.sampled_from(["unseen", "A"]), integer | st.just(77)
    if gaps:
        number, text, integer = number | st.just(np.nan), text | st.none(), integer | st.none()
    columns: dict[str, Any] = {
        name: np.array(draw(st.lists(number, min_size=rows, max_size=rows)), np.float64) for name in NUMBERS
    }
    for names, values in ((TEXTS, text), (INTS, integer)):
        for name in names:
            cells = draw(st.lists(values, min_size=rows, max_size=rows))
            columns[name] = pd.Series(cells, dtype=object)
    return pd.DataFrame(columns)


def _scaler(draw: st.DrawFn) -> Any:
    return draw(
        st.sampled_from(
            [
                StandardScaler(),
                StandardScaler(with_mean=False),
                MinMaxScaler((-2, 5)),
                MinMaxScaler(clip=True),
                MaxAbsScaler(),
                RobustScaler(),
                QuantileTransformer(n_quantiles=4),
            ]
        )
    )


def _bins(draw: st.DrawFn) -> Any:
    encode = draw(st.sampled_from(["ordinal", "onehot", "onehot-dense"]))
    return draw(
        st.sampled_from(
            [
                Binarizer(threshold=draw(_SEEN)),
                KBinsDiscretizer(draw(st.integers(2, 5)), encode=encode, strategy="uniform"),
                KBinsDiscretizer(3, encode=encode, strategy="quantile"),
            ]
        )
    )


def _numeric(draw: st.DrawFn, gaps: bool) -> Any:
    imputer = SimpleImputer(
        strategy=draw(st.sampled_from(["mean", "median", "most_frequent", "constant"])),
        add_indicator=draw(st.booleans()),
        keep_empty_features=draw(st.booleans()),
    )
    # Bins refuse NaN, in training too.
    filled = gaps or draw(st.booleans())
    steps = [imputer] if filled else []
    steps += [_scaler(draw) for _ in range(draw(st.integers(0, 2)))]
    steps += [_bins(draw)] if draw(st.booleans()) and (filled or not gaps) else []
    pipeline = make_pipeline(*steps) if steps else "passthrough"
    if draw(st.booleans()):
        return pipeline
    return FeatureUnion([("a", pipeline), ("b", MissingIndicator(features="all")), ("c", "drop")])


def _categories(draw: st.DrawFn) -> Any:
    unknown = draw(st.sampled_from(["error", "ignore", "infrequent_if_exist"]))
    rare = draw(st.sampled_from([{}, {"min_frequency": 3}, {"max_categories": 2}, {"min_frequency": 0.3}]))
    ordinal = draw(
        st.sampled_from(
            [
                {},
                *(
                    {"handle_unknown": "use_encoded_value", "unknown_value": value}
                    for value in (-1, 50, np.nan)
                ),
            ]
        )
    )
    return draw(
        st.sampled_from(
            [
                OneHotEncoder(
                    handle_unknown=unknown, drop=draw(st.sampled_from([None, "first", "if_binary"])), **rare
                ),
                OrdinalEncoder(encoded_missing_value=draw(st.sampled_from([np.nan, -2])), **rare, **ordinal),
                TargetEncoder(cv=2, random_state=0),
            ]
        )
    )


@st.composite
def fitted(draw: st.DrawFn) -> Fitted:
    """A ColumnTransformer over numbers, texts and integers, with gaps in training or not."""
    gaps = draw(st.booleans())
    rows = draw(st.integers(6, 16))
    train = _table(draw, rows, _SEEN, gaps=gaps, others=False)
    weights = draw(st.sampled_from([None, {"numbers": 0.25}]))
    filled = make_pipeline(SimpleImputer(missing_values=None, strategy="most_frequent"), _categories(draw))
    transformer = ColumnTransformer(
        [
            ("numbers", _numeric(draw, gaps), list(NUMBERS[:2])),
            ("texts", draw(st.sampled_from([filled, _categories(draw)])), list(TEXTS)),
            ("again", _numeric(draw, gaps), [0, 2]),
            ("integers", _categories(draw), slice("i0", "i1")),
            ("text again", _categories(draw), [TEXTS[1]]),
        ],
        transformer_weights=weights,
    )
    # Nothing says of which type a column is that never had a value.
    assume(all(train[name].notna().any() for name in (*TEXTS, *INTS)))
    target = [row % 2 for row in range(rows)]
    with warnings.catch_warnings():
        # Of bins that are joined, quantiles that are fewer, columns without a value.
        warnings.simplefilter("ignore")
        try:
            transformer.fit(train, target)
        except ValueError as error:
            # All columns of a step were dropped, because they had no value.
            assume("0 feature(s)" not in str(error))
            raise
    table = _table(
        draw, draw(st.integers(1, 4)), _NUMBER, gaps=draw(st.booleans()), others=draw(st.booleans())
    )
    return Fitted(transformer, table)
