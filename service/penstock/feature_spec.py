"""The feature program offline: the tensors that the server would build, for training and checks.

Rows are encoded as a client encodes them and decoded by the engine that serves, so there is no
second implementation that could differ.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock._fastpath import ModelSpec, RequestError, TensorSpec
from penstock.arrays import named_arrays
from penstock.predict_request import PredictOptions, encode_context, encode_request, request_rows
from penstock.rows import Rows

# Enough rows to make a call's fixed cost vanish, few enough to keep a chunk in the cache.
_CHUNK_ROWS = 4096
# The kind of a timestamp whose unit is "ms", a list or not.
_TIMESTAMP_MS = "timestamp_ms"


class FeatureSpec:
    """A model folder's feature program; `spec` is the whole ModelSpec. Immutable, safe to use from any thread."""

    def __init__(self, spec: ModelSpec) -> None:
        """Most callers `load`."""
        self.spec = spec
        kinds = spec.feature_kinds
        self._options = PredictOptions(
            spec.name, ms_features=frozenset(name for name in kinds if kinds[name].startswith(_TIMESTAMP_MS))
        )
        self._offsets_inputs = frozenset(entry.name for entry in spec.inputs if entry.offsets_of is not None)

    @classmethod
    def load(cls, folder: str | PathLike[str], version: int | None = None) -> FeatureSpec:
        """Reads `folder/model.toml` and its vocabularies, those of `version` before the model's own.

        Raises SpecError where model.toml cannot be used, OSError where a file cannot be read.
        """
        return cls(ModelSpec.load(folder, version))

    @property
    def inputs(self) -> list[TensorSpec]:
        """Name, datatype and shape of the tensors that `transform` gives, in forward's order."""
        return self.spec.inputs

    @property
    def outputs(self) -> list[TensorSpec]:
        """Name, datatype and shape of what forward returns."""
        return self.spec.outputs

    @property
    def feature_kinds(self) -> dict[str, str]:
        """Feature → "float", "int", "bool", "string", "bytes", "timestamp" or "timestamp_ms".

        A list has "[]" behind it. Datetimes are converted to the timestamp's unit.
        """
        return self.spec.feature_kinds

    def describe(self) -> str:
        """The program as a table: feature → operations → tensor and columns."""
        return self.spec.describe()

    def transform(
        self, rows: Rows | Sequence[bytes], context: Mapping[str, object] | None = None
    ) -> dict[str, NDArray[Any]]:
        """The model's input tensors for any number of rows, in the order of forward's arguments.

        `rows` is whatever `Client.predict` takes: a list of dicts, a dict of columns, a data
        frame, or a list of serialized tf.Example records; `context` holds features that all rows
        share. Arrays have the inputs' dtypes and shapes with the rows on the first axis; a jagged
        input has shape [total] and its offsets [rows + 1]. BF16 comes as uint16 bit patterns.
        The arrays are the caller's own, writable and row-major.

        Raises RowsError for rows that cannot be encoded and RequestError for rows that the model
        refuses; both name row and feature.
        """
        table = request_rows(rows)
        shared = None if context is None else encode_context(self._options, context)
        chunks: list[dict[str, NDArray[Any]]] = []
        for start, stop in self._chunks(table.rows):
            with _counted_from(start, stop):
                arrays = self.spec.transform(encode_request(self._options, table.slice(start, stop), shared))
            chunks.append(named_arrays(arrays))
        return self._joined(chunks)

    def baseline(self, rows: Rows | Sequence[bytes]) -> str:
        """The text of a baseline.json: what these rows, the training data, are like.

        Beside model.toml, or in a version's folder, the file lets a server tell how far the rows of
        now are from these (docs/feature-statistics.md). It holds no value of a text or an id, only
        their fingerprints. `rows` is whatever `transform` takes; so are the errors.
        """
        table = request_rows(rows)
        recorder = self.spec.baseline_recorder()
        for start, stop in self._chunks(table.rows):
            with _counted_from(start, stop):
                recorder.add(encode_request(self._options, table.slice(start, stop), None))
        return recorder.text()

    def _chunks(self, rows: int) -> Iterator[tuple[int, int]]:
        chunk_rows = min(_CHUNK_ROWS, self.spec.max_batch_rows)
        for start in range(0, rows, chunk_rows):
            yield start, min(start + chunk_rows, rows)

    def _joined(self, chunks: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
        # Of one chunk too: what the engine gives is a view of its memory, read-only.
        joined: dict[str, NDArray[Any]] = {}
        for name in chunks[0]:
            parts = [chunk[name] for chunk in chunks]
            joined[name] = _joined_offsets(parts) if name in self._offsets_inputs else np.concatenate(parts)
        return joined


@contextlib.contextmanager
def _counted_from(start: int, stop: int) -> Iterator[None]:
    """Says of which rows a refused chunk is."""
    try:
        yield
    except RequestError as error:
        if start == 0:
            raise
        raise RequestError(f"in rows {start} to {stop - 1}, counted from {start}: {error}") from None


def _joined_offsets(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Offsets of the parts laid end to end; each part's last offset is its number of values."""
    offsets = np.concatenate([parts[0][:1], *(np.diff(part) for part in parts)], dtype=np.int64)
    offsets = np.cumsum(offsets)
    if offsets[-1] > np.iinfo(parts[0].dtype).max:
        raise OverflowError(
            f"{offsets[-1]} values are too many for {parts[0].dtype} offsets; transform fewer rows"
        )
    return offsets.astype(parts[0].dtype)
