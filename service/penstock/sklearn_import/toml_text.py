"""Features as text of model.toml, with the vocabulary files that are too long for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from penstock.sklearn_import.column import Op, Value
from penstock.sklearn_import.features import Feature

# More stand in a file: a line of model.toml stays readable.
_MAX_INLINE_VALUES = 64


def section(
    name: str, datatype: str, features: Sequence[Feature], column_names: Sequence[str]
) -> tuple[str, dict[str, str]]:
    """The `[[input]]` and its features, and the text of each vocabulary file by its name."""
    files: dict[str, str] = {}
    lines = ["[[input]]", *_keys({"name": name, "datatype": datatype, "dims": [len(column_names)]})]
    first = 0
    for feature in features:
        names = column_names[first : first + feature.width]
        lines += ["", f"# {_columns(first, names)}", "[[feature]]", *_feature(feature, name, files)]
        first += feature.width
    return "\n".join(lines) + "\n", files


def _feature(feature: Feature, to: str, files: dict[str, str]) -> Iterator[str]:
    yield from _keys({"name": feature.name, "type": feature.kind})
    if feature.is_list:
        yield "list = {}"
    if feature.missing is not None:
        yield f"missing = {_value(feature.missing)}"
    if feature.nan is not None:
        yield f"range = {{ nan = {_value(feature.nan)} }}"
    if feature.ops:
        yield f"ops = [{', '.join(_op(op, feature.name, files) for op in feature.ops)}]"
    yield f"to = {_value(to)}"


def _op(op: Op, feature: str, files: dict[str, str]) -> str:
    keys = dict(op.keys)
    values = keys.get("values")
    if op.name == "vocab" and isinstance(values, Sequence) and _wants_file(values):
        del keys["values"]
        keys = {"file": _file(feature, "".join(f"{value}\n" for value in values), files), **keys}
    inside = ", ".join(_keys(keys))
    return f"{{ {op.name} = {{ {inside} }} }}" if inside else f"{{ {op.name} = {{}} }}"


def _wants_file(values: Sequence[Value]) -> bool:
    # A line cannot hold a line's end.
    return len(values) > _MAX_INLINE_VALUES and not any(
        "\n" in str(v) or str(v).endswith("\r") for v in values
    )


def _file(feature: str, text: str, files: dict[str, str]) -> str:
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", feature).strip("_") or "vocabulary"
    number = 1
    while files.get(name := f"{stem}{'' if number == 1 else f'-{number}'}.txt", text) != text:
        number += 1
    files[name] = text
    return name


def _keys(keys: Mapping[str, Value | Sequence[Value]]) -> Iterator[str]:
    return (f"{key} = {_value(value)}" for key, value in keys.items())


def _value(value: Value | Sequence[Value]) -> str:
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for a delete character, which JSON lets stand.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    return f"[{', '.join(map(_value, value))}]"


def _columns(first: int, names: Sequence[str]) -> str:
    shown = [
        re.sub(r"[^ -~\u00a0-\ud7ff\ue000-\U0010ffff]", "\N{REPLACEMENT CHARACTER}", name) for name in names
    ]
    if len(names) == 1:
        return f"column {first}: {shown[0]}"
    last = first + len(names) - 1
    return f"columns {first} to {last}: {shown[0]} … {shown[-1]}"
