"""Rows and context → the bytes of a PredictRequest, for the client and for offline transforms alike."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from penstock import _fastpath
from penstock.feature_column import RowsError, TimeUnit, column_of_cells
from penstock.pb import prediction_pb2
from penstock.rows import Rows, RowTable, table_of_rows

# PredictRequest.examples and routing_key: fields 5 and 10, length-delimited.
_EXAMPLES_TAG = b"\x2a"
_ROUTING_KEY_TAG = b"\x52"


@dataclass(frozen=True, slots=True)
class PredictOptions:
    """What a PredictRequest says besides its features; `model_version` and `request_id` may be empty.

    `ms_features` names the timestamp features whose unit is "ms"; datetimes for others go as seconds.
    Calls with the same `routing_key` meet the same version; "": each by itself.
    """

    model_name: str
    model_version: str = ""
    request_id: str = ""
    outputs: Sequence[str] = ()
    receipt: bool = False
    ms_features: Collection[str] = ()
    routing_key: str = ""

    def time_unit(self, feature: str) -> TimeUnit:
        """The unit in which datetimes for this feature go."""
        return "ms" if feature in self.ms_features else "s"


@dataclass(frozen=True, slots=True)
class ExampleRecords:
    """Rows as serialized tf.train.Example (or penstock.v1.Example) messages."""

    records: Sequence[bytes]

    @property
    def rows(self) -> int:
        """The number of records."""
        return len(self.records)

    def slice(self, start: int, stop: int) -> ExampleRecords:
        """Records `start` to `stop`, `stop` excluded."""
        return ExampleRecords(self.records[start:stop])


RequestRows: TypeAlias = RowTable | ExampleRecords


def request_rows(rows: Rows | Sequence[bytes]) -> RequestRows:
    """Any form that `penstock.rows` reads, or a list of serialized Examples. Raises RowsError."""
    if isinstance(rows, list | tuple) and rows and isinstance(rows[0], bytes):
        for row, record in enumerate(rows):
            if not isinstance(record, bytes):
                raise RowsError(
                    f"is {type(record).__name__}, but the rows before it are serialized Examples", row=row
                )
        return ExampleRecords(rows)
    return table_of_rows(rows)  # type: ignore[arg-type]


def encode_request(options: PredictOptions, rows: RequestRows, context: bytes | None = None) -> bytes:
    """A serialized PredictRequest; `context` is a serialized Example."""
    columns = rows.columns if isinstance(rows, RowTable) else ()
    request = _fastpath.encode_columns(
        options.model_name,
        options.model_version,
        options.request_id,
        [column.wire(options.time_unit(column.name)) for column in columns],
        context=context,
        outputs=options.outputs,
        receipt=options.receipt,
    )
    if options.routing_key:
        request += _fields(_ROUTING_KEY_TAG, [options.routing_key.encode()])
    if isinstance(rows, ExampleRecords):
        return request + _fields(_EXAMPLES_TAG, rows.records)
    if not columns:
        # Without a column nothing says how many rows there are; empty Examples do.
        return request + _fields(_EXAMPLES_TAG, [b""] * rows.rows)
    return request


def encode_context(options: PredictOptions, context: Mapping[str, object]) -> bytes:
    """Features shared by all rows, each a value or a list of values, as a serialized Example.

    Values are taken as `penstock.rows` takes a row's, but an Example's floats have 32 bits: floats
    are rounded to them. Raises RowsError.
    """
    example = prediction_pb2.Example()
    for name, value in context.items():
        try:
            column = column_of_cells(name, [value])
        except RowsError as error:
            raise RowsError(f"in the context: {error.problem}", feature=name) from None
        if column is None:
            continue
        feature = example.features.feature[name]
        _, kind, values, _, _ = column.wire(options.time_unit(name))
        match kind:
            case "floats" | "doubles":
                feature.float_list.value.extend(_singles(name, np.asarray(values)))
            case "ints":
                feature.int64_list.value.extend(np.asarray(values).tolist())
            case "strings" | "bytes":
                feature.bytes_list.value.extend(v.encode() if isinstance(v, str) else v for v in values)
    return example.SerializeToString()


def _singles(name: str, values: NDArray[Any]) -> list[float]:
    with np.errstate(over="ignore"):
        singles = values.astype(np.float32)
    if (np.isinf(singles) & ~np.isinf(values)).any():
        raise RowsError("in the context: a value does not fit a 32-bit float", feature=name)
    floats: list[float] = singles.tolist()
    return floats


def _fields(tag: bytes, messages: Iterable[bytes]) -> bytes:
    """Fields to be laid behind a serialized message, which merges them into it."""
    parts: list[bytes] = []
    for message in messages:
        parts += (tag, _varint(len(message)), message)
    return b"".join(parts)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
