"""`penstock explain`, `check` and `schema` as a user runs them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.models import write_features
from tests.server_process import environment

ROW = {"time": 1709214330, "amount": 1.5, "merchant": "shop", "recent": [1, 2, 3, 4, 5]}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repository = tmp_path_factory.mktemp("models")
    write_features(repository)
    write_features(repository, name="other")
    return repository


def penstock(
    *arguments: str | Path, stdin: str = "", columns: int | None = None
) -> subprocess.CompletedProcess[str]:
    settings = {} if columns is None else {"COLUMNS": str(columns)}
    return subprocess.run(
        [sys.executable, "-m", "penstock", *map(str, arguments)],
        input=stdin,
        env=environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )


def done(*arguments: str | Path, **options: Any) -> str:
    told = penstock(*arguments, **options)
    assert (told.returncode, told.stderr) == (0, "")
    return told.stdout


def refused(*arguments: str | Path, **options: Any) -> str:
    told = penstock(*arguments, **options)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("penstock: ")
    assert told.stderr.count("\n") == 1
    return told.stderr


@pytest.mark.parametrize("columns", [80, 120])
def test_check_prints_the_program_within_the_width(repository: Path, columns: int) -> None:
    printed = done("check", repository, "features", "--no-load", columns=columns)
    assert max(map(len, printed.splitlines())) <= columns
    assert [line.split()[0] for line in printed.splitlines() if line.endswith("]")] != []


def test_check_prints_a_line_for_each_feature_with_its_operations_and_place(repository: Path) -> None:
    printed = done("check", repository, "features", "--no-load", columns=120)
    lines = [line.split() for line in printed.splitlines()]
    assert ["amount", "float", "0.0", "clip", "from", "0", "→", "log1p", "dense[0]"] in lines
    assert ["time", "timestamp", "error", "hour", "dense[1]"] in lines
    assert ["history_offsets", "INT64", "[rows", "+", "1]", "offsets", "of", "history"] in [
        line[1:] for line in lines
    ]
    assert "\x1b" not in printed


def test_check_takes_one_model_or_all(repository: Path) -> None:
    names = [
        line.split()[0] for line in done("check", repository, "--no-load").splitlines() if "version 1" in line
    ]
    assert names == ["features", "other"]
    assert "other version 1" not in done("check", repository, "features", "--no-load")
    assert "did you mean features?" in refused("check", repository, "featurse", "--no-load")


def test_check_prints_json_for_machines(repository: Path) -> None:
    (model,) = json.loads(done("check", repository, "features", "--json"))["models"]
    assert (model["name"], model["version"], model["error"]) == ("features", 1, None)
    cross = model["program"][-1]
    assert (cross["features"], cross["tensor"], cross["columns"]) == (["merchant", "country"], "ids", [2, 3])
    assert model["inputs"][0] == {
        "name": "dense",
        "datatype": "FP32",
        "shape": [-1, 2],
        "offsets_of": None,
        "lengths_of": None,
        "mask_of": None,
    }


def test_explain_reads_a_row_from_a_file_or_standard_input(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "row.json").write_text(json.dumps(ROW, indent=2))
    printed = done("explain", repository / "features", "--row", tmp_path / "row.json", columns=120)
    assert "0.91629076 0x3f6a9208" in printed
    assert "vocab of 4 in countries.txt + 2 unknown" in printed
    assert (
        done("explain", repository / "features", "--row", "-", stdin=json.dumps(ROW), columns=120) == printed
    )


def test_explain_chooses_a_row_of_several(repository: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(f"{json.dumps(ROW)}\n\n{json.dumps({'time': 0})}\n")
    folder = repository / "features"
    document = json.loads(done("explain", folder, "--row", rows, "--row-number", "2", "--json"))
    assert document["version"] == 1
    assert [feature["source"] for feature in document["features"]][:3] == ["default", "row", "default"]
    assert "has 2 rows; choose one by --row-number 1 to 2" in refused("explain", folder, "--row", rows)
    assert "found 3" in refused("explain", folder, "--row", rows, "--row-number", "3")


def test_explain_takes_a_context(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "context.json").write_text('{"merchant": "shop", "time": 0}')
    arguments = (
        "explain",
        repository / "features",
        "--row",
        "-",
        "--context",
        tmp_path / "context.json",
        "--json",
    )
    features = json.loads(done(*arguments, stdin="{}"))["features"]
    assert {feature["source"] for feature in features} == {"context", "default", None}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("{}", 'Feature "time" in row 0 is missing and has no default.'),
        ('{"time": 0, "amuont": 1}', "did you mean `amount`?"),
        ('{"time": 0, "recent": ["x"]}', 'Feature "recent" in row 0 must be integers'),
        ('{"time": {}}', "time"),
        ("[1]", "- is not a JSON object of features"),
        ("{", "- is not JSON"),
        ("", "- is not JSON"),
        ('{"time": 0}\n{"time": ', "-, line 2 is not JSON"),
    ],
)
def test_explain_refuses_a_bad_row_in_one_line(repository: Path, row: str, says: str) -> None:
    assert says in refused("explain", repository / "features", "--row", "-", stdin=row)


def test_explain_says_which_file_is_not_there(repository: Path, tmp_path: Path) -> None:
    assert "it must be a model's folder" in refused("explain", tmp_path / "none", "--row", "-")
    assert "model.toml" in refused("explain", repository, "--row", "-")
    assert "cannot read nowhere.json" in refused("explain", repository / "features", "--row", "nowhere.json")


def test_explain_needs_no_version_folder_and_no_torch(repository: Path, tmp_path: Path) -> None:
    text = (
        (repository / "features" / "model.toml")
        .read_text()
        .replace('file = "countries.txt"', 'values = ["AT", "DE"]')
    )
    (tmp_path / "model.toml").write_text(text)
    script = (
        "import sys; from penstock.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, "explain", tmp_path, "--row", "-"],
        input=json.dumps(ROW),
        env={**os.environ},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "0.91629076" in told.stdout
    assert {"torch", "grpc", "pandas"}.isdisjoint(told.stderr.split())
