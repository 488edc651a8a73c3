"""Fitted scikit-learn preprocessing → a feature spec that gives the same columns.

`columns` of the table that the preprocessing was fitted on go through its steps one after the other;
each step is read, never run on data, and scikit-learn is not imported. What no feature spec equals
is collected and raised together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from penstock.sklearn_import.column import Column, Problem, SklearnImportError, Step
from penstock.sklearn_import.composites import convert
from penstock.sklearn_import.features import Feature, features_of
from penstock.sklearn_import.toml_text import section

__all__ = ["ImportedFeatures", "SklearnImportError", "import_sklearn"]

_BEGIN = "# Written by penstock.import_sklearn, which replaces what stands between this line and its end."
_END = "# The end of what penstock.import_sklearn wrote."


@dataclass(frozen=True, slots=True)
class ImportedFeatures:
    """A part of a model folder: `[[input]]` and `[[feature]]` tables, and vocabulary files by name.

    `columns` names the input's columns in order, as `get_feature_names_out` does where it can.
    """

    toml: str
    files: Mapping[str, str]
    columns: tuple[str, ...]

    def save(self, folder: str | PathLike[str]) -> None:
        """Writes the vocabulary files, and `toml` into the folder's model.toml.

        It goes behind what the file holds already, or in place of what an earlier import wrote. The
        rest of the file, `[[output]]` above all, is the model's own and is left as it is.
        """
        path = Path(folder) / "model.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        for name, text in self.files.items():
            # As bytes: the ends of lines are the same everywhere.
            (path.parent / name).write_bytes(text.encode())
        before, after = _around(path.read_text("utf-8") if path.exists() else "")
        path.write_text(f"{before}{_BEGIN}\n{self.toml}{_END}\n{after}", "utf-8")


def import_sklearn(
    transformer: Any,
    *,
    input_name: str = "dense",
    datatype: Literal["FP32", "FP64"] = "FP32",
    feature_names: Sequence[str] | None = None,
) -> ImportedFeatures:
    """The feature spec that equals a fitted ColumnTransformer, Pipeline or other transformer.

    Its input `input_name` has the columns of `transformer.transform`, in order. `feature_names` are
    the names that callers send; by default those of the data frame that it was fitted on, else x0, x1, ….
    The steps that can be carried are listed in docs/import-sklearn.md.

    Raises SklearnImportError, which lists everything that cannot be carried.
    """
    if datatype not in {"FP32", "FP64"}:
        raise ValueError(f"datatype is {datatype!r}; preprocessing gives FP32 or FP64")
    problems: list[Problem] = []
    step = Step(transformer, problems)
    columns = convert(step, [Column(name) for name in _names(step, feature_names)])
    features = [] if problems else features_of(columns, problems)
    names = [] if problems else _column_names(step, features)
    if not problems and not features:
        step.refuse("it gives no columns")
    if problems:
        raise SklearnImportError(problems)
    toml, files = section(input_name, datatype, features, names)
    return ImportedFeatures(toml, files, tuple(names))


def _names(step: Step, given: Sequence[str] | None) -> Sequence[str]:
    """Of the columns that the transformer was fitted on."""
    fitted = getattr(step.transformer, "feature_names_in_", None)
    count = getattr(step.transformer, "n_features_in_", None)
    if given is not None:
        if count not in {None, len(given)}:
            step.refuse(f"it was fitted on {count} columns, but feature_names has {len(given)}")
        return list(given)
    if fitted is not None:
        return [str(name) for name in fitted]
    if count is None:
        step.refuse(
            "it does not say what it was fitted on; fit it on a table, or name the columns by feature_names"
        )
        return []
    return [f"x{index}" for index in range(count)]


def _column_names(step: Step, features: Sequence[Feature]) -> list[str]:
    """Those of scikit-learn, whose number must be ours; a feature's own where it has none."""
    try:
        names = [str(name) for name in step.transformer.get_feature_names_out()]
    except (AttributeError, ValueError):
        # A step without names of its own, such as a FunctionTransformer or a FeatureHasher.
        return [feature.name for feature in features for _ in range(feature.width)]
    width = sum(feature.width for feature in features)
    if len(names) != width:
        step.refuse(f"it names {len(names)} columns where its steps give {width}; this is penstock's mistake")
    return names


def _around(text: str) -> tuple[str, str]:
    """What stands before and behind the part that an import wrote; a new one goes to the end."""
    before, begin, rest = text.partition(f"{_BEGIN}\n")
    _, end, after = rest.partition(f"{_END}\n")
    if begin and end:
        return before, after
    return (f"{text.rstrip()}\n\n" if text.strip() else ""), ""
