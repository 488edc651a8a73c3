"""Ids against TensorFlow's own."""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import FeatureSpec
from tests.operations.one_feature import transformed
from tests.operations.strategies import int64
from tests.parity.settings import MISSING, SETTINGS
from tests.property.models import to_toml

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
tf = pytest.importorskip("tensorflow", reason=MISSING.format("tensorflow"))
pytestmark = pytest.mark.parity

keys = st.lists(st.binary(max_size=300), min_size=1, max_size=50)
buckets = st.integers(1, 2**40) | st.just(2**63 - 1)


def ids(table: dict[str, Any], values: list[Any]) -> list[int]:
    return transformed(table, "INT64", values)[:, 0].tolist()


@SETTINGS
@given(keys, buckets)
def test_a_hash_of_bytes_is_to_hash_bucket_fast(values: list[bytes], count: int) -> None:
    got = ids({"type": "bytes", "ops": [{"hash": {"buckets": count}}]}, values)
    assert got == tf.strings.to_hash_bucket_fast(values, count).numpy().tolist()


@SETTINGS
@given(st.lists(int64, min_size=1, max_size=50), buckets)
def test_a_hash_of_ints_as_text_is_that_of_as_string(values: list[int], count: int) -> None:
    got = ids({"type": "int", "ops": [{"hash": {"buckets": count, "ints": "text"}}]}, values)
    text = tf.strings.as_string(tf.constant(values, tf.int64))
    assert got == tf.strings.to_hash_bucket_fast(text, count).numpy().tolist()


@SETTINGS
@given(st.data(), st.integers(1, 2**31), st.booleans())
def test_a_vocabulary_is_a_static_vocabulary_table(data: st.DataObject, oov_buckets: int, text: bool) -> None:
    some = st.text(max_size=30) if text else int64
    known = data.draw(st.lists(some, min_size=1, max_size=9, unique=True))
    values = data.draw(st.lists(st.sampled_from(known) | some, min_size=1, max_size=50))
    vocab = {"values": known, "oov_buckets": oov_buckets, "ints": "text"}
    got = ids({"type": "string" if text else "int", "ops": [{"vocab": vocab}]}, values)
    dtype = tf.string if text else tf.int64
    places = tf.lookup.KeyValueTensorInitializer(
        tf.constant(known, dtype), tf.range(len(known), dtype=tf.int64)
    )
    table = tf.lookup.StaticVocabularyTable(places, oov_buckets, lookup_key_dtype=dtype)
    assert got == table.lookup(tf.constant(values, dtype)).numpy().tolist()


@SETTINGS
@given(st.data(), buckets, st.lists(st.booleans(), min_size=2, max_size=4))
def test_a_cross_is_cross_hashed(data: st.DataObject, count: int, kinds: list[bool]) -> None:
    columns = [data.draw(st.binary(max_size=100) if is_bytes else int64) for is_bytes in kinds]
    names = [f"f{at}" for at in range(len(kinds))]
    types = ["bytes" if is_bytes else "int" for is_bytes in kinds]
    document = {
        "input": [{"name": "t", "datatype": "INT64"}],
        "output": [{"name": "y", "datatype": "FP32"}],
        "feature": [{"name": name, "type": type_} for name, type_ in zip(names, types, strict=True)],
        "cross": [{"features": names, "hash": {"buckets": count}, "to": "t"}],
    }
    with tempfile.TemporaryDirectory() as folder:
        (path := Path(folder) / "model").mkdir()
        (path / "model.toml").write_text(to_toml(document), encoding="utf-8")
        got = FeatureSpec.load(path).transform([dict(zip(names, columns, strict=True))])["t"]
    dtypes = [tf.string if is_bytes else tf.int64 for is_bytes in kinds]
    tensors = [tf.constant([[value]], dtype) for value, dtype in zip(columns, dtypes, strict=True)]
    # TensorFlow takes 0 for 2^63 - 1 buckets.
    crossed = tf.sparse.cross_hashed(tensors, num_buckets=0 if count == 2**63 - 1 else count)
    assert got.tolist() == [crossed.values.numpy().tolist()]


@SETTINGS
@given(
    st.lists(st.floats(allow_nan=False, allow_subnormal=False), min_size=1, max_size=50),
    st.sets(st.integers(-9, 9), min_size=1),
)
def test_buckets_are_those_of_bucketize_which_takes_subnormal_numbers_for_zero(
    values: list[float], places: set[int]
) -> None:
    boundaries = [float(place) for place in sorted(places)]
    got = ids({"type": "float", "ops": [{"bucketize": {"boundaries": boundaries}}]}, values)
    wanted = tf.raw_ops.Bucketize(input=tf.constant(values, tf.float64), boundaries=boundaries)
    assert got == wanted.numpy().tolist()


def test_the_fingerprint_is_that_of_every_length() -> None:
    values = [np.random.default_rng(length).bytes(length) for length in range(600)]
    got = ids({"type": "bytes", "ops": [{"hash": {"buckets": 2**63 - 1}}]}, values)
    prints = tf.fingerprint(tf.constant(values)).numpy()
    assert got == [int.from_bytes(print_.tobytes(), "little") % (2**63 - 1) for print_ in prints]
