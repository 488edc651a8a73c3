"""Ids and columns as TensorFlow and scikit-learn computed them (tests/vectors/hash.tsv), through whole models."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.operations.one_feature import transformed

VECTORS = Path(__file__).parents[1] / "vectors" / "hash.tsv"


def lines(kind: str) -> list[list[str]]:
    found = [
        line.split("\t")[1:]
        for line in VECTORS.read_text(encoding="utf-8").splitlines()
        if line.startswith(kind)
    ]
    assert found
    return found


def values(text: str) -> Iterator[int | str]:
    """`i:42,s:6162` as 42 and "ab"."""
    for item in text.split(","):
        kind, value = item.split(":")
        yield int(value) if kind == "i" else bytes.fromhex(value).decode()


@pytest.mark.parametrize(("known", "buckets", "sent", "ids"), lines("oov\t"))
def test_unknown_values_get_the_bucket_of_a_static_vocabulary_table(
    known: str, buckets: str, sent: str, ids: str
) -> None:
    type_ = "int" if known.startswith("i:") else "string"
    vocab = {"values": list(values(known)), "oov_buckets": int(buckets), "ints": "text"}
    got = transformed({"type": type_, "ops": [{"vocab": vocab}]}, "INT64", list(values(sent)))
    assert got[:, 0].tolist() == [int(id_) for id_ in ids.split(",")]


@pytest.mark.parametrize(("texts", "columns", "signs", "sums"), lines("hasher\t"))
def test_texts_fall_into_the_columns_of_feature_hasher(
    texts: str, columns: str, signs: str, sums: str
) -> None:
    bag = [] if texts == "-" else [bytes.fromhex(text).decode() for text in texts.split(",")]
    hasher = {"columns": int(columns), "alternate_sign": signs == "1"}
    table = {"type": "string", "list": {}, "ops": [{"feature_hasher": hasher}]}
    assert transformed(table, "INT64", [bag]).tolist() == [[int(sum_) for sum_ in sums.split(",")]]
