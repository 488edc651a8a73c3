"""A PredictRequest to the arguments of forward: columns, operations, crosses, one rounding, packing."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.reference.columns import Column, read
from tests.reference.hashing import CROSS_KEY, fingerprint64_many, fingerprint_cat64
from tests.reference.model_toml import Cross, Feature, Input, ListForm, Model
from tests.reference.operations import apply

# numpy has no bfloat16: BF16 tensors are its bit patterns.
DTYPES: dict[str, Any] = {
    "FP64": np.float64,
    "FP32": np.float32,
    "FP16": np.float16,
    "BF16": np.uint16,
    "INT64": np.int64,
    "INT32": np.int32,
    "INT16": np.int16,
    "INT8": np.int8,
    "UINT8": np.uint8,
    "BOOL": np.bool_,
}

Array = NDArray[Any]


@dataclass(frozen=True)
class Tensor:
    """An argument of forward. array: row-major, DTYPES[datatype]."""

    name: str
    datatype: str
    array: Array


def transform(model: Model, request: Any) -> list[Tensor]:
    """The tensors of a parsed PredictRequest, in forward's order. Raises RefusedError."""
    with np.errstate(all="ignore"):  # NaN and infinities are values like others
        return _transform(model, request)


def _transform(model: Model, request: Any) -> list[Tensor]:
    rows, columns = read(model, request)
    read_features = list(zip(model.features, columns, strict=True))
    by_name = {feature.name: (feature, column) for feature, column in read_features}
    datatypes = {tensor.name: tensor.datatype for tensor in model.inputs}
    blocks: dict[str, list[Array]] = {}
    jagged: dict[str, tuple[Array, Array]] = {}
    padding: dict[str, tuple[NDArray[np.int64], ListForm]] = {}
    for feature, column in read_features:
        if feature.to is None:
            continue
        rounded = to_datatype(apply(feature, column, by_name), datatypes[feature.to])
        if feature.form is not None and feature.form.kind == "padded":
            kept = _kept(column.lengths, feature.form)[1]
            padding[feature.to] = np.broadcast_to(kept, rows), feature.form
        if rounded.ndim == 2:
            blocks.setdefault(feature.to, []).append(rounded)
        elif feature.form is not None and feature.form.kind == "jagged":
            jagged[feature.to] = _jagged(rounded, column.lengths, feature.form, rows)
        else:
            block = _block(rounded, column.lengths, feature.form, datatypes[feature.to])
            blocks.setdefault(feature.to, []).append(block)
    for cross in model.crosses:
        ids = to_datatype(_crossed(cross, by_name), datatypes[cross.to])
        blocks.setdefault(cross.to, []).append(ids[:, None])
    arrays = (
        _padding(tensor, padding)
        if tensor.lengths_of or tensor.mask_of
        else _input(tensor, blocks, jagged, rows)
        for tensor in model.inputs
    )
    return [Tensor(i.name, i.datatype, array) for i, array in zip(model.inputs, arrays, strict=True)]


def _padding(tensor: Input, padding: dict[str, tuple[NDArray[np.int64], ListForm]]) -> Array:
    kept, form = padding[tensor.lengths_of or tensor.mask_of or ""]
    assert form.max is not None
    return to_datatype(kept if tensor.lengths_of else np.arange(form.max) < kept[:, None], tensor.datatype)


def _input(
    tensor: Input, blocks: dict[str, list[Array]], jagged: dict[str, tuple[Array, Array]], rows: int
) -> Array:
    if tensor.offsets_of is not None:
        return jagged[tensor.offsets_of][1].astype(DTYPES[tensor.datatype])
    if tensor.name in jagged:
        return jagged[tensor.name][0]
    array = np.concatenate([np.broadcast_to(b, (rows, b.shape[1])) for b in blocks[tensor.name]], axis=1)
    return array[:, 0] if tensor.dims == [] else array


def to_datatype(values: Any, datatype: str) -> Array:
    """Rounds once, half to even. Integers that the datatype cannot hold are the caller's mistake."""
    array = np.asarray(values)
    if datatype == "BF16":
        return _to_bfloat16(array.astype(np.float64))
    if datatype == "BOOL":
        return array != 0
    if datatype.startswith("FP"):
        return array.astype(np.float64).astype(DTYPES[datatype])
    if array.dtype == np.float64:
        array = np.rint(array)
    return array.astype(DTYPES[datatype])


def _to_bfloat16(x: NDArray[np.float64]) -> NDArray[np.uint16]:
    """float64 → float32 rounded to odd → bfloat16 to nearest even, which together round once."""
    with np.errstate(over="ignore"):
        nearest = x.astype(np.float32)
    too_far = np.abs(nearest.astype(np.float64)) > np.abs(x)
    toward_zero = np.where(too_far, np.nextafter(nearest, np.float32(0)), nearest)
    bits = toward_zero.view(np.uint32)
    inexact = (toward_zero.astype(np.float64) != x) & ~np.isnan(x)
    bits = bits | inexact.astype(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    quiet = (bits >> np.uint32(16)) | np.uint32(0x40)
    return np.where(np.isnan(x), quiet, rounded).astype(np.uint16)


def _kept(lengths: NDArray[np.int64], form: ListForm) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each row's kept values start, and how many they are."""
    starts = np.cumsum(lengths) - lengths
    if form.max is None:
        return starts, lengths
    kept = np.minimum(lengths, form.max)
    return (starts + lengths - kept if form.keep == "last" else starts), kept


def _indices(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """[start, start + length) of every row, one after the other."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(lengths.sum())


def _block(values: Array, lengths: NDArray[np.int64], form: ListForm | None, datatype: str) -> Array:
    if form is None:
        return values[:, None]
    assert form.max is not None
    if form.kind == "fixed":
        return values.reshape(-1, form.max)
    starts, kept = _kept(lengths, form)
    out = np.full((len(lengths), form.max), to_datatype(np.array([form.pad]), datatype)[0])
    out[np.arange(form.max) < kept[:, None]] = values[_indices(starts, kept)]
    return out


def _jagged(
    values: Array, lengths: NDArray[np.int64], form: ListForm, rows: int
) -> tuple[Array, NDArray[np.int64]]:
    starts, kept = _kept(lengths, form)
    values = values[_indices(starts, kept)]
    if len(kept) != rows:
        values, kept = np.tile(values, rows), np.tile(kept, rows)
    return values, np.concatenate([[0], np.cumsum(kept)])


def _crossed(cross: Cross, by_name: dict[str, tuple[Feature, Column]]) -> NDArray[np.int64]:
    """Ids of a cross: one a row, or a single one where every part comes from the context."""
    key = np.array([CROSS_KEY], np.uint64)
    for name in cross.features:
        values = by_name[name][1].values
        prints = values.view(np.uint64) if isinstance(values, np.ndarray) else fingerprint64_many(values)
        key = fingerprint_cat64(key, prints)
    return (key % np.uint64(cross.buckets)).astype(np.int64)
