"""FeatureHasher of lists of strings."""

from __future__ import annotations

from penstock.sklearn_import.column import Column, Op, RefusedError, Step

# What the operation allows.
_MAX_COLUMNS = 65_536


def feature_hasher(step: Step, columns: list[Column]) -> list[Column]:
    """The same hash, signs and columns, of one feature that is a list of strings."""
    hasher = step.transformer
    if hasher.input_type != "string":
        raise RefusedError(
            f"it has input_type = {hasher.input_type!r}; carried is 'string', a list of text a row"
        )
    if hasher.n_features > _MAX_COLUMNS:
        raise RefusedError(f"it has n_features = {hasher.n_features}; the most is {_MAX_COLUMNS}")
    if len(columns) != 1 or not columns[0].is_series:
        raise RefusedError(
            "it hashes whole rows; carried is one column of lists, chosen by its name alone in a ColumnTransformer"
        )
    return step.each(columns, lambda _, column: [_hashed(step, column)])


def _hashed(step: Step, column: Column) -> Column:
    if column.ops or column.missing is not None or column.kind is not None:
        raise RefusedError("it can only be the first step of a column")
    keys = {
        "columns": int(step.transformer.n_features),
        "alternate_sign": bool(step.transformer.alternate_sign),
    }
    op = Op("feature_hasher", keys)
    return column.then(op, kind="string", width=keys["columns"], is_list=True)
