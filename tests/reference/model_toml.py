"""model.toml as plain dataclasses. Reads valid files only: what to refuse is penstock's to know."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MISSING_IS_AN_ERROR = "error"
NOW = "now"
# Operations on the values of a row together.
TOGETHER = {"sum", "mean", "max", "min", "length", "l2_normalize", "one_hot", "feature_hasher"}


@dataclass(frozen=True)
class ListForm:
    """How many values of a list reach the tensor; `max` is None for a jagged list without a bound."""

    kind: str  # "padded", "jagged", "fixed" or, where an operation takes the values together, "together"
    max: int | None
    keep: str
    pad: float


@dataclass(frozen=True)
class Operation:
    """One operation; a vocab holds its words' places instead of its words."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Feature:
    """One `[[feature]]`."""

    name: str
    type: str
    unit: str
    form: ListForm | None  # None: a scalar
    missing: list[Any] | None  # the values of a row that lacks the feature; None: refuse the row
    now: bool  # whether the time of the request stands in for a missing value
    range: dict[str, Any] | None
    ops: tuple[Operation, ...]
    to: str | None


@dataclass(frozen=True)
class Cross:
    """One `[[cross]]`."""

    features: tuple[str, ...]
    buckets: int
    to: str


@dataclass(frozen=True)
class Input:
    """One `[[input]]`. `per_request`: weights, offsets and lengths have it from the input that they belong to."""

    name: str
    datatype: str
    dims: list[int] | None = None
    offsets_of: str | None = None
    lengths_of: str | None = None
    mask_of: str | None = None
    weights_of: str | None = None
    include_last: bool = True
    per_request: bool = False
    is_index: bool = False


@dataclass(frozen=True)
class Model:
    """What a request is decoded by."""

    unknown_features: str
    max_batch_rows: int
    inputs: tuple[Input, ...]
    features: tuple[Feature, ...]
    crosses: tuple[Cross, ...]

    @staticmethod
    def load(folder: Path, version: int | None = None) -> "Model":
        """Reads `model.toml` and the vocabulary files that it names, those of `version` first."""
        document = tomllib.loads((folder / "model.toml").read_text())
        places = [folder] if version is None else [folder / str(version), folder]
        return Model(
            unknown_features=document.get("unknown_features", "error"),
            max_batch_rows=document.get("batching", {}).get("max_batch_rows", 1024),
            inputs=_inputs(document.get("input", ())),
            features=tuple(_feature(table, places) for table in document.get("feature", ())),
            crosses=tuple(
                Cross(tuple(table["features"]), table["hash"]["buckets"], table["to"])
                for table in document.get("cross", ())
            ),
        )


def _inputs(tables: Sequence[dict[str, Any]]) -> tuple[Input, ...]:
    once = {table["name"] for table in tables if table.get("per") == "request"}
    relations = ("offsets_of", "lengths_of", "mask_of", "weights_of")
    return tuple(
        Input(
            table["name"],
            table["datatype"],
            table.get("dims"),
            **{key: table.get(key) for key in relations},
            include_last=table.get("include_last", True),
            per_request=not once.isdisjoint([table["name"], *(table.get(key) for key in relations)]),
            is_index=table.get("holds") == "request_index",
        )
        for table in tables
    )


def _feature(table: dict[str, Any], places: list[Path]) -> Feature:
    together = any(name in TOGETHER for operation in table.get("ops", ()) for name in operation)
    form = _list_form(table.get("list"), together=together)
    default: Any = MISSING_IS_AN_ERROR if form is None or form.kind == "fixed" else []
    missing = table.get("missing", default)
    # A string feature may well hold the word "error" in a list; as a scalar it always means the keyword.
    now = table["type"] == "timestamp" and missing == NOW
    refused = now or (isinstance(missing, str) and missing == MISSING_IS_AN_ERROR)
    values = missing if isinstance(missing, list) else [missing]
    return Feature(
        name=table["name"],
        type=table["type"],
        unit=table.get("unit", "s"),
        form=form,
        missing=None if refused else [_as_sent(value) for value in values],
        now=now,
        range=table.get("range"),
        ops=tuple(_operation(operation, table["type"], places) for operation in table.get("ops", ())),
        to=table.get("to"),
    )


def _as_sent(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


def _list_form(table: dict[str, Any] | None, *, together: bool) -> ListForm | None:
    if table is None:
        return None
    if "length" in table:
        return ListForm("fixed", table["length"], "first", 0)
    if together:
        return ListForm("together", table.get("max"), table.get("keep", "last"), 0)
    kind = "jagged" if table.get("jagged") else "padded"
    return ListForm(kind, table.get("max"), table.get("keep", "last"), table.get("pad", 0))


def _operation(table: dict[str, Any], type_: str, places: list[Path]) -> Operation:
    ((name, arguments),) = table.items()
    if name == "vocab":
        words = arguments.get("values")
        if words is None:
            file = next(place / arguments["file"] for place in places if (place / arguments["file"]).exists())
            lines = file.read_text().splitlines()
            words = [int(line) for line in lines] if type_ == "int" else lines
        arguments = {
            "places": {_as_sent(word): at for at, word in enumerate(words)},
            "oov_buckets": arguments.get("oov_buckets", 1),
            "ints": arguments.get("ints", "bytes"),
        }
    return Operation(name, arguments)
