"""The rows of a case as PredictRequests: in the example form and in the column form."""

from typing import Any

from hypothesis import strategies as st

from penstock.pb import prediction_pb2 as pb
from tests.property.models import Case

Row = dict[str, list[Any] | None]


def as_examples(case: Case) -> pb.PredictRequest:
    """One Example a row; features of the context once."""
    request = pb.PredictRequest(model_name="model")
    for row in case.rows:
        example = request.examples.add()
        _fill(example, case, {name: values for name, values in row.items() if name not in case.context})
    _add_context(request, case)
    return request


def as_columns(draw: st.DrawFn, case: Case, *, wide: bool = False) -> pb.PredictRequest:
    """One Column a feature, missing values told in one of the ways that a caller may choose.

    `wide`: floats have 64 bits.
    """
    request = pb.PredictRequest(model_name="model")
    for name in case.types:
        if name in case.context:
            continue
        column = request.columns.add(name=name)
        sent = [row[name] for row in case.rows]
        gaps = any(values is None for values in sent)
        by_length = name in case.lists or draw(st.booleans())
        # A list that has no values is told from a missing one by its validity bit alone.
        if gaps and (name in case.lists or not by_length or draw(st.booleans())):
            column.validity = bit_mask([values is not None for values in sent])
        if by_length:
            column.row_lengths.extend(len(values or ()) for values in sent)
            flat = [value for values in sent for value in values or ()]
        else:
            flat = [values[0] if values else _placeholder(case.types[name]) for values in sent]
        kind = draw(st.sampled_from(_kinds(case.types[name], flat)))
        kind = "doubles" if wide and kind == "floats" else kind
        getattr(column, kind).value.extend(int(value) if "ints" in kind else value for value in flat)
    _add_context(request, case)
    return request


def _kinds(type_: str, flat: list[Any]) -> list[str]:
    if type_ == "float":
        whole = all(float(value).is_integer() and abs(value) < 2**53 for value in flat)
        return ["floats", "doubles", *(["ints", "fixed_ints"] if whole else [])]
    if type_ in ("string", "bytes"):
        return [{"string": "strings", "bytes": "bytes"}[type_]]
    return ["ints", "fixed_ints"]


def _placeholder(type_: str) -> Any:
    return {"string": "", "bytes": b""}.get(type_, 0)


def bit_mask(bits: list[bool]) -> bytes:
    """One bit a row, bit 0 of byte 0 first."""
    mask = bytearray((len(bits) + 7) // 8)
    for at, bit in enumerate(bits):
        mask[at // 8] |= bit << at % 8
    return bytes(mask)


def _add_context(request: pb.PredictRequest, case: Case) -> None:
    if case.context:
        _fill(request.context, case, {name: case.rows[0][name] for name in case.context})


def _fill(example: pb.Example, case: Case, row: Row) -> None:
    example.features.SetInParent()
    for name, values in row.items():
        if values is None:
            continue
        feature = example.features.feature[name]
        if case.types[name] == "float":
            feature.float_list.value.extend(values)
        elif case.types[name] in ("string", "bytes"):
            feature.bytes_list.value.extend(
                value.encode() if isinstance(value, str) else value for value in values
            )
        else:
            feature.int64_list.value.extend(values)
