"""Lengths and masks of padded lists, in one chunk and in several, beside defaults and contexts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock import FeatureSpec
from tests.property.models import to_toml


@pytest.fixture
def spec(tmp_path: Path) -> FeatureSpec:
    """A list of at most 3, with a default of one value."""
    (path := tmp_path / "model").mkdir()
    document: dict[str, list[dict[str, Any]]] = {
        "input": [
            {"name": "mask", "datatype": "BOOL", "mask_of": "recent"},
            {"name": "recent", "datatype": "INT64"},
            {"name": "lengths", "datatype": "INT32", "lengths_of": "recent"},
        ],
        "output": [{"name": "y", "datatype": "FP32"}],
        "feature": [
            {
                "name": "items",
                "type": "int",
                "list": {"max": 3, "pad": -1},
                "missing": [7],
                # The commonest list, which has a step of its own where no tensor tells its padding.
                "ops": [{"hash": {"buckets": 10}}],
                "to": "recent",
            }
        ],
    }
    (path / "model.toml").write_text(to_toml(document), encoding="utf-8")
    return FeatureSpec.load(path)


ROWS: list[dict[str, Any]] = [{"items": [1, 2]}, {"items": []}, {}, {"items": [1, 2, 3, 4]}]


@pytest.mark.parametrize("blocks", [1, 2000], ids=["one chunk", "several chunks"])
def test_lengths_and_mask_tell_values_from_padding(spec: FeatureSpec, blocks: int) -> None:
    got = spec.transform(ROWS * blocks)
    assert list(got) == ["mask", "recent", "lengths"]
    assert got["lengths"].dtype == np.int32
    assert got["lengths"].tolist() == [2, 0, 1, 3] * blocks
    assert got["mask"].dtype == np.bool_
    assert np.array_equal(got["mask"], got["recent"] != -1)


def test_a_context_has_its_lengths_in_every_row(spec: FeatureSpec) -> None:
    got = spec.transform([{}, {}], context={"items": [5, 6]})
    assert got["lengths"].tolist() == [2, 2]
    assert got["mask"].tolist() == [[True, True, False]] * 2


def test_a_spec_says_whose_padding_a_tensor_tells(spec: FeatureSpec) -> None:
    mask, recent, lengths = spec.inputs
    assert (mask.mask_of, mask.lengths_of, mask.shape) == ("recent", None, [-1, 3])
    assert (lengths.lengths_of, lengths.mask_of, lengths.shape) == ("recent", None, [-1])
    assert (recent.mask_of, recent.lengths_of) == (None, None)
    assert "mask of recent" in spec.describe()
    assert "lengths of recent" in spec.describe()
