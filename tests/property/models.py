"""hypothesis strategies: a model.toml of any shape that docs/model-toml.md allows, with rows that fit it.

Left out are the places where the document leaves a choice open; each is named where it is avoided.
"""

import json
import math
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.property.groups import group_of
from tests.property.row_features import WIDE, hashed_texts, ranges, taken_together

FLOAT_DATATYPES = ("FP64", "FP32", "FP16", "BF16")
# Operations that call a function of the platform's mathematics library: right to one unit in the last place.
TRANSCENDENTAL = ("log1p", "signed_log", "power", "cycle")
# 1901 to 2096, in seconds.
TIMES_S = st.integers(-2_150_000_000, 4_000_000_000)

finite = st.floats(-1e6, 1e6, allow_nan=False, width=32).map(lambda x: x + 0.0)
# Adding zero makes -0.0 a 0.0: min and max may give either of them.
floats = st.floats(width=32).map(lambda x: x + 0.0)
integers = st.integers(-(2**63), 2**63 - 1)
words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Z")), min_size=1, max_size=12)
texts = st.text(max_size=40)
binaries = st.binary(max_size=90)


@dataclass
class Feature:
    """A `[[feature]]` and what its rows may hold."""

    table: dict[str, Any]
    values: st.SearchStrategy[Any]
    gives: str  # "number", "id", "int" or "bool": what reaches the tensor
    exact: bool = True
    whole: bool = False  # its operations take the values of a row together


@dataclass
class Case:
    """A model folder's text and rows for it: feature name → values, or None where the row lacks it."""

    toml: str
    files: dict[str, str]
    types: dict[str, str]
    lists: set[str]
    rows: list[dict[str, list[Any] | None]]
    context: set[str]  # features whose values are the same in all rows and are sent once
    approximate: set[str] = field(
        default_factory=set
    )  # inputs that hold results of TRANSCENDENTAL operations


