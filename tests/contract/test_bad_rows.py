"""Rows that a model must refuse, in every form that can say them: code, sentence, and the field that BadRequest blames.

A fault is a line of FAULTS; a form is a line of row_forms.FORMS.
"""

import math
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
import pytest

from penstock.pb import inference_pb2 as oip
from penstock.pb import prediction_pb2 as pb
from tests.contract import strict_model
from tests.contract.refusals import call, refused
from tests.contract.row_forms import FORMS, CannotSayError, Row, RowForm, examples
from tests.contract.status_details import blamed_fields
from tests.contract.tensors import outputs
from tests.contract.test_predict import arrays
from tests.property.wire_forms import record

ROWS = 7  # the model's limit is higher, a byte of a validity mask longer
BAD_ROW = 5
LONGEST = 65_536
NO_TEXT = b"caf\xe9"


@dataclass(frozen=True)
class Fault:
    """A feature's values that no row may have. `problem`: the sentence behind the feature and its place."""

    name: str
    feature: str
    values: list[Any]
    problem: str
    tensor: str = ""  # what is said of a tensor that holds them, where that as a whole is wrong

    def __str__(self) -> str:
        return self.name


def _kind(feature: str, values: list[Any], expected: str, came: str, datatype: str, takes: str) -> Fault:
    return Fault(
        f"{feature} of {came}",
        feature,
        values,
        f"must be {expected}, but {came} came.",
        f'has datatype "{datatype}"; the model takes {takes}.',
    )


FAULTS = [
    _kind("amount", ["much"], "floats (or integers)", "bytes or text", "BYTES", "FP32 or FP64"),
    _kind("seat", [1.0], "integers", "floats", "FP64", "INT64 or INT32"),
    _kind("seat", ["a"], "integers", "bytes or text", "BYTES", "INT64 or INT32"),
    _kind("active", [1.0], "integers 0 or 1", "floats", "FP64", "BOOL"),
    _kind("word", [7], "text", "integers", "INT64", "BYTES"),
    _kind("blob", [7.0], "bytes", "floats", "FP64", "BYTES"),
    _kind("seen", [7.0], "integers (a timestamp)", "floats", "FP64", "INT64 or INT32"),
    _kind("items", ["a", "b"], "integers", "bytes or text", "BYTES", "INT64 or INT32"),
    _kind("vector", [NO_TEXT] * 3, "floats (or integers)", "bytes or text", "BYTES", "FP32 or FP64"),
    Fault(
        "two values of a scalar",
        "ratio",
        [1.0, 2.0],
        "must have 1 value, but 2 came.",
        "has shape [7, 2]; the model takes [-1, 1], where -1 is any size and the first is the rows.",
    ),
    Fault(
        "a vector too short",
        "vector",
        [1.0, 2.0],
        "must have 3 values, but 2 came.",
        "has shape [7, 2]; the model takes [-1, 3], where -1 is any size and the first is the rows.",
    ),
    Fault(
        "a vector too long",
        "vector",
        [1.0] * 4,
        "must have 3 values, but 4 came.",
        "has shape [7, 4]; the model takes [-1, 3], where -1 is any size and the first is the rows.",
    ),
    Fault(
        "a vector of nothing",
        "vector",
        [],
        "must have 3 values, but 0 came.",
        'has datatype "INT64"; the model takes FP32 or FP64.',
    ),
    Fault("above INT32", "small", [2**31], "is 2147483648, which INT32 cannot hold."),
    Fault("below INT32", "small", [-(2**31) - 1], "is -2147483649, which INT32 cannot hold."),
    Fault("an identity too large", "seat", [10], "must be 0 to 9, but 10 came."),
    Fault("an identity below 0", "seat", [-1], "must be 0 to 9, but -1 came."),
    Fault("an identity in a list", "seats", [3, 12], "must be 0 to 9, but 12 came."),
    Fault("a text out of vocabulary", "country", ["FR"], "is not in the model's vocabulary."),
    Fault("an int out of vocabulary", "plan", [9], "is not in the model's vocabulary."),
    Fault("a list too long", "items", [1] * (LONGEST + 1), "must have at most 65536 values, but 65537 came."),
    Fault("tags too long", "tags", [""] * (LONGEST + 1), "must have at most 65536 values, but 65537 came."),
    Fault("no UTF-8", "word", [NO_TEXT], "must be UTF-8 text, but other bytes came."),
    Fault("no UTF-8 for a vocabulary", "country", [NO_TEXT], "must be UTF-8 text, but other bytes came."),
    Fault("no UTF-8 in a list", "tags", ["a", NO_TEXT], "must be UTF-8 text, but other bytes came."),
    Fault("an age that an operation refuses", "born", [-86_400], "must be 0 to 0, but 1 came."),
]
# Values like those that a feature takes, for the other rows of a tensor.
GOOD_VALUES: Row = {
    "small": [1],
    "seat": [1],
    "seats": [1],
    "plan": [7],
    "country": ["CH"],
    "word": ["a"],
    "tags": ["a"],
    "born": [0],
}
ALL_FORMS = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
CONTEXT_FORMS = {name: form for name, form in FORMS.items() if form.context}
FORMS_WITH_CONTEXT = pytest.mark.parametrize("form", CONTEXT_FORMS.values(), ids=CONTEXT_FORMS)


