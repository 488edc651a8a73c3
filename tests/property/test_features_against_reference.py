"""penstock's feature program and the plain protobuf + numpy reference give the same tensors, bit for bit.

One unit in the last place is allowed where a transcendental function is involved: two mathematics
libraries that are both right may differ by it.
"""

import re
import tempfile
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from penstock._fastpath import ModelSpec, RequestError
from penstock.pb import prediction_pb2 as pb
from tests.property.models import Case, cases
from tests.property.requests import as_columns, as_examples
from tests.property.wire_forms import other_form, record
from tests.reference import Model, RefusedError, Tensor, transform
from tests.reference.tensors import DTYPES

pytestmark = pytest.mark.timeout(600)
SETTINGS = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=200
)


@contextmanager
def folder(toml: str, files: dict[str, str] | None = None) -> Iterator[Path]:
    """A model folder with version 1, which holds nothing."""
    with tempfile.TemporaryDirectory() as parent:
        path = Path(parent) / "model"
        (path / "1").mkdir(parents=True)
        (path / "model.toml").write_text(toml)
        for name, text in (files or {}).items():
            (path / name).write_text(text)
        yield path


def penstock_tensors(path: Path, request: bytes) -> list[Tensor]:
    arrays = ModelSpec.load(path).transform(request)
    return [
        Tensor(a.name, a.datatype, np.frombuffer(a.tobytes(), DTYPES[a.datatype]).reshape(a.shape))
        for a in arrays
    ]


def assert_equal(
    actual: list[Tensor], expected: list[Tensor], approximate: AbstractSet[str] = frozenset()
) -> None:
    assert [(t.name, t.datatype, t.array.shape) for t in actual] == [
        (t.name, t.datatype, t.array.shape) for t in expected
    ]
    for got, wanted in zip(actual, expected, strict=True):
        if wanted.name in approximate:
            _assert_within_one_ulp(got, wanted)
        else:
            same = (_bits(got) == _bits(wanted)) | (_is_nan(got) & _is_nan(wanted))
            assert same.all(), f"{wanted.name}: {got.array[~same]} instead of {wanted.array[~same]}"


def _bits(tensor: Tensor) -> np.ndarray:
    return tensor.array.view(f"u{tensor.array.dtype.itemsize}") if tensor.array.size else tensor.array


def _as_float(tensor: Tensor) -> np.ndarray:
    if tensor.datatype == "BF16":
        return (tensor.array.astype(np.uint32) << np.uint32(16)).view(np.float32).astype(np.float64)
    return tensor.array.astype(np.float64)


def _is_nan(tensor: Tensor) -> np.ndarray:
    return np.isnan(_as_float(tensor))


# What one unit in the last place is relative to the value: 2^-(bits of the significand - 1).
_ULP = {"FP64": 2.0**-50, "FP32": 2.0**-23, "FP16": 2.0**-10, "BF16": 2.0**-7}
# Near a zero of sine or cosine the argument's own rounding is all that is left.
_NEAR_ZERO = 1e-12


def _assert_within_one_ulp(got: Tensor, wanted: Tensor) -> None:
    a, b = _as_float(got), _as_float(wanted)
    with np.errstate(all="ignore"):
        close = np.abs(a - b) <= np.maximum(_ULP[wanted.datatype] * np.abs(b), _NEAR_ZERO)
        # The smallest FP16 and FP32 numbers have fewer digits.
        close |= (wanted.datatype == "FP16") & (np.abs(a - b) <= 2.0**-24)
    same = (a == b) | (np.isnan(a) & np.isnan(b)) | close
    assert same.all(), f"{wanted.name}: {a[~same]} instead of {b[~same]}"


def check(case: Case, request: bytes) -> None:
    with folder(case.toml, case.files) as path:
        expected = transform(Model.load(path), pb.PredictRequest.FromString(request))
        assert_equal(penstock_tensors(path, request), expected, case.approximate)


