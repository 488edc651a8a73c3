"""The JSON schema of model.toml: it takes what the engine takes, and refuses what an editor can know to be wrong."""

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings

from penstock._fastpath import ModelSpec, SpecError
from tests.models import FEATURES_TOML
from tests.property.models import Case, cases

ROOT = Path(__file__).parents[2]
INPUT = '[[input]]\nname = "x"\ndatatype = "FP32"\n'
OUTPUT = '[[output]]\nname = "y"\ndatatype = "FP32"\n'
# Every key may stand beside these.
BASE = "dims = [3]\n" + OUTPUT
FILES = sorted(
    path.relative_to(ROOT)
    for pattern in (
        "examples/*/model.toml",
        "fastpath/tests/models/*.toml",
        "fastpath/fuzz/corpus/parse_spec/*.toml",
    )
    for path in ROOT.glob(pattern)
)
SNIPPETS = re.findall(
    r"^```toml\n(.*?)^```$", (ROOT / "docs/model-toml.md").read_text(), re.MULTILINE | re.DOTALL
)


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft7Validator:
    """What `penstock schema` prints."""
    command = [sys.executable, "-m", "penstock", "schema"]
    printed = subprocess.run(command, capture_output=True, check=True, cwd=ROOT).stdout
    document: dict[str, Any] = json.loads(printed)
    jsonschema.Draft7Validator.check_schema(document)
    return jsonschema.Draft7Validator(document)


def faults(schema: jsonschema.Draft7Validator, text: str) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in schema.iter_errors(tomllib.loads(text))]


@pytest.mark.parametrize("file", FILES, ids=str)
def test_every_model_toml_of_this_repository_is_valid(schema: jsonschema.Draft7Validator, file: Path) -> None:
    # The examples' files are templates with numbers to be filled in.
    assert faults(schema, re.sub(r"\$\w+", "1", (ROOT / file).read_text())) == []


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda text: text.split("\n")[0])
def test_every_snippet_of_the_reference_is_valid(schema: jsonschema.Draft7Validator, snippet: str) -> None:
    parts = [part for part in (INPUT, OUTPUT) if part.split("\n")[0] not in snippet]
    assert faults(schema, "\n".join([snippet, *parts])) == []


def test_the_reference_has_snippets() -> None:
    assert len(SNIPPETS) >= 6


def test_the_tests_own_model_is_valid(schema: jsonschema.Draft7Validator) -> None:
    assert faults(schema, FEATURES_TOML) == []


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases())
def test_whatever_model_the_property_tests_draw_is_valid(
    schema: jsonschema.Draft7Validator, case: Case
) -> None:
    assert faults(schema, case.toml) == []


def with_feature(keys: str) -> str:
    return f'{INPUT}{OUTPUT}[[feature]]\nname = "f"\nto = "x"\n{keys}\n'


def with_op(kind: str, op: str) -> str:
    return with_feature(f'type = "{kind}"\nops = [{op}]')


