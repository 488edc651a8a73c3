"""The feature program offline: the tensors that the server would build, for training and checks.

Rows are read by the decoder that serves, so there is no second implementation that could differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock._fastpath import ModelSpec, Table, TensorSpec, cores, fit_table, transform_table
from penstock.arrays import DTYPES
from penstock.predict_request import PredictOptions, encode_context, encode_request, request_rows
from penstock.program_table import describe
from penstock.progress import Progress, watcher
from penstock.row_trace import RowTrace, row_trace
from penstock.training_rows import TrainingRows, table_of

_BASELINE_FILE = "baseline.json"
# The kind of a timestamp whose unit is "ms", a list or not.
_TIMESTAMP_MS = "timestamp_ms"


class FeatureSpec:
    """A model folder's feature program; `spec` is the whole ModelSpec. Immutable, safe to use from any thread."""

    def __init__(
        self, spec: ModelSpec, folder: str | PathLike[str] | None = None, version: int | None = None
    ) -> None:
        """Most callers `load`; `folder` and `version` are where the spec is from, which `fit` needs."""
        self.spec = spec
        self._folder = folder
        self._version = version
        kinds = spec.feature_kinds
        self._options = PredictOptions(
            spec.name, ms_features=frozenset(name for name in kinds if kinds[name].startswith(_TIMESTAMP_MS))
        )

    @classmethod
    def load(cls, folder: str | PathLike[str], version: int | None = None) -> FeatureSpec:
        """Reads `folder/model.toml` and its vocabularies, those of `version` before the model's own.

        A model with operations that are still to be fitted is loaded too, for `fit`.
        Raises SpecError where model.toml cannot be used.
        """
        return cls(ModelSpec.load(folder, version, unfitted=True), folder, version)

    @property
    def unfitted(self) -> list[str]:
        """A sentence for each feature with an operation that is still to be fitted; `transform` needs none."""
        return self.spec.unfitted

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
        return describe(self.spec)

    def transform(
        self,
        rows: TrainingRows,
        context: Mapping[str, object] | None = None,
        *,
        threads: int | None = None,
        progress: Progress = None,
    ) -> dict[str, NDArray[Any]]:
        """The model's input tensors for any number of rows, in the order of forward's arguments.

        `rows` is whatever `Client.predict` takes (a list of dicts, a dict of columns, a data frame), a
        pyarrow Table or RecordBatch or anything else with Arrow's PyCapsule interface, or serialized
        tf.Example records; Arrow memory and numpy's are read in place. `context` holds features that
        all rows share. Arrays have the inputs' dtypes and shapes with the rows on the first axis; a
        jagged input has shape [total] and its offsets [rows + 1]; an input with `per = "request"` has
        one row where its features come in the context alone. BF16 comes as uint16 bit patterns.
        The arrays are the caller's own, writable and row-major; `torch.from_dlpack` takes them
        without a copy.

        `threads` is the number of cores unless given; results do not depend on it. `progress` is None
        for a line on stderr where that is a terminal and the work takes longer than a second, True or
        False for a line always or never, or a callable that is now and then given the rows done and
        all rows. The GIL is released meanwhile.

        Raises RowsError for rows that cannot be read and RequestError for rows that the model
        refuses; both name row and feature, rows counted from 0 in the whole of `rows`.
        """
        table = table_of(rows, self.feature_kinds)
        shared = None if context is None else encode_context(self._options, context)
        arrays: dict[str, NDArray[Any]] = {}

        def allocate(name: str, datatype: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
            arrays[name] = np.empty(shape, DTYPES[datatype])
            return arrays[name].reshape(-1).view(np.uint8)

        transform_table(
            self.spec,
            table,
            allocate,
            context=shared,
            threads=_checked(threads),
            watch=watcher("transform", table.rows, progress),
        )
        return {entry.name: arrays[entry.name] for entry in self.inputs}

    def baseline(self, rows: TrainingRows) -> str:
        """The text of a baseline.json: what these rows, the training data, are like.

        Beside model.toml, or in a version's folder, the file lets a server tell how far the rows of
        now are from these (docs/feature-statistics.md). It holds no value of a text or an id, only
        their fingerprints. `rows` is whatever `transform` takes; so are the errors.
        """
        return _baseline(self.spec, table_of(rows, self.feature_kinds))

    def fit(
        self, rows: TrainingRows, *, threads: int | None = None, progress: Progress = None
    ) -> FeatureSpec:
        """Fits every operation that says `fit` to the rows, writes what was found, and gives the fitted spec.

        Means, deviations, ranges, boundaries and vocabularies go into `model.toml`, of which every other
        byte stays as it is, and large vocabularies into files of the version's folder where a version
        was loaded, else of the model's (docs/training.md). Operations that were fitted before are
        fitted anew. An operation sees what it would see in serving: what the operations before it give,
        lists cut to their `max`, and the default where a row lacks the feature; NaN is left out.

        What the rows are like goes into `baseline.json` beside them, from which a server tells how far
        its rows have moved (`baseline`).

        The arguments are those of `transform`; what is found does not depend on `threads`. All rows are
        read once for each fitted operation of the longest chain. Memory: 8 bytes a value for quantiles,
        and the distinct values of vocabularies.

        Raises what `transform` raises, SpecError where an operation cannot be fitted, OSError where a file cannot
        be written.
        """
        if self._folder is None:
            raise ValueError("only a spec that was loaded from a folder can be fitted")
        table = table_of(rows, self.feature_kinds)
        fit_table(
            self._folder,
            self._version,
            table,
            threads=_checked(threads),
            watch=watcher("fit", table.rows, progress),
        )
        fitted = FeatureSpec.load(self._folder, self._version)
        folder = Path(self._folder, *([] if self._version is None else [str(self._version)]))
        _write(folder / _BASELINE_FILE, _baseline(fitted.spec, table))
        return fitted

    def explain(self, row: Mapping[str, object], context: Mapping[str, object] | None = None) -> RowTrace:
        """What becomes of one row: each feature's values behind every operation, to the bits in the tensors.

        The values are the engine's own. Raises RowsError and RequestError as `transform` does. For
        people and tests: each operation costs a compilation of its feature, with its vocabulary.
        """
        shared = None if context is None else encode_context(self._options, context)
        request = encode_request(self._options, request_rows([row]), shared)
        return row_trace(self.spec, self.spec.explain(request), row, context or {})


def _baseline(spec: ModelSpec, table: Table) -> str:
    recorder = spec.baseline_recorder()
    recorder.add(table)
    return recorder.text()


def _write(file: Path, text: str) -> None:
    """A server that starts meanwhile finds the old file or the new one."""
    new = file.with_name(f".{file.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(file)


def _checked(threads: int | None) -> int:
    if threads is None:
        return cores()
    if threads < 1:
        raise ValueError(f"threads is {threads}; it must be 1 or more")
    return threads
