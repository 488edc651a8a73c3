"""A PredictRequest to the arguments of forward: columns, operations, crosses, one rounding, packing."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.reference.columns import Column, read, sent_in_rows
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


def transform(model: Model, request: Any, now_ms: int | None = None) -> list[Tensor]:
    """The tensors of a parsed PredictRequest, in forward's order. Raises RefusedError."""
    with np.errstate(all="ignore"):  # NaN and infinities are values like others
        return _transform(model, request, now_ms)


def _transform(model: Model, request: Any, now_ms: int | None) -> list[Tensor]:
    rows, columns = read(model, request, now_ms)
    read_features = list(zip(model.features, columns, strict=True))
    by_name = {feature.name: (feature, column) for feature, column in read_features}
    datatypes = {tensor.name: tensor.datatype for tensor in model.inputs}
    groups = rows if sent_in_rows(request) & _reaching(model) else 1
    counts = {tensor.name: groups if tensor.per_request else rows for tensor in model.inputs}
    blocks: dict[str, list[Array]] = {}
    jagged: dict[str, list[tuple[Array, Array]]] = {}
    padding: dict[str, tuple[NDArray[np.int64], ListForm]] = {}
    for feature, column in read_features:
        if feature.to is None:
            continue
        rounded = to_datatype(apply(feature, column, by_name), datatypes[feature.to])
        count = counts[feature.to]
        if feature.form is not None and feature.form.kind == "padded":
            kept = _kept(column.lengths, feature.form)[1]
            padding[feature.to] = np.broadcast_to(kept[:count], count), feature.form
        if rounded.ndim == 2:
            blocks.setdefault(feature.to, []).append(rounded[:count])
        elif feature.form is not None and feature.form.kind == "jagged":
            lists = _jagged(rounded, column.lengths, feature.form, count)
            jagged.setdefault(feature.to, []).append(lists)
        else:
            block = _block(rounded, column.lengths, feature.form, datatypes[feature.to])
            blocks.setdefault(feature.to, []).append(block[:count])
    for cross in model.crosses:
        ids = to_datatype(_crossed(cross, by_name), datatypes[cross.to])
        blocks.setdefault(cross.to, []).append(ids[: counts[cross.to], None])
    index = np.arange(rows) if groups == rows else np.zeros(rows, np.int64)

    def array(tensor: Input) -> Array:
        if tensor.is_index:
            return index.astype(DTYPES[tensor.datatype])
        if (tensor.lengths_of or tensor.mask_of) in padding:
            return _padding(tensor, padding)
        return _input(tensor, blocks, jagged, counts[tensor.name])

    return [Tensor(tensor.name, tensor.datatype, array(tensor)) for tensor in model.inputs]


def _reaching(model: Model) -> set[str]:
    """The features that reach an input that a request may have once: by themselves, a cross or an age."""
    once = {tensor.name for tensor in model.inputs if tensor.per_request}
    names = {feature.name for feature in model.features if feature.to in once}
    for feature in model.features:
        if feature.to in once:
            names.update(o.arguments["until"] for o in feature.ops if o.name == "age")
    names.update(name for cross in model.crosses if cross.to in once for name in cross.features)
    return names


def _padding(tensor: Input, padding: dict[str, tuple[NDArray[np.int64], ListForm]]) -> Array:
    kept, form = padding[tensor.lengths_of or tensor.mask_of or ""]
    assert form.max is not None
    return to_datatype(kept if tensor.lengths_of else np.arange(form.max) < kept[:, None], tensor.datatype)


def _input(
    tensor: Input, blocks: dict[str, list[Array]], jagged: dict[str, list[tuple[Array, Array]]], rows: int
) -> Array:
    of = tensor.offsets_of or tensor.lengths_of
    if of is not None:
        lengths = np.concatenate([lengths for _, lengths in jagged[of]])
        if tensor.offsets_of is not None:
            ends = np.concatenate([[0], np.cumsum(lengths)])
            lengths = ends if tensor.include_last else ends[:-1]
        return lengths.astype(DTYPES[tensor.datatype])
    if tensor.name in jagged:
        return np.concatenate([values for values, _ in jagged[tensor.name]])
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
    if len(kept) > rows:  # all rows alike
        values, kept = values[: kept[0]], kept[:rows]
    elif len(kept) != rows:
        values, kept = np.tile(values, rows), np.tile(kept, rows)
    return values, kept


def _crossed(cross: Cross, by_name: dict[str, tuple[Feature, Column]]) -> NDArray[np.int64]:
    """Ids of a cross: one a row, or a single one where every part comes from the context."""
    key = np.array([CROSS_KEY], np.uint64)
    for name in cross.features:
        values = by_name[name][1].values
        prints = values.view(np.uint64) if isinstance(values, np.ndarray) else fingerprint64_many(values)
        key = fingerprint_cat64(key, prints)
    return (key % np.uint64(cross.buckets)).astype(np.int64)