@st.composite
def numeric_operations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Up to four operations from number to number."""
    bounds = st.tuples(finite, finite).map(sorted)
    operation = st.one_of(
        bounds.map(lambda b: {"clip": {"min": b[0], "max": b[1]}}),
        finite.map(lambda low: {"clip": {"min": low}}),
        finite.map(lambda high: {"clip": {"max": high}}),
        st.just({"log1p": {}}),
        st.just({"signed_log": {}}),
        st.sampled_from([0.5, 2.0, -1.0, 1 / 3]).map(lambda e: {"power": {"exponent": e, "signed": True}}),
        st.lists(finite, min_size=2, max_size=6).map(lambda q: {"quantile": {"quantiles": sorted(q)}}),
        st.tuples(finite, finite).map(lambda p: {"scale": {"mul": p[0], "add": p[1]}}),
        finite.map(lambda mul: {"scale": {"mul": mul}}),
        st.tuples(finite, st.floats(0.001, 1e4)).map(lambda p: {"standardize": {"mean": p[0], "std": p[1]}}),
        st.tuples(st.integers(-1000, 1000), st.floats(0.5, 1e4)).map(
            lambda p: {"min_max": {"min": float(p[0]), "max": p[0] + p[1]}}
        ),
    )
    return draw(st.lists(operation, max_size=4))


@st.composite
def after_id(draw: st.DrawFn) -> tuple[list[dict[str, Any]], str]:
    """What may follow an operation that gives an id, and what reaches the tensor then."""
    ops: list[dict[str, Any]] = []
    if draw(st.booleans()):
        ops.append({"offset": {"add": draw(st.integers(0, 1000))}})
    if draw(st.integers(0, 4)) == 0:
        return [*ops, {"scale": {"mul": draw(finite), "add": draw(finite)}}], "number"
    return ops, "id"


@st.composite
def hashes(draw: st.DrawFn, *, ints: bool = False) -> dict[str, Any]:
    """A hash whose ids fit into 31 bits."""
    function = draw(st.sampled_from(["farmhash64", "murmur3_32", "xxh3_64"]))
    arguments: dict[str, Any] = {"buckets": draw(st.integers(1, 2**30)), "function": function}
    if function != "farmhash64":
        arguments["seed"] = draw(st.integers(0, 2**32 - 1))
    if ints:
        arguments["ints"] = draw(st.sampled_from(["bytes", "text"]))
    return {"hash": arguments}


@st.composite
def float_features(draw: st.DrawFn) -> Feature:
    ops = draw(numeric_operations())
    exact = not any(name in TRANSCENDENTAL for operation in ops for name in operation)
    gives = "number"
    # A boundary may fall between two results of a transcendental function that are both right.
    if exact and draw(st.booleans()):
        boundaries = sorted(set(draw(st.lists(finite, min_size=1, max_size=5))))
        rest, gives = draw(after_id())
        ops = [*ops, {"bucketize": {"boundaries": boundaries}}, *rest]
    values = st.one_of(floats, st.integers(-(2**20), 2**20).map(float))
    return Feature({"type": "float", "ops": ops}, values, gives, exact)


@st.composite
def int_features(draw: st.DrawFn, files: dict[str, str]) -> Feature:
    kind = draw(st.sampled_from(["hash", "vocab", "identity", "numeric", "plain"]))
    table: dict[str, Any] = {"type": "int"}
    if kind == "plain":
        return Feature(table, st.integers(-(2**31), 2**31 - 1), "int")
    if kind == "numeric":
        # Beyond 2^53 the conversion to a 64-bit float rounds, which the document does not mention.
        ops = draw(numeric_operations().filter(bool))
        exact = not any(name in TRANSCENDENTAL for operation in ops for name in operation)
        return Feature(table | {"ops": ops}, st.integers(-(2**53), 2**53), "number", exact)
    rest, gives = draw(after_id())
    if kind == "identity":
        size = draw(st.integers(1, 10**6))
        ops = [{"identity": {"size": size}}, *rest]
        return Feature(table | {"ops": ops}, st.integers(0, size - 1), gives)
    if kind == "hash":
        return Feature(table | {"ops": [draw(hashes(ints=True)), *rest]}, integers, gives)
    known = draw(st.lists(integers, min_size=1, max_size=5, unique=True))
    arguments = vocabulary(draw, known, files) | {"oov_buckets": draw(st.integers(1, 100))}
    if draw(st.booleans()):
        arguments["ints"] = draw(st.sampled_from(["bytes", "text"]))
    values = st.one_of(st.sampled_from(known), integers)
    return Feature(table | {"ops": [{"vocab": arguments}, *rest]}, values, gives)


def vocabulary(draw: st.DrawFn, known: list[Any], files: dict[str, str]) -> dict[str, Any]:
    """The arguments that name `known`, in the model.toml or in a file."""
    if draw(st.booleans()):
        return {"values": known}
    file = f"words{len(files)}.txt"
    files[file] = "".join(f"{word}\n" for word in known)
    return {"file": file}


@st.composite
def text_features(draw: st.DrawFn, files: dict[str, str]) -> Feature:
    type_ = draw(st.sampled_from(["string", "bytes"]))
    values: st.SearchStrategy[Any] = texts if type_ == "string" else binaries
    rest, gives = draw(after_id())
    table = {"type": type_}
    kind = draw(st.sampled_from(["hash", "vocab", "hasher"]))
    if kind == "hasher":
        ops, form = draw(hashed_texts())
        # The form is its own: no other is drawn for it.
        feature = Feature(table | {"ops": ops}, values, "id", whole=True)
        if form is not None:
            feature.table["list"] = form
        return feature
    if kind == "hash":
        return Feature(table | {"ops": [draw(hashes()), *rest]}, values, gives)
    known = draw(st.lists(words, min_size=1, max_size=5, unique=True))
    arguments = vocabulary(draw, known, files)
    sent = st.sampled_from(known) if type_ == "string" else st.sampled_from([word.encode() for word in known])
    oov_buckets = draw(st.integers(0, 50))
    if oov_buckets != 1 or draw(st.booleans()):
        arguments["oov_buckets"] = oov_buckets
    values = sent if oov_buckets == 0 else st.one_of(sent, values)
    return Feature(table | {"ops": [{"vocab": arguments}, *rest]}, values, gives)


@st.composite
def bool_features(draw: st.DrawFn) -> Feature:
    if draw(st.booleans()):
        return Feature({"type": "bool"}, st.integers(0, 1), "bool")
    ops = [{"scale": {"mul": draw(finite), "add": draw(finite)}}]
    return Feature({"type": "bool", "ops": ops}, st.integers(0, 1), "number")


@st.composite
def timestamp_features(draw: st.DrawFn, until: list[str]) -> Feature:
    table: dict[str, Any] = {"type": "timestamp"}
    values = TIMES_S
    if draw(st.booleans()):
        table["unit"] = "ms"
        values = st.integers(-2_150_000_000_000, 4_000_000_000_000)
    kinds = ["hour", "weekday", "day", "month", "cycle", *(["age"] if until else [])]
    kind = draw(st.sampled_from(kinds))
    if kind == "cycle":
        period, part = draw(st.sampled_from(["day", "week", "year"])), draw(st.sampled_from(["sin", "cos"]))
        ops = [{"cycle": {"period": period, "part": part}}]
        return Feature(table | {"ops": ops}, values, "number", exact=False)
    if kind == "age":
        ops = [{"age": {"until": draw(st.sampled_from(until)), "unit": draw(st.sampled_from("shd"))}}]
        return Feature(table | {"ops": ops}, values, "number")
    rest, gives = draw(after_id())
    return Feature(table | {"ops": [{kind: {}}, *rest]}, values, gives)


@st.composite
def list_forms(draw: st.DrawFn) -> dict[str, Any]:
    """Small bounds, so that truncation happens."""
    kind = draw(st.sampled_from(["padded", "jagged", "fixed"]))
    if kind == "fixed":
        return {"length": draw(st.integers(1, 5))}
    form: dict[str, Any] = {}
    if kind == "jagged":
        form["jagged"] = True
    if kind == "padded" or draw(st.booleans()):
        form["max"] = draw(st.integers(1, 5))
        if draw(st.booleans()):
            form["keep"] = draw(st.sampled_from(["first", "last"]))
    if kind == "padded" and draw(st.booleans()):
        form["pad"] = draw(st.integers(0, 3))
    return form


# INT16, INT8 and the UINTs are for inputs that callers fill themselves.
DATATYPES = {
    "number": FLOAT_DATATYPES,
    "id": ("INT64", "INT32", "FP64", "FP32"),
    "int": ("INT64", "INT32", "FP64", "FP32"),
    "bool": ("BOOL", "FP32", "INT64", "INT32", "BF16"),
    WIDE: ("INT64", "FP64", "FP32"),
}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A model and rows for it."""
    files: dict[str, str] = {}
    clocks = [f"clock{at}" for at in range(draw(st.integers(0, 2)))]
    features = [Feature({"name": name, "type": "timestamp"}, TIMES_S, "none") for name in clocks]
    kinds = st.sampled_from(
        [
            float_features(),
            int_features(files),
            text_features(files),
            bool_features(),
            timestamp_features(clocks),
        ]
    )
    for at in range(draw(st.integers(1, 6))):
        feature = draw(draw(kinds))
        feature.table = {"name": f"f{at}", **feature.table}
        features.append(feature)
    # A feature that nothing reads is refused by penstock.
    read = {
        operation["age"]["until"]
        for f in features
        for operation in f.table.get("ops", ())
        if "age" in operation
    }
    features = [f for f in features if f.gives != "none" or f.table["name"] in read]
    inputs, approximate = _place(draw, features)
    crosses = _crosses(draw, features, inputs)
    lengths = {feature.table["name"]: _row_strategy(draw, feature) for feature in features}

    row_count = draw(st.integers(1, 9))
    rows = [{name: draw(strategy) for name, strategy in lengths.items()} for _ in range(row_count)]
    context = set(draw(st.lists(st.sampled_from(sorted(lengths)), max_size=len(lengths) - 1, unique=True)))
    for row in rows[1:]:
        row.update({name: rows[0][name] for name in context})
    document = {
        "input": inputs,
        "output": [{"name": "score", "datatype": "FP32", "dims": []}],
        "feature": [feature.table for feature in features],
        "cross": crosses,
    }
    return Case(
        toml=to_toml(document),
        files=files,
        types={feature.table["name"]: feature.table["type"] for feature in features},
        lists={feature.table["name"] for feature in features if "list" in feature.table},
        rows=rows,
        context=context,
        approximate=approximate,
    )


