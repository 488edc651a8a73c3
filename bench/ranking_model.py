"""The recommendation example as a ranking service is asked: one person as the context, and 500 films.

Persons and films are held-out rows of models/recommendation, which `make setup` trains.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.question import Question, Work
from examples import heldout
from examples.heldout import HeldoutRow
from penstock.pb import prediction_pb2
from penstock.predict_request import PredictOptions, encode_context, encode_request
from penstock.rows import table_of_rows
from penstock.runtime import load_torchscript
from tests import reference

METHOD = "/penstock.v1.Prediction/Predict"
NAME = "recommendation"
CANDIDATES = 500
_VERSION = 1
_TRAINED = Path(__file__).parents[1] / "models" / NAME


def is_trained() -> bool:
    return (_TRAINED / str(_VERSION) / "model.pt").exists()


class RankingModel:
    """The example's program and model, run directly."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        with (_TRAINED / str(_VERSION) / "model.pt").open("rb") as file:
            self._module = load_torchscript(file)
        self._program = reference.Model.load(_TRAINED, _VERSION)
        self._rows = heldout.read_rows(_TRAINED / str(_VERSION))
        self._context = heldout.read_metrics(_TRAINED / str(_VERSION)).context

    def write(self, repository: Path) -> None:
        """Copies it into a model repository."""
        shutil.copytree(_TRAINED, repository / NAME)

    def work(self, questions: int) -> Work:
        """Predict with one context and the films of 500 rows; others for each question."""
        films = [row.features for row in self._rows[: CANDIDATES + questions]]
        persons = _persons(self._rows, questions)
        asked = [self._question(person, films[place:][:CANDIDATES]) for place, person in enumerate(persons)]
        return Work(f"ranking-{CANDIDATES}", METHOD, CANDIDATES, asked)

    def _question(self, person: HeldoutRow, films: list[dict[str, Any]]) -> Question:
        context = {name: person.features[name] for name in self._context if name in person.features}
        rows = [{name: value for name, value in film.items() if name not in self._context} for film in films]
        options = PredictOptions(NAME)
        request = encode_request(options, table_of_rows(rows), encode_context(options, context))
        parsed = prediction_pb2.PredictRequest.FromString(request)
        tensors = [torch.from_numpy(tensor.array) for tensor in reference.transform(self._program, parsed)]
        with torch.inference_mode():
            scores = self._module(*tensors).numpy()
        return Question(request, scores, _answer(scores), _decoded)


def _persons(rows: list[HeldoutRow], count: int) -> list[HeldoutRow]:
    """The first row of as many persons, those with the longest lists first, so that requests are of full size."""
    first = {row.request: row for row in reversed(rows)}
    return sorted(first.values(), key=lambda row: -len(row.features["last_liked"]))[:count]


def _answer(scores: NDArray[np.float32]) -> bytes:
    response = prediction_pb2.PredictResponse(model_name=NAME, model_version=str(_VERSION))
    response.outputs.add(name="score", shape=scores.shape).floats.value.extend(scores)
    return response.SerializeToString()


def _decoded(response: bytes) -> dict[str, NDArray[Any]]:
    parsed = prediction_pb2.PredictResponse.FromString(response)
    return {
        output.name: np.array(output.floats.value, np.float32).reshape(tuple(output.shape))
        for output in parsed.outputs
    }