@SETTINGS
@given(cases())
def test_examples_give_the_tensors_of_the_reference(case: Case) -> None:
    check(case, as_examples(case).SerializeToString())


@SETTINGS
@given(st.data(), cases())
def test_columns_give_the_tensors_of_the_reference(data: st.DataObject, case: Case) -> None:
    check(case, as_columns(data.draw, case).SerializeToString())


@SETTINGS
@given(st.data(), cases(), st.booleans(), st.integers(0, 2**32))
def test_every_wire_form_of_a_request_gives_the_same_tensors(
    data: st.DataObject, case: Case, columns: bool, seed: int
) -> None:
    request = as_columns(data.draw, case) if columns else as_examples(case)
    scrambled = other_form(Random(seed), request)
    event("columns" if columns else "examples")
    check(case, scrambled)


@SETTINGS
@given(cases())
def test_unknown_features_are_refused_or_ignored_as_the_model_says(case: Case) -> None:
    request = as_examples(case)
    with folder(case.toml, case.files) as path:
        expected = transform(Model.load(path), request)
    request.examples[-1].features.feature["stranger"].int64_list.value.append(1)
    raw = request.SerializeToString()
    with folder(f'unknown_features = "ignore"\n{case.toml}', case.files) as path:
        assert_equal(penstock_tensors(path, raw), expected, case.approximate)
    with folder(case.toml, case.files) as path, pytest.raises(RequestError, match="stranger"):
        penstock_tensors(path, raw)


@SETTINGS
@given(st.data(), cases())
def test_a_row_that_lacks_a_required_feature_is_refused_with_the_feature_named(
    data: st.DataObject, case: Case
) -> None:
    with folder(case.toml, case.files) as path:
        model = Model.load(path)
        required = [
            f.name
            for f in model.features
            if f.missing is None and f.name not in case.context and (f.to is not None)
        ]
        if not required:
            event("nothing required")
            return
        name = data.draw(st.sampled_from(required))
        at = data.draw(st.integers(0, len(case.rows) - 1))
        case.rows[at][name] = None
        request = as_examples(case)
        with pytest.raises(RefusedError, match=name):
            transform(model, request)
        with pytest.raises(RequestError, match=name) as refused:
            ModelSpec.load(path).transform(request.SerializeToString())
    assert str(at) in str(refused.value)


@SETTINGS
@given(st.data(), cases(), st.booleans())
def test_a_feature_that_is_twice_in_one_row_is_refused_with_row_and_feature_named(
    data: st.DataObject, case: Case, same: bool
) -> None:
    """Protobuf's rule for maps, the last entry wins, would hide a caller's mistake: nobody can have meant both."""
    request = as_examples(case)
    at = data.draw(st.integers(0, len(request.examples) - 1))
    sent = request.examples[at].features
    if not sent.feature:
        event("a row without features of its own")
        return
    name = data.draw(st.sampled_from(sorted(sent.feature)))
    twin = pb.Features()
    if same:
        twin.feature[name].CopyFrom(sent.feature[name])
    else:
        twin.feature[name].bytes_list.value.append(b"other")
    examples = [example.SerializeToString() for example in request.examples]
    examples[at] = record(1, sent.SerializeToString() + twin.SerializeToString())
    raw = pb.PredictRequest(context=request.context).SerializeToString()
    raw += b"".join(record(5, example) for example in examples)
    with folder(case.toml, case.files) as path, pytest.raises(RequestError, match=rf"{name}\b") as refused:
        penstock_tensors(path, raw)
    assert re.search(rf"\b{at}\b", str(refused.value)), refused.value


def _transformed(toml: str, request: pb.PredictRequest, files: dict[str, str] | None = None) -> list[Tensor]:
    with folder(toml, files) as path:
        expected = transform(Model.load(path), request)
        actual = penstock_tensors(path, request.SerializeToString())
    assert_equal(actual, expected)
    return actual


OUTPUT = '[[output]]\nname = "score"\ndatatype = "FP32"\ndims = []\n'


