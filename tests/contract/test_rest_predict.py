"""Rows of features as JSON: answered as the same rows are over gRPC, and refused with row and feature named."""

import base64
import json
from typing import Any

import grpc
import numpy as np
import pytest

from penstock.pb import prediction_pb2 as pb
from penstock.pb import prediction_pb2_grpc
from tests import rest
from tests.contract.test_predict import ROWS, USER, arrays, columns, examples, fill
from tests.server_process import ServerProcess

Stub = prediction_pb2_grpc.PredictionStub

# Of features that are no lists.
SCALARS = frozenset({"amount", "age", "weekend", "balance", "merchant", "token", "country"})


def json_row(row: dict[str, list[Any]]) -> dict[str, Any]:
    """The row as a caller would write it."""

    def value(name: str, values: list[Any]) -> Any:
        if name == "token":
            return {"b64": base64.b64encode(values[0]).decode()}
        if name == "weekend":
            return bool(values[0])
        plain = [each.decode() if isinstance(each, bytes) else each for each in values]
        return plain[0] if name in SCALARS else plain

    return {name: value(name, values) for name, values in row.items()}


JSON_ROWS = [json_row(row) for row in ROWS]


def assert_alike(answer: rest.Answer, response: pb.PredictResponse) -> None:
    """Outputs bit for bit, in the same order."""
    assert answer.status == 200, answer.body
    outputs = answer.document["outputs"]
    expected = arrays(response)
    assert list(outputs) == list(expected)
    for name, array in expected.items():
        dtype = np.float32 if array.dtype.kind == "f" else np.int64
        assert np.array(outputs[name], dtype).tobytes() == array.astype(dtype).tobytes(), name
        assert list(np.array(outputs[name]).shape) == list(array.shape), name


@pytest.mark.parametrize("form", [examples, columns])
def test_rows_are_answered_as_the_other_forms(server: ServerProcess, prediction: Stub, form: Any) -> None:
    assert_alike(rest.predict(server, "features", {"rows": JSON_ROWS}), prediction.Predict(form()))


def test_a_context_stands_for_the_same_features_in_every_row(server: ServerProcess, prediction: Stub) -> None:
    request = examples()
    fill(request.context, USER)
    body = {"context": json_row(USER), "rows": JSON_ROWS}
    answer = rest.predict(server, "features", body)
    assert_alike(answer, prediction.Predict(request))
    # JSON's objects have no order.
    assert rest.predict(server, "features", dict(reversed(body.items()))).body == answer.body


def test_floats_have_64_bits_as_columns_do(server: ServerProcess, prediction: Stub) -> None:
    values = [0.1, 1 / 3, 2.0**-30 + 1, 1e-300, 12345678.9]
    request = pb.PredictRequest(model_name="features")
    request.columns.add(name="amount").doubles.value.extend(values)
    request.columns.add(name="merchant").strings.value.extend(["m"] * len(values))
    rows = [{"amount": value, "merchant": "m"} for value in values]
    assert_alike(rest.predict(server, "features", {"rows": rows}), prediction.Predict(request))


def test_ways_to_write_a_value_are_one_value(server: ServerProcess) -> None:
    def outputs(**features: Any) -> Any:
        answer = rest.predict(server, "features", {"rows": [{"amount": 1, "merchant": "é", **features}]})
        assert answer.status == 200, answer.body
        return answer.document["outputs"]

    plain = outputs()
    assert outputs(amount=[1.0], merchant=["é"], age=None, weekend=[], country=None) == plain
    assert outputs(merchant={"b64": base64.b64encode("é".encode()).decode().rstrip("=")}) == plain
    assert outputs(weekend=True) == outputs(weekend=1) != plain
    for same in ("ab", ["ab"], {"b64": "YWI"}):
        assert outputs(token=same) == outputs(token={"b64": "YWI="})
    assert outputs(items=7) == outputs(items=[7])
    big = 2**53 + 1
    assert outputs(history=[big])["history_sum"] == [big]
    assert outputs(amount="Infinity")["score"] == ["Infinity"]
    assert outputs(amount="NaN")["score"] == ["NaN"]


def test_id_outputs_and_receipt_are_as_asked_for(server: ServerProcess) -> None:
    body = {"rows": JSON_ROWS, "id": "é-1", "outputs": ["ids", "score"], "receipt": True}
    document = rest.predict(server, "features/versions/1", body).document
    assert (document["model_version"], document["id"], list(document["outputs"])) == (
        "1",
        "é-1",
        ["ids", "score"],
    )
    assert document["receipt"]["batch_rows"] >= len(ROWS)
    assert document["receipt"]["compute_ns"] > 0