def _place(draw: st.DrawFn, features: list[Feature]) -> tuple[list[dict[str, Any]], set[str]]:
    """Gives every feature an input of a datatype that holds its result. Returns inputs, approximate ones."""
    inputs: dict[str, dict[str, Any]] = {}
    approximate = set()
    for feature in features:
        if feature.gives == "none":
            continue
        # Of a list no age is taken.
        ages = any("age" in operation for operation in feature.table.get("ops", ()))
        if not ages and not feature.whole:
            _shape(draw, feature)
        datatype = draw(st.sampled_from(DATATYPES[feature.gives]))
        group = f"{datatype.lower()}_{'exact' if feature.exact else 'approximate'}"
        group = draw(group_of(feature, group, inputs))
        if datatype == "BOOL" and "list" in feature.table:
            feature.table["list"].pop("pad", None)
        inputs[group] = {"name": group, "datatype": datatype}
        if group.endswith("_once"):
            inputs[group]["per"] = "request"
            inputs["index"] = {"name": "index", "datatype": "INT64", "holds": "request_index"}
        feature.table["to"] = group
        if not feature.exact:
            approximate.add(group)
    return draw(st.permutations(list(inputs.values()))), approximate


def _shape(draw: st.DrawFn, feature: Feature) -> None:
    """May make a list of a feature, or operations take the values of a row together."""
    kind = draw(st.sampled_from(["scalar", "list", "together"]))
    # Sums of results that are right to one unit in the last place are not.
    if kind == "together" and feature.exact:
        ops, form, gives = draw(taken_together(feature.gives))
        feature.table["ops"] = [*feature.table.get("ops", []), *ops]
        feature.gives, feature.whole = gives, True
        if form is not None:
            feature.table["list"] = form
    elif kind == "list":
        feature.table["list"] = draw(list_forms())


