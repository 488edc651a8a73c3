"""The extension's arrays as numpy sees them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock._fastpath import Array

# Of tensors that features fill. numpy has no BF16: its bit patterns.
DTYPES = {
    "FP64": np.float64,
    "FP32": np.float32,
    "FP16": np.float16,
    "BF16": np.uint16,
    "INT64": np.int64,
    "INT32": np.int32,
    "BOOL": np.bool_,
}


def numpy_of(array: Array) -> NDArray[Any]:
    """A read-only view of the array's memory, which lives as long as the view.

    BF16, for which numpy has no dtype, comes as its bit patterns in uint16, copied;
    `torch.from_numpy(bits).view(torch.bfloat16)` makes numbers of them.
    """
    if array.datatype == "BF16":
        return np.frombuffer(array.tobytes(), np.uint16).reshape(array.shape)
    exporter: Any = array
    return np.from_dlpack(exporter)


def named_arrays(arrays: Iterable[Array]) -> dict[str, NDArray[Any]]:
    """The arrays by name, in their order."""
    return {array.name: numpy_of(array) for array in arrays}
