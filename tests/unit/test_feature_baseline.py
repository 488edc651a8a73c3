"""baseline.json: what `FeatureSpec.baseline` writes, and what keeps one from being read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock import FeatureSpec
from penstock._fastpath import ModelSpec, RequestError, SpecError
from penstock.errors import RepositoryError
from penstock.repository import scan

TOML = """
[batching]
max_batch_rows = 64
[[input]]
name = "x"
datatype = "FP32"
[[input]]
name = "ids"
datatype = "INT64"
[[output]]
name = "y"
datatype = "FP32"
[[feature]]
name = "amount"
type = "float"
missing = 0.0
to = "x"
[[feature]]
name = "country"
type = "string"
missing = "CH"
ops = [{ vocab = { values = ["CH", "DE"], oov_buckets = 1 } }]
to = "ids"
"""
AMOUNTS = np.random.default_rng(3).normal(5.0, 2.0, 5000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "fraud"
    (folder / "1").mkdir(parents=True)
    (folder / "model.toml").write_text(TOML)
    (folder / "1" / "model.pt").touch()
    return folder


@pytest.fixture
def text(folder: Path) -> str:
    rows = [
        {"amount": None if place % 10 == 0 else amount, "country": "DE" if place % 4 else "secret"}
        for place, amount in enumerate(AMOUNTS.tolist())
    ]
    return FeatureSpec.load(folder).baseline(rows)


def test_it_holds_what_training_was_like(text: str) -> None:
    baseline = json.loads(text)
    assert baseline["rows"] == 5000
    amount = baseline["features"]["amount"]
    present = AMOUNTS[np.arange(5000) % 10 != 0]
    numbers = amount["distribution"]["numbers"]
    assert (amount["type"], amount["missing"], amount["values"]) == ("float", 500, 4500)
    assert numbers["mean"] == pytest.approx(present.mean(), rel=1e-12)
    assert (numbers["min"], numbers["max"]) == (present.min(), present.max())
    assert sum(numbers["counts"]) == 4500
    assert numbers["counts"] == pytest.approx([450] * 10, abs=0.0015 * 4500)
    for quantile in numbers["quantiles"]:
        assert (present <= quantile["value"]).mean() == pytest.approx(quantile["p"], abs=0.0015)
    country = baseline["features"]["country"]
    assert country["unknown"] == 1250
    assert [common["count"] for common in country["distribution"]["categories"]["common"]] == [3750, 1250]


def test_it_holds_no_value_of_a_text(text: str) -> None:
    assert "secret" not in text


def test_it_is_the_same_however_the_rows_come(folder: Path) -> None:
    spec = FeatureSpec.load(folder)
    dicts = [{"amount": amount, "country": "DE"} for amount in AMOUNTS[:300].tolist()]
    assert spec.baseline(dicts) == spec.baseline({"amount": AMOUNTS[:300], "country": ["DE"] * 300})


def test_a_row_that_the_model_refuses_is_named(folder: Path) -> None:
    with pytest.raises(RequestError, match=r"country.* row 66 "):
        FeatureSpec.load(folder).baseline([{"country": b"DE" if row != 66 else b"\xff"} for row in range(70)])


def test_the_version_s_own_comes_before_the_model_s(folder: Path, text: str) -> None:
    assert ModelSpec.load(folder, 1).check_baseline() is None
    (folder / "baseline.json").write_text(text)
    assert ModelSpec.load(folder, 1).check_baseline() == 5000
    (folder / "1" / "baseline.json").write_text(text.replace('"rows": 5000', '"rows": 7'))
    assert ModelSpec.load(folder, 1).check_baseline() == 7


def of(name: str, **change: Any) -> Callable[[dict[str, Any]], None]:
    return lambda baseline: baseline["features"][name].update(change)


def numbers(**change: Any) -> Callable[[dict[str, Any]], None]:
    return lambda baseline: baseline["features"]["amount"]["distribution"]["numbers"].update(change)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda it: it.update(format="penstock.baseline/9"), 'this penstock reads "penstock.baseline/1"'),
        (lambda it: it.update(row=1), "did you mean `rows`?"),
        (lambda it: it.pop("rows"), "missing field `rows`"),
        (lambda it: it["features"].update(amuont=it["features"].pop("amount")), "did you mean `amount`?"),
        (of("amount", type="int"), 'model.toml says "float"; write the file again'),
        (of("amount", values=-1), "invalid value: integer `-1`"),
        (of("amount", distribution={"categories": {"common": [], "rest": 0}}), "takes it as a number"),
        (
            of(
                "country",
                distribution={"categories": {"common": [{"fingerprint": "x", "count": 1}], "rest": 0}},
            ),
            "must be 16 hexadecimal digits",
        ),
        (
            of(
                "country",
                distribution={
                    "categories": {"common": [{"fingerprint": "0" * 16, "count": 1}] * 2, "rest": 0}
                },
            ),
            "twice",
        ),
        (numbers(edges=[2.0, 1.0], counts=[1, 1, 1]), "edges that do not rise"),
        (numbers(counts=[1]), "one count more than edges"),
        (numbers(min=3.0, max=1.0), "min must not be above max"),
    ],
)
def test_a_file_that_does_not_fit_stops_the_start_with_a_sentence(
    folder: Path, text: str, spoil: Callable[[dict[str, Any]], None], sentence: str
) -> None:
    baseline = json.loads(text)
    spoil(baseline)
    (folder / "1" / "baseline.json").write_text(json.dumps(baseline, indent=1))
    with pytest.raises(SpecError) as caught:
        ModelSpec.load(folder, 1).check_baseline()
    assert str(folder / "1" / "baseline.json") in str(caught.value)
    assert sentence in str(caught.value)
    with pytest.raises(RepositoryError, match=r"baseline\.json"):
        scan(folder.parent)
    # What writes a new one still can.
    assert FeatureSpec.load(folder, 1).baseline([{"amount": 1.0}])


def test_a_file_that_is_no_json_says_on_which_line(folder: Path) -> None:
    (folder / "baseline.json").write_text('{\n "format": oops\n}')
    with pytest.raises(SpecError, match=r"baseline.json, line 2: expected"):
        ModelSpec.load(folder).check_baseline()


def test_a_link_out_of_the_model_s_folder_is_not_followed(folder: Path, text: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.json").write_text(text)
    (folder / "baseline.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(SpecError, match="leads out of the model's folder"):
        ModelSpec.load(folder).check_baseline()


def test_a_model_without_features_has_no_baseline(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "model.toml").write_text(
        '[[input]]\nname = "x"\ndatatype = "FP32"\ndims = [1]\n[[output]]\nname = "y"\ndatatype = "FP32"\n'
    )
    assert ModelSpec.load(folder).check_baseline() is None
    with pytest.raises(RequestError, match="has no features"):
        ModelSpec.load(folder).baseline_recorder()