def good_rows(count: int = ROWS) -> list[Row]:
    return [dict(strict_model.ROW) for _ in range(count)]


def encoded(form: RowForm, rows: list[Row], context: Row | None = None) -> bytes:
    return form.encode("strict", rows, context)


def with_fault(form: RowForm, fault: Fault, context: Row | None = None) -> tuple[bytes, int]:
    """Rows of which one has the fault, and which; where the form cannot say that, all rows have it."""
    rows = good_rows()
    rows[BAD_ROW][fault.feature] = fault.values
    if not form.context and not fault.tensor:
        good = GOOD_VALUES.get(fault.feature, [1]) * len(fault.values)
        for row in rows:
            row.setdefault(fault.feature, good[: len(fault.values)])
    try:
        return encoded(form, rows, context), BAD_ROW
    except CannotSayError:
        return encoded(form, [row | {fault.feature: fault.values} for row in rows], context), 0


def assert_refused(channel: grpc.Channel, form: RowForm, message: bytes, sentence: str, field: str) -> None:
    error = refused(channel, form.method, message)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert error.details() == sentence
    assert blamed_fields(error) == [field]
    call(channel, form.method, encoded(form, good_rows()))


def assert_row_refused(
    channel: grpc.Channel, form: RowForm, message: bytes, feature: str, row: int, problem: str
) -> None:
    sentence = f'Feature "{feature}" in row {row} {problem}'
    assert_refused(channel, form, message, sentence, form.field.format(feature=feature, row=row))


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@ALL_FORMS
def test_a_value_is_refused_with_its_row_and_feature_named(
    channel: grpc.Channel, form: RowForm, fault: Fault
) -> None:
    message, row = with_fault(form, fault)
    if fault.tensor and not form.context:
        sentence = f'Input "{fault.feature}" {fault.tensor}'
        assert_refused(channel, form, message, sentence, f"inputs.{fault.feature}")
        return
    if not form.context and "at most" in fault.problem:
        row = 0  # all rows of a tensor are as long
    assert_row_refused(channel, form, message, fault.feature, row, fault.problem)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@FORMS_WITH_CONTEXT
def test_beside_a_context_the_row_is_still_that_of_the_request(
    channel: grpc.Channel, form: RowForm, fault: Fault
) -> None:
    context: Row = {"plan": [8]} if fault.feature == "ratio" else {"ratio": [0.25]}
    message, row = with_fault(form, fault, context)
    assert_row_refused(channel, form, message, fault.feature, row, fault.problem)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@FORMS_WITH_CONTEXT
def test_in_the_context_the_context_is_named(channel: grpc.Channel, form: RowForm, fault: Fault) -> None:
    rows = [{name: values for name, values in row.items() if name != fault.feature} for row in good_rows()]
    message = encoded(form, rows, {fault.feature: fault.values})
    if fault.feature == "born":
        # It takes a whole row, of which the first is to blame.
        assert_row_refused(channel, form, message, "born", 0, fault.problem)
        return
    sentence = f'Feature "{fault.feature}" in the context {fault.problem}'
    assert_refused(channel, form, message, sentence, f"context.{fault.feature}")


MISSING = "is missing and has no default."


@FORMS_WITH_CONTEXT
@pytest.mark.parametrize("context", [None, {"ratio": [0.5]}], ids=["alone", "with a context"])
def test_a_missing_feature_without_default_is_refused(
    channel: grpc.Channel, form: RowForm, context: Row | None
) -> None:
    rows = good_rows()
    del rows[BAD_ROW]["amount"]
    assert_row_refused(channel, form, encoded(form, rows, context), "amount", BAD_ROW, MISSING)


@ALL_FORMS
def test_a_feature_that_no_row_has_is_missing_from_the_first(channel: grpc.Channel, form: RowForm) -> None:
    rows: list[Row] = [{"active": [True]} for _ in range(ROWS)]
    assert_row_refused(channel, form, encoded(form, rows), "amount", 0, MISSING)


