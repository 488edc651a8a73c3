"""`FeatureSpec.explain`: the values are the engine's, and the last of them what `transform` puts into the tensor."""

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from penstock._fastpath import RequestError
from penstock.feature_spec import FeatureSpec
from penstock.row_trace import FeatureTrace, RowTrace
from penstock.rows import RowsError
from tests.feature_operations import LEAP_S, OPERATIONS, Operation
from tests.property.models import Case, cases


def load(folder: Path, toml: str) -> FeatureSpec:
    folder.mkdir(exist_ok=True)
    (folder / "model.toml").write_text(toml, encoding="utf-8")
    return FeatureSpec.load(folder)


def assert_bits(spec: FeatureSpec, trace: RowTrace, tensors: dict[str, Any]) -> None:
    """The traces together are the row's tensors, bit for bit. Lists of a jagged input follow each other."""
    derived = {entry.name for entry in spec.inputs if entry.is_request_index}
    derived |= {entry.name for entry in spec.inputs if entry.lists and (entry.offsets_of or entry.lengths_of)}
    seen = {name: np.zeros(array.size, bool) for name, array in tensors.items()}
    for feature in trace.features:
        for at, elements in enumerate(feature.elements):
            array = tensors[elements.tensor].reshape(-1)
            columns = feature.line.columns if at == 0 else None
            bits = [int(word, 16) for word in elements.bits]
            before = int(seen[elements.tensor].sum())
            first, end = columns or (before, before + len(bits))
            assert bits == array[first:end].view(f"u{array.itemsize}").tolist(), feature.line.features
            seen[elements.tensor][first:end] = True
    assert all(columns.all() for name, columns in seen.items() if name not in derived)


def test_there_is_a_case_for_every_operation_of_the_schema() -> None:
    schema = json.loads(resources.files("penstock").joinpath("model.schema.json").read_text())
    known = schema["properties"]["feature"]["items"]["properties"]["ops"]["items"]["properties"]
    assert set(OPERATIONS) == set(known), "tests/feature_operations.py needs one case for each operation"


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_operation_is_traced_to_what_transform_gives(tmp_path: Path, operation: Operation) -> None:
    spec = load(tmp_path, operation.toml())
    for sent, last in zip(operation.rows, operation.last, strict=True):
        row = {"x": sent, **operation.others}
        trace = spec.explain(row)
        x = trace.features[0]
        assert x.source == "row"
        assert x.sent == sent
        assert [step.operation.split()[0].rstrip(",") for step in x.steps if step.operation != "received"]
        assert x.steps[-1].values == pytest.approx(last, abs=0.0), operation.ops
        assert_bits(spec, trace, spec.transform([row]))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases())
def test_whatever_model_and_row_are_drawn_the_trace_is_what_transform_gives(
    tmp_path_factory: pytest.TempPathFactory, case: Case
) -> None:
    folder = tmp_path_factory.mktemp("model")
    for name, text in case.files.items():
        (folder / name).write_text(text)
    spec = load(folder, case.toml)
    for values in case.rows[:3]:
        sent = {name: _as_sent(case, name, cells) for name, cells in values.items()}
        context = {name: sent.pop(name) for name in case.context}
        try:
            tensors = spec.transform([sent], context)
        except (RequestError, RowsError) as error:
            with pytest.raises(type(error), match=re.escape(str(error))):
                spec.explain(sent, context)
            continue
        trace = spec.explain(sent, context)
        assert_bits(spec, trace, tensors)
        for feature in trace.features:
            if feature.source:
                (name,) = feature.line.features
                given = sent.get(name) is not None or context.get(name) is not None
                assert (feature.source != "default") == given


def _as_sent(case: Case, name: str, cells: list[Any] | None) -> Any:
    if cells is None:
        return None
    values = [bool(cell) for cell in cells] if case.types[name] == "bool" else list(cells)
    return values if name in case.lists else (values[0] if values else None)


MODEL = f"""
[[input]]
name = "dense"
datatype = "FP32"
[[input]]
name = "ids"
datatype = "INT64"
[[input]]
name = "recent"
datatype = "INT64"
[[input]]
name = "recent_mask"
datatype = "BOOL"
mask_of = "recent"
[[output]]
name = "y"
datatype = "FP32"
[[feature]]
name = "amount"
type = "float"
missing = -1.0
ops = [{{ clip = {{ min = 0.0 }} }}, {{ log1p = {{}} }}]
to = "dense"
[[feature]]
name = "kept"
type = "float"
missing = 0.5
range = {{ min = 0.0, max = 1.0, outside = "missing" }}
to = "dense"
[[feature]]
name = "since"
type = "timestamp"
ops = [{{ age = {{ until = "now", unit = "d" }} }}]
to = "dense"
[[feature]]
name = "now"
type = "timestamp"
missing = {LEAP_S}
[[feature]]
name = "shop"
type = "string"
missing = ""
ops = [{{ vocab = {{ values = ["a", "b"], oov_buckets = 2 }} }}, {{ offset = {{ add = 5 }} }}]
to = "ids"
[[feature]]
name = "land"
type = "string"
missing = "AT"
[[cross]]
features = ["shop", "land"]
hash = {{ buckets = 9 }}
to = "ids"
[[feature]]
name = "items"
type = "int"
list = {{ max = 3, pad = -1 }}
to = "recent"
"""


@pytest.fixture
def spec(tmp_path: Path) -> FeatureSpec:
    return load(tmp_path / "fraud", MODEL)