WRONG = {
    "an unknown key": 'platfrom = "torchscript"\n' + INPUT + BASE,
    "an unknown key of a feature": with_feature('type = "float"\nopps = []'),
    "an unknown word": 'platform = "onnx"\n' + INPUT + BASE,
    "an unknown word of unknown_features": 'unknown_features = "drop"\n' + INPUT + BASE,
    "no input": OUTPUT,
    "no output": INPUT + "dims = []\n",
    "an input without a name": '[[input]]\ndatatype = "FP32"\n' + BASE,
    "an input with an empty name": '[[input]]\nname = ""\ndatatype = "FP32"\n' + BASE,
    "an unknown datatype": '[[input]]\nname = "x"\ndatatype = "FLOAT"\n' + BASE,
    "bytes as a tensor": '[[input]]\nname = "x"\ndatatype = "BYTES"\n' + BASE,
    "a size of 0": INPUT + "dims = [0]\n" + OUTPUT,
    "a size below -1": INPUT + "dims = [-2]\n" + OUTPUT,
    "too many axes": INPUT + f"dims = {[1] * 8}\n" + OUTPUT,
    "a batch of no rows": INPUT + BASE + "[batching]\nmax_batch_rows = 0\n",
    "a batch of too many rows": INPUT
    + BASE
    + "[batching]\nmax_batch_rows = 65537\nqueue_capacity_rows = 70000\n",
    "a negative delay": INPUT + BASE + "[batching]\nmax_queue_delay_us = -1\n",
    "a fraction of rows": INPUT + BASE + "[batching]\nmax_batch_rows = 1.5\n",
    "no threads": INPUT + BASE + "[instances]\ncount = 0\n",
    "too many threads": INPUT + BASE + "[instances]\ncount = 65\n",
    "a feature without a type": with_feature(""),
    "an unknown type": with_feature('type = "double"'),
    "an unknown unit": with_feature('type = "timestamp"\nunit = "us"\nops = [{ hour = {} }]'),
    "a table as default": with_feature('type = "float"\nmissing = { a = 1 }'),
    "a list of no values": with_feature('type = "float"\nlist = { max = 0 }'),
    "a list of too many values": with_feature('type = "float"\nlist = { max = 65537 }'),
    "a vector of no values": with_feature('type = "float"\nlist = { length = 0 }'),
    "an unknown end of a list": with_feature('type = "float"\nlist = { max = 3, keep = "newest" }'),
    "an unknown operation": with_op("float", "{ clp = { min = 0.0 } }"),
    "two operations in one": with_op("float", "{ log1p = {}, signed_log = {} }"),
    "an operation of no name": with_op("float", "{}"),
    "an operation as a word": with_op("float", '"log1p"'),
    "an unknown key of an operation": with_op("float", "{ clip = { minimum = 0.0 } }"),
    "a missing key of an operation": with_op("float", "{ standardize = { mean = 0.0 } }"),
    "text for a number": with_op("float", '{ clip = { min = "0" } }'),
    "a deviation of 0": with_op("float", "{ standardize = { mean = 0.0, std = 0.0 } }"),
    "no boundaries": with_op("float", "{ bucketize = { boundaries = [] } }"),
    "no buckets": with_op("string", "{ hash = { buckets = 0 } }"),
    "an unknown hash": with_op("string", '{ hash = { buckets = 9, function = "md5" } }'),
    "an empty vocabulary": with_op("string", "{ vocab = { values = [] } }"),
    "a vocabulary with a value twice": with_op("string", '{ vocab = { values = ["a", "a"] } }'),
    "a vocabulary of numbers with fractions": with_op("string", "{ vocab = { values = [0.5] } }"),
    "a vocabulary elsewhere": with_op("string", '{ vocab = { file = "../words.txt" } }'),
    "fewer than no OOV buckets": with_op("string", '{ vocab = { values = ["a"], oov_buckets = -1 } }'),
    "an identity of nothing": with_op("int", "{ identity = { size = 0 } }"),
    "an unknown period": with_op("timestamp", '{ cycle = { period = "month", part = "sin" } }'),
    "an unknown age": with_op("timestamp", '{ age = { until = "f", unit = "min" } }'),
    "no quantiles": with_op("float", "{ quantile = { quantiles = [] } }"),
    "an unknown cast": with_op("float", '{ cast = { to = "int32" } }'),
    "one_hot of nothing": with_op("int", "{ one_hot = { size = 0 } }"),
    "a hasher without columns": with_feature(
        'type = "string"\nlist = {}\nops = [{ feature_hasher = { columns = 0 } }]'
    ),
    "a negative length of a vector": with_feature(
        'type = "float"\nlist = { length = 2 }\nops = [{ l2_normalize = { epsilon = -1.0 } }]'
    ),
    "an unknown way out of a range": with_feature('type = "float"\nrange = { max = 1.0, outside = "cap" }'),
    "text as a bound": with_feature('type = "float"\nrange = { max = "1" }'),
    "a cross of one": INPUT + OUTPUT + '[[cross]]\nfeatures = ["f"]\nhash = { buckets = 9 }\nto = "x"\n'
    '[[feature]]\nname = "f"\ntype = "int"\nto = "x"\n',
    "a cross to nowhere": with_feature('type = "int"')
    + '[[cross]]\nfeatures = ["f", "f"]\nhash = { buckets = 9 }\n',
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_refused_by_schema_and_engine_alike(
    schema: jsonschema.Draft7Validator, tmp_path: Path, text: str
) -> None:
    assert faults(schema, text) != []
    (tmp_path / "model.toml").write_text(text)
    with pytest.raises(SpecError):
        ModelSpec.load(tmp_path)


def test_the_bases_of_wrong_files_are_right(schema: jsonschema.Draft7Validator, tmp_path: Path) -> None:
    for text in (INPUT + BASE, with_feature('type = "float"'), with_op("float", "{ log1p = {} }")):
        assert faults(schema, text) == []
        (tmp_path / "model.toml").write_text(text)
        ModelSpec.load(tmp_path)


def test_the_schema_names_a_key_with_its_meaning_and_default(schema: jsonschema.Draft7Validator) -> None:
    rows = schema.schema["properties"]["batching"]["properties"]["max_batch_rows"]
    assert rows["default"] == 1024
    assert "Default: 1024 rows." in rows["description"]


def test_printing_the_schema_imports_neither_torch_nor_the_extension() -> None:
    assert importlib.util.find_spec("torch")
    script = (
        "import sys; from penstock.cli import main; main(['schema']); print(*sys.modules, file=sys.stderr)"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    ).stderr
    assert {"torch", "numpy", "penstock._fastpath"}.isdisjoint(told.split())
