"""Answers are compared with those that are expected, floats by tolerance, all else to the byte."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import json_format

from penstock.errors import ConfigError
from penstock.load.content_check import Check, of
from penstock.load.methods import Method, found
from penstock.load.options import Options
from penstock.pb import inference_pb2 as pb
from tests.load.methods import check as health_check
from tests.load.methods import inference_files

SCORES = np.array([0.5, -2.0, 3e-8], np.float32)


def infer() -> Method:
    return found("inference.GRPCInferenceService.ModelInfer", inference_files(), "here")


def answer(
    scores: Any = SCORES, name: str = "a", datatype: str = "FP32", **more: Any
) -> pb.ModelInferResponse:
    response = pb.ModelInferResponse(model_name="m", id=name, **more)
    response.outputs.add(name="score", datatype=datatype, shape=[len(scores)])
    response.raw_output_contents.append(np.asarray(scores).tobytes())
    return response


def checked(tmp_path: Path, expected: Any, **options: Any) -> Check:
    path = tmp_path / "expected.json"
    path.write_text(json.dumps(expected))
    made = of(Options(expect=str(path), **options), infer())
    assert made is not None
    return made


def as_json(response: pb.ModelInferResponse) -> Any:
    return json_format.MessageToDict(response)


def compared(check: Check, *answers: pb.ModelInferResponse) -> tuple[int, int, list[str]]:
    check.look_at((number, [each.SerializeToString()]) for number, each in enumerate(answers))
    return check.compared, check.mismatches, check.first


def test_answers_are_expected_in_the_order_of_the_data(tmp_path: Path) -> None:
    one, two = answer(name="1"), answer(name="2")
    assert compared(checked(tmp_path, [as_json(one), as_json(two)]), one, two, one) == (3, 0, [])
    assert compared(checked(tmp_path, [as_json(one), as_json(two)]), two, two)[:2] == (2, 1)


def test_floats_in_raw_tensors_may_differ_by_the_tolerance(tmp_path: Path) -> None:
    near = answer(SCORES * np.float32(1 + 5e-6))
    assert compared(checked(tmp_path, as_json(answer())), near)[1] == 0
    count, mismatches, told = compared(checked(tmp_path, as_json(answer()), expect_tolerance=1e-6), near)
    assert (count, mismatches, told) == (1, 1, ["call 0: raw_output_contents of output score differs"])


def test_integers_in_raw_tensors_may_not_differ(tmp_path: Path) -> None:
    numbers = np.array([1_000_000_000], np.int32)
    expected = as_json(answer(numbers, datatype="INT32"))
    assert compared(checked(tmp_path, expected), answer(numbers + 1, datatype="INT32"))[1] == 1


def test_floats_in_fields_are_near_or_both_not_a_number(tmp_path: Path) -> None:
    def typed(*values: float) -> pb.ModelInferResponse:
        response = pb.ModelInferResponse()
        response.outputs.add(name="y").contents.fp32_contents.extend(values)
        return response

    expected = as_json(typed(1.0, float("nan"), float("inf")))
    check = checked(tmp_path, expected)
    assert compared(check, typed(1.0000001, float("nan"), float("inf")))[1] == 0
    assert compared(check, typed(1.0, 2.0, float("inf")))[1] == 1
    assert "fp32_contents has 1 values, expected 3" in compared(checked(tmp_path, expected), typed(1.0))[2][0]


def test_a_field_that_is_ignored_may_be_anything(tmp_path: Path) -> None:
    expected = as_json(answer(name="mine"))
    assert compared(checked(tmp_path, expected), answer(name="other"))[1] == 1
    assert compared(checked(tmp_path, expected, expect_ignore=("id",)), answer(name="other"))[1] == 0
    named = as_json(answer(parameters={"k": pb.InferParameter(int64_param=1)}))
    assert (
        compared(checked(tmp_path, named), answer(parameters={"k": pb.InferParameter(int64_param=2)}))[1] == 1
    )
    assert compared(checked(tmp_path, named), answer())[1] == 1


def test_an_answer_that_is_none_or_of_several_messages_is_told(tmp_path: Path) -> None:
    check = checked(tmp_path, as_json(answer()))
    check.look_at([(0, [b"\xff"]), (1, [b"", b""])])
    assert check.first == ["call 0: no inference.ModelInferResponse", "call 1: 2 messages, expected 1"]


def test_answers_of_the_same_bytes_in_other_messages_are_told_apart(tmp_path: Path) -> None:
    content = answer().SerializeToString()
    check = checked(tmp_path, [[as_json(answer()), as_json(pb.ModelInferResponse())]])
    check.look_at([(0, [content, b""]), (1, [b"", content]), (2, [content]), (3, [content, b""])])
    assert (check.compared, check.mismatches) == (4, 2)


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [
        ("{", {}, "found no JSON"),
        ("[]", {}, "found no message"),
        ('{"nope": 1}', {}, r"no inference\.ModelInferResponse"),
        ("{}", {"expect_ignore": ("outputs.nope",)}, r"has no field outputs\.nope"),
    ],
)
def test_what_cannot_be_expected_is_refused(
    tmp_path: Path, content: str, options: dict[str, Any], sentence: str
) -> None:
    path = tmp_path / "expected.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=sentence):
        of(Options(expect=str(path), **options), infer())


def test_nothing_is_compared_unless_it_is_asked_for() -> None:
    assert of(Options(), health_check()) is None
