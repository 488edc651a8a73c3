"""penstock.v1.FeatureStatistics, at both doors: what features are like, against numbers worked out beside it."""

import json
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from penstock import FeatureSpec
from penstock.pb import feature_statistics_pb2 as pb
from penstock.pb import feature_statistics_pb2_grpc, prediction_pb2
from tests.contract import repository
from tests.server_process import ServerProcess, penstock

ROWS = 2000
AMOUNTS = np.random.default_rng(7).lognormal(1.0, 1.0, ROWS)
COUNTRIES = np.random.default_rng(8).choice(["CH", "DE", "FR", "XX"], ROWS, p=[0.4, 0.3, 0.2, 0.1])
# Training: other amounts, and no XX.
TRAINED = np.random.default_rng(9).lognormal(0.0, 1.0, 4000)
TRAINED_COUNTRIES = np.random.default_rng(10).choice(["CH", "DE", "FR"], 4000)


@pytest.fixture(scope="module")
def watched(door: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of its own that looks at every row, with a baseline for `features`."""
    folder = repository.write(tmp_path_factory.mktemp("watched"))
    rows = {
        "amount": TRAINED,
        "age": np.full(4000, 40.0),
        "merchant": ["m"] * 4000,
        "country": TRAINED_COUNTRIES.tolist(),
    }
    text = FeatureSpec.load(folder / "features").baseline(rows)
    (folder / "features" / "1" / "baseline.json").write_text(text)
    with ServerProcess(folder, "--door", door, "--feature-statistics-every", "1") as process:
        assert process.serving["event"] == "serving"
        yield process


@pytest.fixture(scope="module")
def answer(watched: ServerProcess) -> pb.GetFeatureStatisticsResponse:
    """What is told after ROWS rows in calls of 8, an age in every second one, and one refused call."""
    for start in range(0, ROWS, repository.MAX_BATCH_ROWS):
        request = prediction_pb2.PredictRequest(model_name="features")
        request.context.features.feature["merchant"].bytes_list.value.append(b"m")
        for row in range(start, start + repository.MAX_BATCH_ROWS):
            features = request.examples.add().features.feature
            features["amount"].float_list.value.append(AMOUNTS[row])
            features["country"].bytes_list.value.append(COUNTRIES[row].encode())
            features["history"].int64_list.value.extend(range(row % 3))
            if row % 2:
                features["age"].float_list.value.append(row)
        watched.prediction.Predict(request, timeout=30)
    without_amount = prediction_pb2.PredictRequest(model_name="features")
    without_amount.examples.add().features.feature["merchant"].bytes_list.value.append(b"m")
    with pytest.raises(grpc.RpcError, match="amount"):
        watched.prediction.Predict(without_amount, timeout=30)
    return ask(watched)


def ask(
    server: ServerProcess, model: str = "features", *features: str, version: str = ""
) -> pb.GetFeatureStatisticsResponse:
    stub = feature_statistics_pb2_grpc.FeatureStatisticsStub(server.channel)
    request = pb.GetFeatureStatisticsRequest(model_name=model, model_version=version, features=features)
    return stub.GetFeatureStatistics(request, timeout=30)


def psi(training: np.ndarray, now: np.ndarray) -> float:
    """The index of two arrays of counts, as docs/feature-statistics.md has it."""
    p = (training + 0.5) / (training.sum() + 0.5 * len(training))
    q = (now + 0.5) / (now.sum() + 0.5 * len(now))
    return float(((q - p) * np.log(q / p)).sum())


def summary(answer: pb.GetFeatureStatisticsResponse, name: str) -> pb.FeatureSummary:
    return next(feature for feature in answer.features if feature.name == name)


def test_rows_are_counted_exactly_and_every_one_is_looked_at(answer: pb.GetFeatureStatisticsResponse) -> None:
    assert (answer.model_name, answer.model_version, answer.sample_every) == ("features", "1", 1)
    for span in (answer.since_load, answer.window):
        assert span.rows == ROWS
        assert span.sampled_rows + answer.dropped_rows == ROWS
    assert answer.baseline_rows == 4000
    assert [feature.name for feature in answer.features][:2] == ["amount", "age"]


def test_numbers_have_their_mean_and_quantiles(answer: pb.GetFeatureStatisticsResponse) -> None:
    figures = summary(answer, "amount").window
    sent = AMOUNTS.astype(np.float32)
    assert figures.rows == figures.values == answer.window.sampled_rows
    assert figures.mean == pytest.approx(sent.mean(), rel=1e-9)
    assert (figures.min, figures.max) == (sent.min(), sent.max())
    for quantile in figures.quantiles:
        rank = (sent <= quantile.value).mean()
        assert rank == pytest.approx(quantile.probability, abs=2 * 0.0133)
    assert summary(answer, "amount").refused.missing == 1
    assert figures.missing_ratio == pytest.approx(1 / (ROWS + 1))


def test_missing_and_unknown_values_are_counted(answer: pb.GetFeatureStatisticsResponse) -> None:
    age = summary(answer, "age").window
    assert (age.default_rows, age.default_ratio) == (ROWS // 2, 0.5)
    country = summary(answer, "country").window
    assert country.unknown_values == (COUNTRIES == "XX").sum()
    merchant = summary(answer, "merchant").window
    assert (merchant.values, merchant.default_rows) == (ROWS, 0), "the context's"
    history = summary(answer, "history")
    assert history.type == "int[]"
    assert history.window.mean_length == pytest.approx(np.arange(ROWS).__mod__(3).mean())


def test_psi_is_numpy_s(answer: pb.GetFeatureStatisticsResponse) -> None:
    amount = summary(answer, "amount")
    deciles = np.quantile(TRAINED, np.arange(1, 10) / 10, method="inverted_cdf")
    edges = np.concatenate([[-np.inf], deciles, [np.inf]])
    training, now = (
        np.histogram(-values, -edges[::-1])[0][::-1] for values in (TRAINED, AMOUNTS.astype(np.float32))
    )
    assert amount.window.drift.psi == pytest.approx(psi(training, now), rel=0.05)
    assert amount.window.drift.psi > 0.25
    assert amount.window.drift.rows == ROWS
    country = summary(answer, "country")
    names, training = np.unique(TRAINED_COUNTRIES, return_counts=True)
    now = np.array([(name == COUNTRIES).sum() for name in names])
    expected = psi(np.append(training, 0), np.append(now, ROWS - now.sum()))
    assert country.window.drift.psi == pytest.approx(expected, rel=1e-6)
    assert country.window.drift.psi_by_chance == pytest.approx(3 * (1 / ROWS + 1 / 4000))
    assert not summary(answer, "token").window.HasField("drift"), "training did not have it"


def test_training_is_told_beside_the_rows_of_now(answer: pb.GetFeatureStatisticsResponse) -> None:
    training = summary(answer, "amount").baseline
    assert training.rows == 4000
    assert training.mean == pytest.approx(TRAINED.mean(), rel=1e-9)
    outside = (
        (AMOUNTS.astype(np.float32) < TRAINED.min()) | (AMOUNTS.astype(np.float32) > TRAINED.max())
    ).sum()
    assert summary(answer, "amount").window.outside_training_values == outside


def test_metrics_say_the_same(watched: ServerProcess, answer: pb.GetFeatureStatisticsResponse) -> None:
    metrics = watched.metrics()
    labels = {"model": "features", "version": "1"}
    assert metrics.total("penstock_feature_rows_total", **labels) == ROWS
    assert metrics.total("penstock_feature_sample_ratio", **labels) == 1.0
    assert metrics.total("penstock_feature_missing_rows_total", **labels, feature="age") == ROWS // 2
    psi_now = metrics.total("penstock_feature_psi", **labels, feature="amount")
    assert psi_now == pytest.approx(summary(answer, "amount").window.drift.psi)
    refused = metrics.total("penstock_feature_refused_requests_total", feature="amount", reason="missing")
    assert refused == 1
    series = [
        name
        for name, found, _ in metrics.samples
        if name.startswith("penstock_feature_") and found["model"] == "features"
    ]
    assert len(series) <= 4 + len(answer.features) * (5 + 1 + 8 + 4), "by the features of model.toml"


def test_a_few_features_can_be_asked_for(watched: ServerProcess) -> None:
    answer = ask(watched, "features", "country", "age", version="1")
    assert [feature.name for feature in answer.features] == ["age", "country"]


@pytest.mark.parametrize(
    ("model", "features", "version", "code", "sentence"),
    [
        ("features", ("amuont",), "", grpc.StatusCode.INVALID_ARGUMENT, 'did you mean "amount"?'),
        ("pair", (), "", grpc.StatusCode.FAILED_PRECONDITION, "has no features"),
        ("nowhere", (), "", grpc.StatusCode.NOT_FOUND, "nowhere"),
        ("features", (), "2", grpc.StatusCode.NOT_FOUND, "2"),
        ("features", (), "x", grpc.StatusCode.NOT_FOUND, "has no label"),
        ("features", (), "01", grpc.StatusCode.INVALID_ARGUMENT, "version"),
        ("", (), "", grpc.StatusCode.INVALID_ARGUMENT, "names no model"),
    ],
)
def test_a_question_without_an_answer_is_told_why(
    watched: ServerProcess,
    model: str,
    features: tuple[str, ...],
    version: str,
    code: grpc.StatusCode,
    sentence: str,
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        ask(watched, model, *features, version=version)
    assert caught.value.code() is code
    assert sentence in caught.value.details()


def test_bytes_that_are_no_message_are_refused(watched: ServerProcess) -> None:
    call = watched.channel.unary_unary("/penstock.v1.FeatureStatistics/GetFeatureStatistics")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"\xff", timeout=30)
    assert caught.value.code() is grpc.StatusCode.INTERNAL


def test_one_in_so_many_rows_is_looked_at_unless_told_otherwise(server: ServerProcess) -> None:
    answer = ask(server)
    assert answer.sample_every == 250
    assert answer.baseline_rows == 0


def test_statistics_can_be_switched_off(door: str, tmp_path: Path) -> None:
    repository.write(tmp_path)
    with ServerProcess(tmp_path, "--door", door, "--feature-statistics-every", "0") as process:
        assert "penstock_feature_" not in process.http("/metrics")[1]
        with pytest.raises(grpc.RpcError) as caught:
            ask(process)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "feature_statistics_every" in caught.value.details()


@pytest.mark.usefixtures("answer")
def test_the_command_prints_a_line_a_feature_the_farthest_first(watched: ServerProcess) -> None:
    told = penstock("features", watched.address, "features")
    assert (told.returncode, told.stderr) == (0, "")
    head, empty, columns, *lines = told.stdout.splitlines()
    assert head.startswith("features version 1, the last hour (")
    assert f": {ROWS} rows" in head
    assert (empty, columns.split()[0], len(lines)) == ("", "feature", 9)
    assert lines[0].startswith("amount")
    assert "large change" in lines[0]
    assert "1 call refused" in lines[0]
    age = next(line for line in lines if line.startswith("age")).split()
    assert age[:4] == ["age", "float", str(ROWS // 2), "50.00%"]


@pytest.mark.usefixtures("answer")
def test_the_command_prints_json_and_says_what_is_wrong(watched: ServerProcess) -> None:
    told = penstock("features", watched.address, "features", "--feature", "country", "--json")
    assert [feature["name"] for feature in json.loads(told.stdout)["features"]] == ["country"]
    refused = penstock("features", watched.address, "nowhere")
    assert refused.returncode == 1
    assert refused.stderr.startswith("penstock: ")
    assert "nowhere" in refused.stderr
