"""Hashes, columns and numbers against scikit-learn's own."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.operations.one_feature import transformed
from tests.operations.strategies import int64
from tests.parity.settings import MISSING, SETTINGS

pytest.importorskip("sklearn", reason=MISSING.format("scikit-learn"))
from sklearn.feature_extraction import FeatureHasher
from sklearn.preprocessing import MinMaxScaler, Normalizer, OneHotEncoder, QuantileTransformer, StandardScaler
from sklearn.utils import murmurhash3_32

pytestmark = pytest.mark.parity

# Repeated values, so that quantiles are equal, and values of every size.
training = st.lists(st.integers(-3, 3).map(float) | st.floats(-1e6, 1e6), min_size=2, max_size=40)
unseen = st.lists(st.integers(-4, 4).map(float) | st.floats(-1e7, 1e7) | st.just(float("nan")), max_size=20)


@SETTINGS
@given(st.lists(st.binary(max_size=100), min_size=1, max_size=50), st.integers(0, 2**32 - 1))
def test_murmur3_of_bytes_is_murmurhash3_32(values: list[bytes], seed: int) -> None:
    hash_ = {"function": "murmur3_32", "buckets": 2**32, "seed": seed}
    got = transformed({"type": "bytes", "ops": [{"hash": hash_}]}, "INT64", values)
    assert got[:, 0].tolist() == [murmurhash3_32(value, seed=seed, positive=True) for value in values]


@SETTINGS
@given(
    st.lists(st.lists(st.text(max_size=30), max_size=20), min_size=1, max_size=20),
    st.integers(1, 300),
    st.booleans(),
)
def test_feature_hasher_is_feature_hasher(rows: list[list[str]], columns: int, alternate_sign: bool) -> None:
    op = {"feature_hasher": {"columns": columns, "alternate_sign": alternate_sign}}
    got = transformed({"type": "string", "list": {}, "ops": [op]}, "FP64", rows)
    hasher = FeatureHasher(columns, input_type="string", alternate_sign=alternate_sign)
    assert np.array_equal(got, hasher.transform(rows).toarray())


@SETTINGS
@given(training, unseen, st.sampled_from(["uniform", "normal"]), st.integers(2, 40))
def test_quantile_is_quantile_transformer(
    seen: list[float], more: list[float], output: str, n_quantiles: int
) -> None:
    transformer = QuantileTransformer(n_quantiles=min(n_quantiles, len(seen)), output_distribution=output)
    transformer.fit(np.array(seen)[:, None])
    op = {"quantile": {"quantiles": transformer.quantiles_[:, 0].tolist(), "output": output}}
    got = transformed({"type": "float", "ops": [op]}, "FP64", seen + more)
    wanted = transformer.transform(np.array(seen + more)[:, None])
    if output == "uniform":
        assert np.array_equal(got, wanted, equal_nan=True)
    else:
        np.testing.assert_allclose(got, wanted, rtol=1e-14, atol=1e-15)


@SETTINGS
@given(training, unseen)
def test_standardize_is_standard_scaler(seen: list[float], more: list[float]) -> None:
    scaler = StandardScaler().fit(np.array(seen)[:, None])
    op = {"standardize": {"mean": float(scaler.mean_[0]), "std": float(scaler.scale_[0])}}
    got = transformed({"type": "float", "ops": [op]}, "FP64", seen + more)
    assert np.array_equal(got, scaler.transform(np.array(seen + more)[:, None]), equal_nan=True)


@SETTINGS
@given(training.filter(lambda seen: max(seen) - min(seen) > 1e-3), unseen)
def test_min_max_is_min_max_scaler_up_to_rounding(seen: list[float], more: list[float]) -> None:
    scaler = MinMaxScaler().fit(np.array(seen)[:, None])
    op = {"min_max": {"min": min(seen), "max": max(seen)}}
    got = transformed({"type": "float", "ops": [op]}, "FP64", seen + more)
    # What scikit-learn adds last may be far larger than the result.
    rounding = 1e-15 * (1 + abs(float(scaler.min_[0])))
    np.testing.assert_allclose(
        got, scaler.transform(np.array(seen + more)[:, None]), rtol=1e-14, atol=rounding
    )


@SETTINGS
@given(
    # Vectors shorter than about 2e-15 scikit-learn leaves as they are.
    st.integers(1, 20).flatmap(
        lambda n: st.lists(
            st.lists(st.integers(-999, 999).map(lambda x: x / 7), min_size=n, max_size=n), min_size=1
        )
    )
)
def test_l2_normalize_is_normalizer_up_to_the_order_of_summation(rows: list[list[float]]) -> None:
    table = {"type": "float", "list": {"length": len(rows[0])}, "ops": [{"l2_normalize": {"epsilon": 0.0}}]}
    wanted = Normalizer().transform(np.array(rows))
    np.testing.assert_allclose(transformed(table, "FP64", rows), wanted, rtol=1e-13, atol=0)


@SETTINGS
@given(st.data(), st.booleans())
def test_one_hot_behind_a_vocabulary_is_one_hot_encoder(data: st.DataObject, text: bool) -> None:
    some: st.SearchStrategy[Any] = st.text(max_size=5) if text else int64
    seen = data.draw(st.lists(some, min_size=1, max_size=9))
    values = data.draw(st.lists(st.sampled_from(seen) | some, min_size=1, max_size=20))
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    encoder.fit(np.array(seen, object if text else np.int64)[:, None])
    categories = encoder.categories_[0].tolist()
    ops = [
        {"vocab": {"values": categories, "oov_buckets": 1}},
        {"one_hot": {"size": len(categories), "ignore_unknown": True}},
    ]
    got = transformed({"type": "string" if text else "int", "ops": ops}, "FP64", values)
    assert np.array_equal(got, encoder.transform(np.array(values, object if text else np.int64)[:, None]))
