"""xxh3_64 against the package xxhash."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.operations.one_feature import transformed
from tests.operations.strategies import int64
from tests.parity.settings import MISSING, SETTINGS

xxhash = pytest.importorskip("xxhash", reason=MISSING.format("xxhash"))
pytestmark = pytest.mark.parity

BUCKETS = 2**63 - 1


@SETTINGS
@given(st.lists(st.binary(max_size=1500), min_size=1, max_size=20), st.integers(0, 2**63 - 1))
def test_a_hash_of_bytes_is_xxh3_64(values: list[bytes], seed: int) -> None:
    hash_ = {"function": "xxh3_64", "buckets": BUCKETS, "seed": seed}
    got = transformed({"type": "bytes", "ops": [{"hash": hash_}]}, "INT64", values)
    assert got[:, 0].tolist() == [xxhash.xxh3_64_intdigest(value, seed) % BUCKETS for value in values]


@SETTINGS
@given(st.lists(int64, min_size=1, max_size=50))
def test_a_hash_of_ints_is_that_of_their_little_endian_bytes(values: list[int]) -> None:
    hash_ = {"function": "xxh3_64", "buckets": BUCKETS}
    got = transformed({"type": "int", "ops": [{"hash": hash_}]}, "INT64", values)
    keys = [value.to_bytes(8, "little", signed=True) for value in values]
    assert got[:, 0].tolist() == [xxhash.xxh3_64_intdigest(key) % BUCKETS for key in keys]
