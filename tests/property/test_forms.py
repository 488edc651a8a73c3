"""Every form in which rows can come gives the same tensors, bit for bit, through the engine that serves.

A form is one line of FORMS; operations, kinds of features and forms of lists are those of models.py.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tests.in_process_engine import InProcess, Method
from tests.property.json_rows import as_json
from tests.property.models import Case, cases
from tests.property.open_inference import as_tensors, make_rectangular
from tests.property.requests import as_columns, as_examples
from tests.property.test_features_against_reference import SETTINGS, assert_equal, folder
from tests.reference import Model, Tensor

pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Form:
    """A way to send rows. `gaps`: rows may differ in what they lack and in the lengths of their lists."""

    method: Method
    encode: Callable[[st.DrawFn, Case], bytes]
    gaps: bool = True
    context: bool = True
    wide: bool = False  # floats can have 64 bits


FORMS = {
    "examples": Form("predict", lambda _, case: as_examples(case).SerializeToString()),
    "columns": Form("predict", lambda draw, case: as_columns(draw, case).SerializeToString()),
    "wide columns": Form(
        "predict", lambda draw, case: as_columns(draw, case, wide=True).SerializeToString(), wide=True
    ),
    "json": Form("json", lambda _, case: as_json(case), wide=True),
    "tensors": Form(
        "infer", lambda draw, case: as_tensors(draw, case).SerializeToString(), gaps=False, context=False
    ),
    "wide tensors": Form(
        "infer",
        lambda draw, case: as_tensors(draw, case, wide=True).SerializeToString(),
        gaps=False,
        context=False,
        wide=True,
    ),
}


@pytest.fixture(scope="module")
def engine() -> Iterator[InProcess]:
    return InProcess()


def others(first: str, **wanted: bool) -> list[str]:
    """The forms that are to agree with the first."""
    fits = lambda form: all(getattr(form, key) for key, want in wanted.items() if want)  # noqa: E731
    return [name for name, form in FORMS.items() if name != first and fits(form)]


@SETTINGS
@given(st.data(), cases())
@pytest.mark.parametrize("form", others("examples", gaps=True, context=True))
def test_rows_with_gaps_and_a_context_give_the_tensors_of_the_example_form(
    engine: InProcess, form: str, data: st.DataObject, case: Case
) -> None:
    with folder(case.toml, case.files) as path:
        expected = engine.tensors(path, "predict", FORMS["examples"].encode(data.draw, case))
        assert_equal(engine.tensors(path, FORMS[form].method, FORMS[form].encode(data.draw, case)), expected)


@SETTINGS
@given(st.data(), cases())
@pytest.mark.parametrize("form", others("examples"))
def test_rows_without_gaps_give_the_tensors_of_the_example_form(
    engine: InProcess, form: str, data: st.DataObject, case: Case
) -> None:
    make_rectangular(data.draw, case)
    with folder(case.toml, case.files) as path:
        shared = engine.tensors(path, "predict", FORMS["examples"].encode(data.draw, case))
        got = engine.tensors(path, FORMS[form].method, FORMS[form].encode(data.draw, case))
        context, case.context = case.context, set()
        repeated = engine.tensors(path, "predict", FORMS["examples"].encode(data.draw, case))
        model = Model.load(path)
    event("a context" if context else "no context")
    assert row_by_row(model, got) == row_by_row(model, shared) == row_by_row(model, repeated)
    if not FORMS[form].context:
        assert_equal(got, repeated)


@SETTINGS
@given(st.data(), cases())
@pytest.mark.parametrize("form", others("wide columns", wide=True))
def test_floats_of_64_bits_give_the_tensors_of_the_column_form(
    engine: InProcess, form: str, data: st.DataObject, case: Case
) -> None:
    make_rectangular(data.draw, case)
    case.context = set()
    for row in case.rows:
        for name in (name for name in case.types if case.types[name] == "float"):
            row[name] = row[name] and [_widened(value) for value in row[name] or ()]
    with folder(case.toml, case.files) as path:
        expected = engine.tensors(path, "predict", FORMS["wide columns"].encode(data.draw, case))
        got = engine.tensors(path, FORMS[form].method, FORMS[form].encode(data.draw, case))
    assert_equal(got, expected)


@SETTINGS
@given(st.data(), cases())
def test_requests_in_one_batch_give_each_row_what_it_has_in_a_request_of_all(
    engine: InProcess, data: st.DataObject, case: Case
) -> None:
    cuts = [0, *sorted(data.draw(st.sets(st.integers(1, len(case.rows))))), len(case.rows)]
    parts = [case.rows[start:stop] for start, stop in pairwise(cuts) if start < stop]
    with folder(case.toml, case.files) as path:
        whole = engine.tensors(path, "predict", as_examples(case).SerializeToString())
        requests = (as_examples(replace(case, rows=rows)).SerializeToString() for rows in parts)
        together = engine.batch(path, [("predict", request) for request in requests])
        model = Model.load(path)
    event(f"{len(parts)} requests")
    assert row_by_row(model, together) == row_by_row(model, whole)


def _widened(value: float) -> float:
    """A number near by that 32 bits do not hold."""
    return math.nextafter(value, math.inf) if math.isfinite(value) else value


def row_by_row(model: Model, tensors: list[Tensor]) -> dict[str, list[bytes]]:
    """What each row has of each input that features fill, whether its request has it once or not. NaNs are alike."""
    arrays = {tensor.name: _plain(tensor) for tensor in tensors}
    index = next((arrays[i.name] for i in model.inputs if i.is_index), None)
    out = {}
    for tensor in model.inputs:
        if tensor.is_index or tensor.offsets_of or tensor.lengths_of:
            continue
        rows = _lists(model, tensor.name, arrays) or [[row.tobytes() for row in arrays[tensor.name]]]
        if tensor.per_request:
            assert index is not None
            rows = [[key[at] for at in index] for key in rows]
        out[tensor.name] = [row for key in rows for row in key]
    return out


def _plain(tensor: Tensor) -> np.ndarray:
    array = tensor.array
    if tensor.datatype == "BF16":
        return np.where((array & 0x7FFF) > 0x7F80, np.uint16(0x7FC0), array)
    return (
        np.where(np.isnan(array), np.array(np.nan, array.dtype), array) if array.dtype.kind == "f" else array
    )


def _lists(model: Model, name: str, arrays: dict[str, np.ndarray]) -> list[list[bytes]]:
    """For each feature of a jagged input the lists of its rows; nothing for another input, padded lists among them."""
    features = [feature for feature in model.features if feature.to == name]
    if not any(feature.form is not None and feature.form.kind == "jagged" for feature in features):
        return []
    divisions = [i for i in model.inputs if name in (i.offsets_of, i.lengths_of)]
    found = []
    for division in divisions:
        numbers = arrays[division.name].astype(np.int64)
        values = arrays[name]
        if division.lengths_of:
            ends = np.cumsum(numbers)
        elif division.include_last:
            ends = numbers[1:]
        else:
            ends = np.append(numbers[1:], len(values))
        found.append([part.tobytes() for part in np.split(values, ends)[:-1]])
    assert found
    assert all(lists == found[0] for lists in found)
    per_key = len(found[0]) // len(features)
    return [found[0][key * per_key : (key + 1) * per_key] for key in range(len(features))]