def test_the_values_of_a_column_may_come_in_two_parts() -> None:
    """A submessage that comes twice is merged, as the encoding specification says: here, lists are joined."""
    toml = f'{OUTPUT}[[input]]\nname = "x"\ndatatype = "FP32"\n[[feature]]\nname = "a"\ntype = "float"\nto = "x"\n'
    parts = [pb.Floats(value=[1.0, 2.0]), pb.Floats(), pb.Floats(value=[3.0])]
    column = record(1, b"a") + b"".join(record(2, part.SerializeToString()) for part in parts)
    with folder(toml) as path:
        (tensor,) = penstock_tensors(path, record(6, column))
    assert tensor.array[:, 0].tolist() == [1.0, 2.0, 3.0]


def test_integers_beyond_2_to_53_reach_an_int64_tensor_exactly() -> None:
    toml = f'{OUTPUT}[[input]]\nname = "x"\ndatatype = "INT64"\n[[feature]]\nname = "a"\ntype = "int"\nto = "x"\n'
    request = pb.PredictRequest()
    values = [2**63 - 1, -(2**63), 2**53 + 1]
    for value in values:
        request.examples.add().features.feature["a"].int64_list.value.append(value)
    (tensor,) = _transformed(toml, request)
    assert tensor.array[:, 0].tolist() == values


def test_one_name_may_feed_several_features() -> None:
    toml = (
        f'{OUTPUT}[[input]]\nname = "x"\ndatatype = "FP32"\n[[input]]\nname = "y"\ndatatype = "INT64"\n'
        '[[feature]]\nname = "a"\ntype = "int"\nto = "x"\n'
        '[[feature]]\nname = "a"\ntype = "int"\nops = [{ hash = { buckets = 1000 } }]\nto = "y"\n'
    )
    request = pb.PredictRequest()
    for value in (7, 8):
        request.examples.add().features.feature["a"].int64_list.value.append(value)
    x, _ = _transformed(toml, request)
    assert x.array[:, 0].tolist() == [7.0, 8.0]


def test_dims_of_no_dimension_give_a_tensor_of_one_value_a_row() -> None:
    toml = (
        f'{OUTPUT}[[input]]\nname = "x"\ndatatype = "FP32"\ndims = []\n'
        '[[feature]]\nname = "a"\ntype = "float"\nto = "x"\n'
    )
    request = pb.PredictRequest()
    column = request.columns.add(name="a")
    column.doubles.value.extend([0.1, float("nan"), float("inf")])
    (tensor,) = _transformed(toml, request)
    assert tensor.array.shape == (3,)


def test_a_double_is_rounded_once_to_bf16() -> None:
    """1 + 2^-8 + 2^-40 lies above a tie; rounding to FP32 first would make it the tie and round it down."""
    toml = f'{OUTPUT}[[input]]\nname = "x"\ndatatype = "BF16"\n[[feature]]\nname = "a"\ntype = "float"\nto = "x"\n'
    request = pb.PredictRequest()
    request.columns.add(name="a").doubles.value.append(1 + 2.0**-8 + 2.0**-40)
    (tensor,) = _transformed(toml, request)
    assert tensor.array[0, 0] == 0x3F81


def test_a_cross_is_tensorflows_cross_hashed() -> None:
    """The result that TensorFlow's own test of sparse.cross_hashed expects for these three strings."""
    toml = (
        f'{OUTPUT}[[input]]\nname = "x"\ndatatype = "INT64"\n'
        + "".join(f'[[feature]]\nname = "f{at}"\ntype = "string"\n' for at in (1, 2, 3))
        + '[[cross]]\nfeatures = ["f1", "f2", "f3"]\nhash = { buckets = 100 }\nto = "x"\n'
    )
    request = pb.PredictRequest()
    features = request.examples.add().features.feature
    for at in (1, 2, 3):
        features[f"f{at}"].bytes_list.value.append(f"batch1-FC{at}-F1".encode())
    (tensor,) = _transformed(toml, request)
    assert tensor.array.tolist() == [[83]]
