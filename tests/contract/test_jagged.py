"""Jagged lists at the doors: EmbeddingBag and the arguments of a KeyedJaggedTensor, many requests to a batch."""

from collections.abc import Callable
from random import Random
from typing import Any

import grpc
import numpy as np
import pytest
import torch

from penstock.pb import inference_pb2, inference_pb2_grpc, prediction_pb2_grpc
from penstock.pb import prediction_pb2 as pb
from tests.contract import jagged_models
from tests.contract.refusals import refused
from tests.contract.status_details import blamed_fields
from tests.contract.tensors import bytes_elements, outputs
from tests.contract.test_predict import arrays, fill

Stub = prediction_pb2_grpc.PredictionStub
Row = dict[str, list[Any]]
PREDICT = "/penstock.v1.Prediction/Predict"


def bag_rows(random: Random, count: int) -> list[Row]:
    lengths = [random.randint(0, 6) for _ in range(count)]
    return [
        {
            "items": [random.randrange(20) for _ in range(length)],
            "scores": [random.randint(-8, 8) / 4 for _ in range(length)],
        }
        for length in lengths
    ]


def keyed_rows(random: Random, count: int) -> list[Row]:
    rows = []
    for _ in range(count):
        films, genres = random.randint(0, 3), random.randint(0, 4)
        rows.append(
            {
                "films": [random.randrange(20) for _ in range(films)],
                "film_scores": [random.randint(-8, 8) / 4 for _ in range(films)],
                "genres": [random.choice([b"drama", b"comedy", b"crime", b"other"]) for _ in range(genres)],
                "genre_scores": [random.randint(-8, 8) / 4 for _ in range(genres)],
            }
        )
    return rows


def pooled(table: torch.nn.EmbeddingBag, ids: list[int], weights: list[float]) -> np.ndarray:
    """The weighed sum of rows of a table, one after the other."""
    total = np.zeros(table.weight.size(1), np.float32)
    for id_, weight in zip(ids, weights, strict=True):
        total += table.weight[id_].detach().numpy() * np.float32(weight)
    return total


def bag_answer(rows: list[Row]) -> np.ndarray:
    table = jagged_models.Bag().items
    return np.stack([pooled(table, row["items"][-4:], row["scores"][-4:]) for row in rows])


def keyed_answer(rows: list[Row]) -> np.ndarray:
    films, genres = jagged_models.Keyed().tables
    return np.stack(
        [
            np.concatenate(
                [
                    pooled(films, row["films"], row["film_scores"]),
                    pooled(
                        genres,
                        [jagged_models.GENRES.get(name.decode(), 3) for name in row["genres"][:2]],
                        row["genre_scores"][:2],
                    ),
                ]
            )
            for row in rows
        ]
    )


MODELS: dict[str, tuple[Callable[[Random, int], list[Row]], Callable[[list[Row]], np.ndarray]]] = {
    "bag": (bag_rows, bag_answer),
    "keyed": (keyed_rows, keyed_answer),
}


def examples(model: str, rows: list[Row]) -> pb.PredictRequest:
    request = pb.PredictRequest(model_name=model)
    for row in rows:
        example = request.examples.add()
        example.features.SetInParent()
        fill(example, {name: values for name, values in row.items() if values})
    return request


def columns(model: str, rows: list[Row]) -> pb.PredictRequest:
    request = pb.PredictRequest(model_name=model)
    for name in rows[0]:
        flat = [value for row in rows for value in row[name]]
        column = request.columns.add(name=name, row_lengths=[len(row[name]) for row in rows])
        kind = "floats" if name.endswith("scores") else "bytes" if name == "genres" else "ints"
        getattr(column, kind).value.extend(flat)
    return request