@ALL_FORMS
def test_an_unknown_feature_is_refused_with_the_nearest_name(channel: grpc.Channel, form: RowForm) -> None:
    problem = "is not a feature of this model; did you mean `amount`?"
    rows = good_rows()
    for row in rows[BAD_ROW:] if form.context else rows:
        row["ammount"] = [1.0]
    message = encoded(form, rows)
    if form.context:
        assert_row_refused(channel, form, message, "ammount", BAD_ROW if by_row(form) else 0, problem)
    else:
        assert_refused(channel, form, message, f'Input "ammount" {problem}', "inputs.ammount")


@FORMS_WITH_CONTEXT
def test_an_unknown_feature_of_the_context_is_refused(channel: grpc.Channel, form: RowForm) -> None:
    message = encoded(form, good_rows(), {"stranger": [1]})
    sentence = 'Feature "stranger" in the context is not a feature of this model.'
    assert_refused(channel, form, message, sentence, "context.stranger")


@FORMS_WITH_CONTEXT
def test_a_feature_in_the_context_and_in_a_row_is_refused(channel: grpc.Channel, form: RowForm) -> None:
    at = BAD_ROW if by_row(form) else 0
    rows = [row if place >= at else {"active": [True]} for place, row in enumerate(good_rows())]
    problem = "is in the context and in the row; send it in one of them."
    assert_row_refused(channel, form, encoded(form, rows, {"amount": [1.0]}), "amount", at, problem)


def by_row(form: RowForm) -> bool:
    """Whether a fault of a feature as a whole is in one row and not in all of them."""
    return form.encode is examples


TWICE = "is there twice; send it once."


def test_a_feature_that_an_example_has_twice_is_refused(channel: grpc.Channel) -> None:
    form = FORMS["examples"]
    request = pb.PredictRequest.FromString(encoded(form, good_rows()))
    entry = pb.Features(feature={"amount": request.examples[BAD_ROW].features.feature["amount"]})
    raw = [example.SerializeToString() for example in request.examples]
    raw[BAD_ROW] += record(1, entry.SerializeToString())
    message = record(1, b"strict") + b"".join(record(5, example) for example in raw)
    assert_row_refused(channel, form, message, "amount", BAD_ROW, TWICE)


def test_a_column_or_tensor_that_is_there_twice_is_refused(channel: grpc.Channel) -> None:
    form = FORMS["columns"]
    columns = pb.PredictRequest.FromString(encoded(form, good_rows()))
    columns.columns.append(columns.columns[0])
    assert_row_refused(channel, form, columns.SerializeToString(), columns.columns[0].name, 0, TWICE)
    form = FORMS["tensors"]
    tensors = oip.ModelInferRequest.FromString(encoded(form, good_rows()))
    tensors.inputs.append(tensors.inputs[0])
    tensors.raw_input_contents.append(tensors.raw_input_contents[0])
    assert_row_refused(channel, form, tensors.SerializeToString(), tensors.inputs[0].name, 0, TWICE)


@ALL_FORMS
def test_a_bool_is_0_or_1(channel: grpc.Channel, form: RowForm) -> None:
    rows = good_rows()
    for row in rows:
        row["active"] = [1 if form.context else True]
    if form.context:
        rows[BAD_ROW]["active"] = [2]
        message = encoded(form, rows)
    else:
        request = oip.ModelInferRequest.FromString(encoded(form, rows))
        place = [tensor.name for tensor in request.inputs].index("active")
        bits = bytearray(request.raw_input_contents[place])
        bits[BAD_ROW] = 2
        request.raw_input_contents[place] = bytes(bits)
        message = request.SerializeToString()
    assert_row_refused(channel, form, message, "active", BAD_ROW, "must be 0 or 1, but 2 came.")


# What the operations' formulas give: NaN passes, and is in the last bucket; infinities are numbers.
UNUSUAL = [(math.nan, 2), (math.inf, 2), (-math.inf, 0), (-0.0, 1), (5e-324, 1)]


@ALL_FORMS
def test_nan_and_infinity_are_taken_as_the_formulas_say(channel: grpc.Channel, form: RowForm) -> None:
    rows = good_rows(len(UNUSUAL))
    for row, (value, _) in zip(rows, UNUSUAL, strict=True):
        row["amount"] = [value]
    raw = call(channel, form.method, encoded(form, rows))
    if form.context:
        got = arrays(pb.PredictResponse.FromString(raw))
    else:
        got = outputs(oip.ModelInferResponse.FromString(raw))
    amounts = got["dense"][:, 0].astype(np.float32)
    np.testing.assert_array_equal(amounts, np.array([value for value, _ in UNUSUAL], np.float32))
    assert math.copysign(1, amounts[3]) == -1
    # 32 bits on the wire, in examples, have made a 0 of the smallest number already.
    assert got["bucket"].tolist() == [bucket for _, bucket in UNUSUAL]