def _crosses(draw: st.DrawFn, features: list[Feature], inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = [
        feature.table["name"]
        for feature in features
        if feature.table["type"] in ("int", "bool", "string", "bytes") and "list" not in feature.table
    ]
    if len(names) < 2 or not draw(st.booleans()):
        return []
    if not any(tensor["name"] == "int64_exact" for tensor in inputs):
        inputs.append({"name": "int64_exact", "datatype": "INT64"})
    parts = draw(st.lists(st.sampled_from(names), min_size=2, max_size=3, unique=True))
    buckets = draw(st.integers(1, 2**40))
    return [{"features": parts, "hash": {"buckets": buckets}, "to": "int64_exact"}]


def _row_strategy(draw: st.DrawFn, feature: Feature) -> st.SearchStrategy[list[Any] | None]:
    """The values of one row. A list that is there but empty is left out where it would differ from a missing one."""
    form = feature.table.get("list")
    length = form.get("length") if form else 1
    most = 8
    if length is not None:
        present = st.lists(feature.values, min_size=length, max_size=length)
    else:
        present = st.lists(feature.values, min_size=1, max_size=most)
    required = form is None or "length" in form
    missing = None if draw(st.booleans()) else draw(present)
    # In a model.toml text is UTF-8, and the word "error" has a meaning of its own.
    if missing is not None and not any(isinstance(value, bytes) or value == "error" for value in missing):
        if feature.table["type"] == "bool":
            missing = [bool(value) for value in missing]
        feature.table["missing"] = missing[0] if form is None else missing
        required = False
    if feature.table["type"] in ("float", "int", "timestamp") and draw(st.integers(0, 2)) == 0:
        feature.table["range"] = draw(ranges(feature.table, feature.values))
    return present if required else st.one_of(st.none(), present)


def to_toml(document: dict[str, list[dict[str, Any]]]) -> str:
    """Arrays of tables, their values inline."""
    lines = []
    for name, tables in document.items():
        for table in tables:
            lines.append(f"[[{name}]]")
            lines.extend(f"{key} = {_toml_value(value)}" for key, value in table.items())
            lines.append("")
    return "\n".join(lines)


def _toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return "true" if value is True else "false" if value is False else repr(value)