GOOD = '"merchant": "m"'
# What is wrong → (the row's JSON, what the sentence has, the field that is blamed).
BAD_ROWS: dict[str, tuple[str, str, str | None]] = {
    "missing": ('{"amount": 1}', "is missing and has no default", "rows[1].merchant"),
    "null_is_missing": (f'{{"amount": null, {GOOD}}}', "is missing and has no default", "rows[1].amount"),
    "unknown": (f'{{"amuont": 1, {GOOD}}}', "did you mean `amount`?", "rows[1].amuont"),
    "twice": (f'{{"amount": 1, "amount": 2, {GOOD}}}', "is there twice", "rows[1].amount"),
    "twice_with_null": (
        f'{{"amount": null, "amount": 2, {GOOD}}}',
        "is there twice",
        "rows[1].amount",
    ),
    "in_the_context_too": (
        f'{{"amount": 1, "age": 3, {GOOD}}}',
        "in the context and in the row",
        "rows[1].age",
    ),
    "text_for_a_float": ('{"amount": "1"}', "must be floats (or integers), but text came", "rows[1].amount"),
    "bool_for_a_float": ('{"amount": true}', "but a boolean came", "rows[1].amount"),
    "float_for_an_int": (f'{{"amount": 1, {GOOD}, "items": [1.5]}}', "but a float came", "rows[1].items"),
    "int_beyond_64_bits": (
        f'{{"amount": 1, {GOOD}, "items": [9223372036854775808]}}',
        "an integer of more than 64 bits came",
        "rows[1].items",
    ),
    "two_for_a_bool": (
        f'{{"amount": 1, {GOOD}, "weekend": 2}}',
        "must be 0 or 1, but 2 came",
        "rows[1].weekend",
    ),
    "number_for_a_text": ('{"amount": 1, "merchant": 5}', "but an integer came", "rows[1].merchant"),
    "two_values_for_a_scalar": (
        f'{{"amount": [1, 2], {GOOD}}}',
        "must have 1 value, but 2 came",
        "rows[1].amount",
    ),
    "a_list_in_a_list": (f'{{"amount": 1, {GOOD}, "items": [[1]]}}', "a list in a list", "rows[1].items"),
    "null_in_a_list": (f'{{"amount": 1, {GOOD}, "items": [null]}}', "null in a list", "rows[1].items"),
    "an_object": (f'{{"amount": {{"value": 1}}, {GOOD}}}', "but an object came", "rows[1].amount"),
    "no_base64": (f'{{"amount": 1, {GOOD}, "token": {{"b64": "?"}}}}', "it is no base64", "rows[1].token"),
    "no_text_in_base64": (
        '{"amount": 1, "merchant": {"b64": "/w=="}}',
        "must be UTF-8 text",
        "rows[1].merchant",
    ),
    "half_a_pair": ('{"amount": 1, "merchant": "\\ud800"}', "half of a surrogate pair", "rows[1].merchant"),
    "half_a_pair_in_a_name": ('{"\\udc00": 1}', "half of a surrogate pair", "rows[1]"),
    "a_number_out_of_range": (f'{{"amount": 1e999, {GOOD}}}', "number out of range", "rows[1].amount"),
    "no_object": ("[1]", "Row 1 cannot be read", "rows[1]"),
    "nan": (f'{{"amount": NaN, {GOOD}}}', "JSON has no NaN", None),
    "deep": (f'{{"amount": {"[" * 5000}{"]" * 5000}}}', "a list in a list", "rows[1].amount"),
}


@pytest.mark.parametrize("fault", BAD_ROWS)
def test_a_bad_row_is_refused_alone_with_row_and_feature_named(server: ServerProcess, fault: str) -> None:
    row, sentence, field = BAD_ROWS[fault]
    body = f'{{"context": {{"age": 30}}, "rows": [{{"amount": 1, {GOOD}}}, {row}]}}'
    refused = rest.predict(server, "features", body)
    assert (refused.status, refused.document["code"]) == (400, "INVALID_ARGUMENT"), refused.body
    assert sentence in refused.error
    assert refused.document.get("field") == field
    assert rest.predict(server, "features", {"rows": JSON_ROWS}).status == 200


@pytest.mark.parametrize(
    ("model", "body", "sentence"),
    [
        ("features", {"rows": []}, "The request has 0 rows; model"),
        ("features", {"rows": [JSON_ROWS[0]] * 9}, "The request has 9 rows; model"),
        ("features", {"instances": JSON_ROWS}, "unknown field `instances`, expected one of `rows`"),
        ("features", {"rows": JSON_ROWS, "outputs": ["scor"]}, 'did you mean "score"?'),
        (
            "features",
            {"rows": JSON_ROWS, "context": {"age": "x"}},
            'Feature "age" in the context must be floats',
        ),
        ("features", {"rows": JSON_ROWS, "context": 5}, "The context cannot be read"),
        ("pair", {"rows": JSON_ROWS}, "has no features"),
    ],
)
def test_a_bad_request_is_refused_in_a_sentence(
    server: ServerProcess, model: str, body: Any, sentence: str
) -> None:
    refused = rest.predict(server, model, body)
    assert (refused.status, sentence in refused.error) == (400, True), refused.body


def test_refusals_have_the_words_of_grpc(server: ServerProcess, prediction: Stub) -> None:
    request = examples([ROWS[0] | {"amount": [b"x"]}])
    with pytest.raises(grpc.RpcError) as caught:
        prediction.Predict(request)
    refused = rest.predict(server, "features", {"rows": [{"merchant": "acme", "amount": "x"}]})
    assert refused.error == str(caught.value.details()).replace("bytes or text", "text")


def test_hostile_text_neither_ends_the_server_nor_fills_its_memory(server: ServerProcess) -> None:
    for body in (
        "[" * 1_000_000,
        '{"rows":' * 100_000,
        '{"rows":[' + "{}," * 100_000 + "{}]}",
        "\0" * 1000,
        b"\xff",
    ):
        assert rest.predict(server, "features", body).status == 400
    assert json.loads(rest.predict(server, "features", {"rows": JSON_ROWS}).body)["model_name"] == "features"