def feature(trace: RowTrace, *names: str) -> FeatureTrace:
    return next(feature for feature in trace.features if feature.line.features == list(names))


def steps(trace: RowTrace, *names: str) -> list[tuple[str, list[Any], list[str]]]:
    return [(step.operation, list(step.values), list(step.marks)) for step in feature(trace, *names).steps]


def test_each_operation_has_its_value(spec: FeatureSpec) -> None:
    trace = spec.explain({"amount": 1.5, "since": LEAP_S - 86_400})
    assert steps(trace, "amount") == [("clip from 0", [1.5], [""]), ("log1p", [0.9162907318741551], [""])]
    (element,) = feature(trace, "amount").elements
    assert (element.tensor, element.datatype, element.bits) == ("dense", "FP32", ["0x3f6a9208"])


def test_a_default_is_marked_and_goes_through_the_operations(spec: FeatureSpec) -> None:
    trace = spec.explain({"since": 0})
    amount = feature(trace, "amount")
    assert (amount.source, amount.sent) == ("default", -1.0)
    assert steps(trace, "amount") == [("clip from 0", [0.0], ["clipped"]), ("log1p", [0.0], [""])]


def test_an_unknown_value_is_marked(spec: FeatureSpec) -> None:
    known, unknown = (steps(spec.explain({"since": 0, "shop": shop}), "shop") for shop in ("b", "c"))
    assert known[0] == ("vocab of 2 + 2 unknown", [1], [""])
    assert unknown[0][1][0] in {2, 3}
    assert unknown[0][2] == ["unknown"]
    assert unknown[1] == ("offset + 5", [unknown[0][1][0] + 5], [""])


def test_ages_and_crosses_show_their_operands(spec: FeatureSpec) -> None:
    trace = spec.explain({"since": LEAP_S - 43_200, "shop": "a"}, {"land": "DE"})
    assert feature(trace, "since").operands == {"now": (LEAP_S, "default")}
    assert steps(trace, "since") == [("age until now in d", [0.5], [""])]
    assert feature(trace, "shop", "land").operands == {"shop": ("a", "row"), "land": ("DE", "context")}
    ((operation, (bucket,), _),) = steps(trace, "shop", "land")
    assert operation == "hash mod 9"
    assert feature(trace, "shop", "land").elements[0].values == [bucket]


def test_a_list_is_traced_as_far_as_it_is_kept_with_padding_and_mask(spec: FeatureSpec) -> None:
    trace = spec.explain({"since": 0, "items": [1, 2, 3, 4]})
    assert steps(trace, "items") == [("received", [2, 3, 4], ["", "", ""])]
    recent, mask = feature(spec.explain({"since": 0, "items": [7]}), "items").elements
    assert recent.values == [7, -1, -1]
    assert (mask.tensor, mask.values) == ("recent_mask", [True, False, False])


def test_a_value_outside_its_range_is_marked(spec: FeatureSpec) -> None:
    trace = spec.explain({"since": 0, "kept": 3.0})
    assert steps(trace, "kept") == [("range 0 to 1, else missing", [0.5], ["was outside"])]


def test_a_float_of_the_context_is_shown_as_it_is_received(spec: FeatureSpec) -> None:
    trace = spec.explain({"since": 0}, {"amount": 0.1})
    assert steps(trace, "amount")[0] == ("received", [float(np.float32(0.1))], [""])


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({}, r"Feature \"since\" in row 0 is missing and has no default\."),
        ({"since": 0, "amuont": 1.0}, "did you mean `amount`"),
        ({"since": "soon"}, r"Feature \"since\" in row 0 must be integers"),
    ],
)
def test_a_bad_row_gets_the_servers_sentence(spec: FeatureSpec, row: dict[str, Any], says: str) -> None:
    with pytest.raises(RequestError, match=says) as explained:
        spec.explain(row)
    with pytest.raises(RequestError) as transformed:
        spec.transform([row])
    assert str(explained.value) == str(transformed.value)


def test_the_table_tells_it_all_in_lines_of_the_width(spec: FeatureSpec) -> None:
    trace = spec.explain({"since": LEAP_S - 86_400, "amount": 1.5, "items": list(range(50))}, {"shop": "c"})
    lines = trace.table(80).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.split() == ["amount", "row", "1.5"] for line in lines)
    assert any(line.split() == ["→", "FP32", "0.91629076", "0x3f6a9208", "dense[0]"] for line in lines)
    assert any("(2024-02-28T13:45:30Z)" in line for line in lines)
    assert any(line.endswith("unknown") for line in lines)
    assert any("… 38 more" in line for line in lines)


def test_json_has_every_value_and_no_number_that_json_lacks(tmp_path: Path) -> None:
    spec = load(tmp_path / "m", MODEL)
    document = spec.explain({"since": 0, "amount": float("inf"), "items": list(range(50))}).as_json()
    text = json.dumps(document, allow_nan=False)
    amount = json.loads(text)["features"][0]
    assert amount["elements"] == [
        {"tensor": "dense", "datatype": "FP32", "values": ["Infinity"], "bits": ["0x7f800000"]}
    ]
    assert (amount["features"], amount["columns"], amount["source"]) == (["amount"], [0, 1], "row")


def test_a_model_without_features_has_nothing_to_explain(tmp_path: Path) -> None:
    tensors = (
        '[[input]]\nname = "x"\ndatatype = "FP32"\ndims = []\n[[output]]\nname = "y"\ndatatype = "FP32"\n'
    )
    with pytest.raises(RequestError, match="has no features"):
        load(tmp_path / "m", tensors).explain({"x": 1.0})
