"""`FeatureSpec.fit`: parameters from training rows, written into model.toml and vocabulary files, and nothing else."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from penstock._fastpath import ModelSpec, RequestError, SpecError
from penstock.feature_spec import FeatureSpec
from penstock.pb import prediction_pb2
from tests.unit.test_feature_spec import write_model

HEAD = """# A comment that stays.
description = "odd  spacing stays"   # and this

[[input]]
name = "dense"
datatype = "FP64"

[[input]]
name = "ids"
datatype = "INT64"

[[output]]
name = "score"
datatype = "FP32"
"""


def feature(name: str, kind: str, ops: str, to: str = "dense", more: str = "") -> str:
    return (
        f'\n[[feature]]  # of {name}\nname = "{name}"\ntype = "{kind}"\n{more}\nops = [{ops}]\nto = "{to}"\n'
    )


ID = feature("id", "int", "", "ids", "missing = 0")
NUMBER = feature("number", "float", "", more="missing = 0.0")


def load(tmp_path: Path, *features: str, version: int | None = None) -> FeatureSpec:
    text = HEAD + "".join(features)
    if 'to = "ids"' not in "".join(features):
        text += ID
    if 'to = "dense"' not in "".join(features):
        text += NUMBER
    folder = write_model(tmp_path / "model", text)
    (folder / "1").mkdir(exist_ok=True)
    return FeatureSpec.load(folder, version)


def toml_of(tmp_path: Path) -> str:
    return (tmp_path / "model" / "model.toml").read_text()


RANDOM = np.random.default_rng(7)
AMOUNTS = RANDOM.lognormal(3.0, 1.5, 5000)


def test_standardize_is_fitted_to_mean_and_population_deviation(tmp_path: Path) -> None:
    fitted = load(tmp_path, feature("amount", "float", "{ standardize = { fit = true } }")).fit(
        {"amount": AMOUNTS}
    )
    dense = fitted.transform({"amount": AMOUNTS})["dense"][:, 0]
    np.testing.assert_allclose(dense, (AMOUNTS - AMOUNTS.mean()) / AMOUNTS.std(), rtol=1e-12, atol=1e-12)


def test_operations_behind_others_are_fitted_on_what_those_give(tmp_path: Path) -> None:
    ops = "{ clip = { min = 1.0 } }, { log1p = {} }, { standardize = { fit = true } }, { min_max = { fit = true } }"
    fitted = load(tmp_path, feature("amount", "float", ops)).fit({"amount": AMOUNTS})
    logs = np.log1p(np.maximum(AMOUNTS, 1.0))
    standard = (logs - logs.mean()) / logs.std()
    want = (standard - standard.min()) / (standard.max() - standard.min())
    dense = fitted.transform({"amount": AMOUNTS})["dense"][:, 0]
    np.testing.assert_allclose(dense, want, rtol=1e-10, atol=1e-12)


def test_clip_is_fitted_to_quantiles(tmp_path: Path) -> None:
    ops = "{ clip = { fit = { low = 0.05, high = 0.9 } } }"
    fitted = load(tmp_path, feature("amount", "float", ops)).fit({"amount": AMOUNTS})
    want = np.clip(AMOUNTS, *np.quantile(AMOUNTS, [0.05, 0.9]))
    np.testing.assert_array_equal(fitted.transform({"amount": AMOUNTS})["dense"][:, 0], want)


@pytest.mark.parametrize("by", ["quantile", "uniform"])
def test_boundaries_are_fitted_by_quantiles_or_of_one_width(tmp_path: Path, by: str) -> None:
    ops = f'{{ bucketize = {{ fit = {{ buckets = 8, by = "{by}" }} }} }}'
    fitted = load(tmp_path, feature("amount", "float", ops, "ids")).fit({"amount": AMOUNTS})
    shares = np.arange(1, 8) / 8
    low, high = AMOUNTS.min(), AMOUNTS.max()
    boundaries = np.quantile(AMOUNTS, shares) if by == "quantile" else low + (high - low) * shares
    want = np.digitize(AMOUNTS, boundaries)
    np.testing.assert_array_equal(fitted.transform({"amount": AMOUNTS})["ids"][:, 0], want)


def test_quantiles_are_fitted_to_equidistant_shares(tmp_path: Path) -> None:
    ops = '{ quantile = { fit = { count = 50 }, output = "uniform" } }'
    fitted = load(tmp_path, feature("amount", "float", ops)).fit({"amount": AMOUNTS})
    want = np.interp(AMOUNTS, np.quantile(AMOUNTS, np.linspace(0, 1, 50)), np.linspace(0, 1, 50))
    dense = fitted.transform({"amount": AMOUNTS})["dense"][:, 0]
    np.testing.assert_allclose(dense, want, rtol=1e-12, atol=1e-12)


def test_operations_behind_reductions_are_fitted_to_what_those_give(tmp_path: Path) -> None:
    spec = load(
        tmp_path,
        feature(
            "x", "float", "{ log1p = {} }, { mean = {} }, { standardize = { fit = true } }", more="list = {}"
        ),
        feature("x", "float", "{ standardize = { fit = true } }, { sum = {} }", more="list = {}"),
    )
    rows = [[1.0, 2.0], [3.0], [], [5.0, 7.0, 9.0]]
    dense = spec.fit({"x": rows}).transform({"x": rows})["dense"]
    means = np.array([np.mean(np.log1p(row)) if row else 0.0 for row in rows])
    np.testing.assert_allclose(dense[:, 0], (means - means.mean()) / means.std(), rtol=1e-12, atol=1e-12)
    values = np.concatenate(rows)
    sums = [sum((np.array(row) - values.mean()) / values.std()) for row in rows]
    np.testing.assert_allclose(dense[:, 1], sums, rtol=1e-12, atol=1e-12)


def test_a_constant_is_fitted_as_scikit_learn_fits_it(tmp_path: Path) -> None:
    spec = load(
        tmp_path,
        feature("a", "float", "{ standardize = { fit = true } }"),
        feature("b", "float", "{ min_max = { fit = true } }"),
    )
    dense = spec.fit({"a": [5.0, 5.0], "b": [5.0, 5.0]}).transform({"a": [5.0, 6.0], "b": [5.0, 6.0]})[
        "dense"
    ]
    assert dense.tolist() == [[0.0, 0.0], [1.0, 1.0]]


WORDS = ["b"] * 5 + ["a"] * 3 + ["c"] * 3 + ["rare"]


@pytest.mark.parametrize(
    ("fit", "want"),
    [
        ("true", ["b", "a", "c", "rare"]),
        ("{ min_count = 3 }", ["b", "a", "c"]),
        ("{ max_size = 2 }", ["b", "a"]),
        ('{ order = "value" }', ["a", "b", "c", "rare"]),
    ],
)
def test_vocabularies_are_fitted_by_frequency(tmp_path: Path, fit: str, want: list[str]) -> None:
    fitted = load(tmp_path, feature("word", "string", f"{{ vocab = {{ fit = {fit} }} }}", "ids")).fit(
        {"word": WORDS}
    )
    assert fitted.transform({"word": want})["ids"][:, 0].tolist() == list(range(len(want)))
    assert f"values = {json.dumps(want)}" in toml_of(tmp_path)


@pytest.mark.parametrize("version", [None, 1])
def test_a_vocabulary_file_is_shared_and_stands_beside_the_version(
    tmp_path: Path, version: int | None
) -> None:
    vocab = '{ vocab = { file = "teams.txt", fit = { order = "value" } } }'
    named = '{ vocab = { file = "teams.txt" } }'
    features = [feature("home", "int", vocab, "ids"), feature("away", "int", vocab, "ids")]
    last = feature("last", "int", named, "ids", "list = { max = 2, pad = -1 }")
    spec = load(tmp_path, *features, last, version=version)
    assert len(spec.unfitted) == 3
    fitted = spec.fit({"home": [30, 10], "away": [10, 20], "last": [[77], [10]]})
    place = tmp_path / "model" / ("1/teams.txt" if version else "teams.txt")
    assert place.read_text() == "10\n20\n30\n"
    got = fitted.transform({"home": [20], "away": [77], "last": [[30]]})["ids"]
    assert got.tolist() == [[1, 3, 2, -1]]
    assert fitted.unfitted == []


def test_a_large_vocabulary_gets_a_file(tmp_path: Path) -> None:
    words = [f"w{number:04}" for number in range(1000)]
    fitted = load(tmp_path, feature("word", "string", "{ vocab = { fit = true } }", "ids")).fit(
        {"word": words}
    )
    assert (tmp_path / "model" / "word.txt").read_text().splitlines() == words
    assert '{ vocab = { fit = true, file = "word.txt" } }' in toml_of(tmp_path)
    assert fitted.transform({"word": words})["ids"][:, 0].tolist() == list(range(1000))
    fitted.fit({"word": words[:3]})
    assert (tmp_path / "model" / "word.txt").read_text().splitlines() == words[:3]


def test_defaults_count_as_the_operations_see_them(tmp_path: Path) -> None:
    spec = load(
        tmp_path,
        feature("word", "string", "{ vocab = { fit = true } }", "ids", 'missing = "none"'),
        feature("number", "float", "{ standardize = { fit = true } }", more="missing = 9.0"),
        feature(
            "tags",
            "string",
            "{ vocab = { fit = true } }",
            "ids",
            'list = { max = 2 }\nmissing = ["x", "y", "x"]',
        ),
    )
    rows: list[dict[str, Any]] = [{"word": "a", "number": 1.0, "tags": ["z", "x", "y"]}, {}, {}]
    spec.fit(rows)
    text = toml_of(tmp_path)
    assert 'values = ["none", "a"]' in text
    assert f"mean = {np.mean([1, 9, 9])}" in text
    # The list's last two values, and those of the default twice: y and x, x and y.
    assert 'values = ["x", "y"]' in text


def test_nan_and_padding_are_no_values(tmp_path: Path) -> None:
    spec = load(
        tmp_path,
        feature("a", "float", "{ standardize = { fit = true } }"),
        feature("b", "int", "{ min_max = { fit = true } }", more="list = { max = 3, pad = -100 }"),
    )
    spec.fit({"a": np.array([1.0, np.nan, 3.0]), "b": [[1, 2, 50, 3, 4], [], [5]]})
    assert "{ fit = true, mean = 2.0, std = 1.0 }" in toml_of(tmp_path)
    assert "{ fit = true, min = 3.0, max = 50.0 }" in toml_of(tmp_path)


def test_all_other_bytes_of_the_file_stay(tmp_path: Path) -> None:
    spec = load(tmp_path, feature("amount", "float", "{log1p={}},   { standardize = {fit = true} }"))
    path = tmp_path / "model" / "model.toml"
    before = path.read_bytes().replace(b"\n", b"\r\n") + b"# no newline at the end"
    path.write_bytes(before)
    path.chmod(0o640)
    spec.fit({"amount": [1.0, 2.0, 4.0]})
    after = path.read_bytes()
    start, end = after.index(b", mean = "), after.index(b"} }]")
    assert after[:start] + after[end:] == before
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(each.name for each in path.parent.iterdir()) == ["1", "baseline.json", "model.toml"]


def test_a_fitted_model_is_fitted_anew(tmp_path: Path) -> None:
    spec = load(tmp_path, feature("amount", "float", "{ standardize = { fit = true } }"))
    first = spec.fit({"amount": [1.0, 3.0]})
    again = first.fit({"amount": [10.0, 30.0]})
    assert "{ fit = true, mean = 20.0, std = 10.0 }" in toml_of(tmp_path)
    assert again.transform({"amount": [30.0]})["dense"].tolist() == [[1.0]]
    assert first.transform({"amount": [3.0]})["dense"].tolist() == [[1.0]]


@pytest.mark.parametrize("form", ["dicts", "arrow", "pandas", "records"])
@pytest.mark.parametrize("threads", [2, 5])
def test_every_form_and_number_of_threads_finds_the_same(tmp_path: Path, form: str, threads: int) -> None:
    words = RANDOM.choice(["a", "b", "c", "d"], 5000)
    table = pa.table({"amount": AMOUNTS.astype(np.float32), "word": words})
    features = (
        feature("amount", "float", "{ signed_log = {} }, { standardize = { fit = true } }"),
        feature("amount", "float", "{ bucketize = { fit = true } }", "ids"),
        feature("word", "string", "{ vocab = { fit = true } }", "ids"),
    )
    load(tmp_path, *features).fit(table, threads=1)
    want = toml_of(tmp_path)
    forms = {
        "dicts": table.to_pylist,
        "arrow": lambda: table,
        "pandas": table.to_pandas,
        "records": lambda: records(table),
    }
    load(tmp_path, *features).fit(forms[form](), threads=threads)
    assert toml_of(tmp_path) == want


def records(table: pa.Table) -> list[bytes]:
    made = []
    for row in table.to_pylist():
        example = prediction_pb2.Example()
        example.features.feature["amount"].float_list.value.append(row["amount"])
        example.features.feature["word"].bytes_list.value.append(row["word"].encode())
        made.append(example.SerializeToString())
    return made


def test_an_unfitted_model_is_loaded_for_fitting_alone(tmp_path: Path) -> None:
    spec = load(tmp_path, feature("amount", "float", "{ standardize = { fit = true } }"))
    sentence = "feature `amount`: standardize is not fitted yet; run FeatureSpec.load"
    assert len(spec.unfitted) == 1
    assert sentence in spec.unfitted[0]
    with pytest.raises(SpecError, match=sentence):
        spec.transform({"amount": [1.0]})
    with pytest.raises(SpecError, match=rf"model\.toml, line 16: {sentence}"):
        ModelSpec.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("features", "rows", "sentence"),
    [
        ([NUMBER], {"number": [1.0]}, "no operation says fit = true, so there is nothing to fit"),
        (
            [feature("x", "float", "{ standardize = { fit = true } }")],
            {"x": [float("nan")]},
            "line 16: feature `x`: standardize cannot be fitted: there is no value to fit it to",
        ),
        (
            [feature("x", "string", "{ vocab = { fit = { min_count = 5 } } }", "ids")],
            {"x": ["a"]},
            "feature `x`: vocab cannot be fitted: no value is there 5 times or more",
        ),
        (
            [feature("x", "float", "{ bucketize = { fit = { buckets = 1 } } }", "ids")],
            {"x": [1.0]},
            "fit has buckets = 1; it must be 2 to 65536",
        ),
        (
            [feature("x", "float", "{ clip = { fit = { low = 0.9, high = 0.1 } } }")],
            {"x": [1.0]},
            "fit has low = 0.9 and high = 0.1; they must be shares from 0 to 1",
        ),
        (
            [
                feature("x", "string", '{ vocab = { file = "x.txt", fit = true } }', "ids"),
                feature("y", "string", '{ vocab = { file = "x.txt", fit = { min_count = 2 } } }', "ids"),
            ],
            {"x": ["a"], "y": ["a"]},
            r"x\.txt\" is fitted in two ways",
        ),
        (
            [feature("x", "string", '{ vocab = { file = "x.txt", fit = true } }', "ids")],
            {"x": ["two\nlines"]},
            "since it has one value a line",
        ),
        (
            [feature("x", "float", "{ standardize.fit = true }")],
            {"x": [1.0]},
            r"fit writes into operations in braces; write { standardize = { fit = true } }",
        ),
    ],
)
def test_what_cannot_be_fitted_is_told_and_nothing_is_written(
    tmp_path: Path, features: list[str], rows: dict[str, Any], sentence: str
) -> None:
    spec = load(tmp_path, *features)
    before = toml_of(tmp_path)
    with pytest.raises(SpecError, match=sentence):
        spec.fit(rows)
    assert toml_of(tmp_path) == before
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["1", "model.toml"]


def test_rows_that_cannot_be_fitted_to_are_named(tmp_path: Path) -> None:
    spec = load(tmp_path, feature("x", "float", "{ log1p = {} }, { standardize = { fit = true } }"))
    values = np.ones(3000)
    values[2500] = -1.0
    with pytest.raises(RequestError, match='Feature "x" in row 2500 is infinite where operation 2 is fitted'):
        spec.fit({"x": values})
    with pytest.raises(RequestError, match='Feature "x" in row 0 is missing and has no default'):
        spec.fit(pd.DataFrame({"id": [1]}))


@pytest.mark.parametrize(
    ("ops", "sentence"),
    [
        ("{ standardize = { fit = false } }", "fit = false says nothing"),
        ("{ standardize = { fit = { buckets = 3 } } }", "unknown field `buckets`"),
        ("{ clip = { fit = { lo = 0.1 } } }", "did you mean `low`"),
        ("{ standardize = {} }", "standardize needs mean and std, or fit = true"),
        ("{ standardize = { fit = 3 } }", "true or a table of options"),
    ],
)
def test_a_fit_that_says_nothing_is_refused(tmp_path: Path, ops: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        load(tmp_path, feature("x", "float", ops))


@pytest.mark.parametrize("version", [None, 1])
def test_what_the_rows_are_like_is_left_beside_what_was_fitted(tmp_path: Path, version: int | None) -> None:
    rows = pa.table({"amount": AMOUNTS})
    amount = feature("amount", "float", "{ standardize = { fit = true } }", more="missing = 0.0")
    fitted = load(tmp_path, amount, version=version).fit(rows)
    folder = tmp_path / "model" if version is None else tmp_path / "model" / "1"
    text = (folder / "baseline.json").read_text()
    assert text == fitted.baseline(rows)
    assert not list(folder.glob(".*"))
    # A server that loads the model takes it.
    assert ModelSpec.load(tmp_path / "model", 1).unfitted == []
