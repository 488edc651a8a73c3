"""The 40-feature row's program as a data scientist writes it: pandas and numpy, a vector at a time, no loop over rows.

Text is hashed once a distinct value (`factorize`), by the vectorised Fingerprint64 of tests/reference, since neither
library has a hash that serving could repeat.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tests.reference.hashing import fingerprint64_ints, fingerprint64_many

_BUCKETS = np.uint64(100_000)
_LIST_VALUES = 20


def transform(frame: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """Dense [rows, 20], ids [rows, 15] and lists [rows, 100]."""
    names = list(frame.columns)
    floats = [name for name in names if name.startswith("float")]
    texts = [name for name in names if name.startswith("string")]
    lists = [name for name in names if name.startswith("list")]
    dense = ((frame[floats].to_numpy(np.float64) - 0.5) / 2.0).astype(np.float32)
    ids = np.column_stack([_hashed(frame[name]) for name in texts])
    return {"dense": dense, "ids": ids, "lists": np.hstack([_padded(frame[name]) for name in lists])}


def _hashed(column: pd.Series[str]) -> NDArray[np.int64]:
    codes, words = pd.factorize(column)
    hashes = fingerprint64_many([word.encode() for word in words])
    ids: NDArray[np.int64] = (hashes % _BUCKETS).astype(np.int64)[codes]
    return ids


def _padded(column: pd.Series[Any]) -> NDArray[np.int64]:
    """[rows, 20], zeros behind the values of each row."""
    lengths = column.map(len).to_numpy()
    hashes = fingerprint64_ints(np.concatenate(column.to_numpy())) % _BUCKETS
    padded = np.zeros((len(column), _LIST_VALUES), np.int64)
    padded[np.arange(_LIST_VALUES) < lengths[:, None]] = hashes.astype(np.int64)
    return padded
