"""The forms in which rows of features are sent to a model, from rows of plain Python values.

A row is a dict of feature → list of values; floats, ints, bools, str and bytes tell the kind. A form that cannot say
what the rows say raises CannotSayError.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.pb import inference_pb2 as oip
from penstock.pb import prediction_pb2 as pb
from tests.contract.good_requests import INFER, PREDICT
from tests.contract.tensors import DTYPES, bytes_elements
from tests.property.wire_forms import record

Row = dict[str, list[Any]]


class CannotSayError(ValueError):
    """The form has no way to say it."""


@dataclass(frozen=True)
class RowForm:
    """One form."""

    method: str
    encode: Callable[[str, Sequence[Row], Row | None], bytes]
    field: str  # what BadRequest blames for a row: with {feature} and {row}
    context: bool = True


def _feature(values: list[Any]) -> pb.Feature:
    first = values[0] if values else 0
    if isinstance(first, str | bytes):
        return pb.Feature(bytes_list=pb.BytesList(value=map(_bytes, values)))
    if isinstance(first, float):
        return pb.Feature(float_list=pb.FloatList(value=values))
    return pb.Feature(int64_list=pb.Int64List(value=map(int, values)))


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _example(row: Row) -> pb.Example:
    features = {name: _feature(values) for name, values in row.items()}
    return pb.Example(features=pb.Features(feature=features))


def examples(model: str, rows: Sequence[Row], context: Row | None) -> bytes:
    request = pb.PredictRequest(model_name=model, examples=map(_example, rows))
    if context is not None:
        request.context.CopyFrom(_example(context))
    return request.SerializeToString()


def columns(model: str, rows: Sequence[Row], context: Row | None) -> bytes:
    request = pb.PredictRequest(model_name=model)
    if context is not None:
        request.context.CopyFrom(_example(context))
    raw = request.SerializeToString()
    return raw + b"".join(record(6, _column(name, [row.get(name) for row in rows])) for name in _names(rows))


def _names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _column(name: str, sent: list[list[Any] | None]) -> bytes:
    """Text in the field of strings, though it be none: whoever writes bytes by hand can do that."""
    flat = [value for values in sent for value in values or ()]
    column = pb.Column(name=name, row_lengths=[len(values or ()) for values in sent])
    bits = [values is not None for values in sent]
    column.validity = bytes(np.packbits(bits, bitorder="little"))
    types = _types(flat)
    if len(types) > 1:
        raise CannotSayError("a column has values of one kind")
    if not types:
        return column.SerializeToString()
    if types == {bytes}:
        texts = b"".join(record(1, _bytes(value)) for value in flat)
        return column.SerializeToString() + record(6, texts)
    kind = "doubles" if types == {float} else "ints"
    getattr(column, kind).value.extend(flat if kind == "doubles" else map(int, flat))
    return column.SerializeToString()


def tensors(model: str, rows: Sequence[Row], context: Row | None) -> bytes:
    """A tensor a feature, rank 2 where it is a list or has not one value."""
    if context is not None:
        raise CannotSayError("tensors have no context")
    request = oip.ModelInferRequest(model_name=model)
    for name in _names(rows):
        sent = [row.get(name) for row in rows]
        lengths = {-1 if values is None else len(values) for values in sent}
        if len(lengths) > 1:
            raise CannotSayError("a tensor has every row, and as many values in each")
        flat = [value for values in sent for value in values or ()]
        datatype = _datatype(flat)
        shape = [len(rows), *lengths] if lengths != {1} else [len(rows)]
        request.inputs.add(name=name, datatype=datatype, shape=shape)
        if datatype == "BYTES":
            request.raw_input_contents.append(bytes_elements(map(_bytes, flat)))
        else:
            request.raw_input_contents.append(np.array(flat, DTYPES[datatype]).tobytes())
    return request.SerializeToString()


def _datatype(flat: list[Any]) -> str:
    types = _types(flat)
    if len(types) > 1:
        raise CannotSayError("a tensor has values of one datatype")
    return {float: "FP64", int: "INT64", bool: "BOOL"}.get(next(iter(types), int), "BYTES")


def _types(flat: list[Any]) -> set[type]:
    """Text is bytes, as on the wire."""
    return {bytes if isinstance(value, str) else type(value) for value in flat}


FORMS = {
    "examples": RowForm(PREDICT, examples, "examples[{row}].{feature}"),
    "columns": RowForm(PREDICT, columns, "columns.{feature}[{row}]"),
    "tensors": RowForm(INFER, tensors, "inputs.{feature}[{row}]", context=False),
}