@pytest.mark.parametrize("form", [examples, columns])
@pytest.mark.parametrize("model", MODELS)
def test_every_row_gets_the_answer_of_its_own_lists(prediction: Stub, model: str, form: Any) -> None:
    make, answer = MODELS[model]
    rows = make(Random(3), 40)
    got = arrays(prediction.Predict(form(model, rows)))["pooled"]
    np.testing.assert_allclose(got, answer(rows), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_requests_in_flight_together_get_each_the_answer_of_its_own_lists(
    prediction: Stub, model: str
) -> None:
    """Some share a batch; property/test_forms.py has those that surely do."""
    make, answer = MODELS[model]
    random = Random(5)
    all_rows = [make(random, random.randint(1, 5)) for _ in range(80)]
    calls = [prediction.Predict.future(examples(model, rows), timeout=60) for rows in all_rows]
    for rows, call in zip(all_rows, calls, strict=True):
        np.testing.assert_allclose(arrays(call.result())["pooled"], answer(rows), rtol=1e-5, atol=1e-6)


def test_a_keyed_model_is_told_the_length_of_each_list(prediction: Stub) -> None:
    rows = keyed_rows(Random(7), 9)
    lengths = arrays(prediction.Predict(examples("keyed", rows)))["lengths"]
    assert lengths.tolist() == [[len(row["films"]), min(len(row["genres"]), 2)] for row in rows]


def test_open_inference_tensors_give_lists_of_one_length(
    inference: inference_pb2_grpc.GRPCInferenceServiceStub,
) -> None:
    films = np.array([[1, 2], [3, 4]])
    weights = np.array([[1.0, 0.5], [2.0, -1.0]])
    request = inference_pb2.ModelInferRequest(model_name="keyed")
    for name, datatype, raw, shape in (
        ("films", "INT64", films.astype("<i8").tobytes(), [2, 2]),
        ("film_scores", "FP64", weights.astype("<f8").tobytes(), [2, 2]),
        ("genres", "BYTES", bytes_elements([b"crime", b"drama"]), [2, 1]),
        ("genre_scores", "FP32", np.array([1, 3], "<f4").tobytes(), [2, 1]),
    ):
        request.inputs.add(name=name, datatype=datatype, shape=shape)
        request.raw_input_contents.append(raw)
    rows = [
        {
            "films": films[at].tolist(),
            "film_scores": weights[at].tolist(),
            "genres": [[b"crime"], [b"drama"]][at],
            "genre_scores": [[1.0], [3.0]][at],
        }
        for at in range(2)
    ]
    got = outputs(inference.ModelInfer(request))["pooled"]
    np.testing.assert_allclose(got, keyed_answer(rows), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("form", "field"), [(examples, "examples[2].scores"), (columns, "columns.scores[2]")]
)
@pytest.mark.parametrize("lengths", [(3, 2), (6, 5)], ids=["short", "cut alike"])
def test_weights_that_are_not_as_many_as_their_values_are_refused_by_row(
    channel: grpc.Channel, form: Any, field: str, lengths: tuple[int, int]
) -> None:
    rows = bag_rows(Random(1), 4)
    items, scores = lengths
    rows[2] = {"items": [1] * items, "scores": [0.5] * scores}
    error = refused(channel, PREDICT, form("bag", rows).SerializeToString())
    assert error.details() == (
        f'Feature "scores" in row 2 must have as many values as `items`, {items}, but {scores} came.'
    )
    assert blamed_fields(error) == [field]


def test_weights_of_the_context_are_compared_with_values_of_the_context(
    channel: grpc.Channel, prediction: Stub
) -> None:
    request = pb.PredictRequest(model_name="bag")
    fill(request.context, {"items": [1, 2], "scores": [0.5]})
    request.examples.add().features.SetInParent()
    error = refused(channel, PREDICT, request.SerializeToString())
    assert 'Feature "scores" in the context must have as many values as `items`, 2' in error.details()
    assert blamed_fields(error) == ["context.scores"]
    fill(request.context, {"scores": [0.25]})
    assert arrays(prediction.Predict(request))["pooled"].shape == (1, 3)
