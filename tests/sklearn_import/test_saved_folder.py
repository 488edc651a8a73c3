"""What an import writes into a model folder, and what it leaves alone."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from penstock import FeatureSpec, import_sklearn
from tests.sklearn_import.columns import OUTPUT, assert_equal, fitted_columns

NUMBERS = pd.DataFrame({"a": [1.0, 2.0], "b": [5.0, 7.0]})


def test_an_import_is_replaced_by_the_next_and_the_rest_of_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "model.toml"
    path.write_text(f"description = 'mine'\n\n{OUTPUT}")
    import_sklearn(StandardScaler().fit(NUMBERS)).save(tmp_path)
    path.write_text(path.read_text() + "\n# behind it\n[batching]\nmax_batch_rows = 7\n")
    first = path.read_text()
    import_sklearn(StandardScaler().fit(NUMBERS * 3), input_name="other", datatype="FP64").save(tmp_path)
    second = path.read_text()
    assert second.startswith(f"description = 'mine'\n\n{OUTPUT}\n")
    assert second.endswith("\n# behind it\n[batching]\nmax_batch_rows = 7\n")
    assert first.count("[[feature]]") == second.count("[[feature]]") == 2
    spec = FeatureSpec.load(tmp_path)
    assert [(entry.name, entry.datatype, entry.shape) for entry in spec.inputs] == [
        ("other", "FP64", [-1, 2])
    ]
    assert spec.spec.max_batch_rows == 7
    again = import_sklearn(StandardScaler().fit(NUMBERS * 3), input_name="other", datatype="FP64")
    again.save(tmp_path)
    assert path.read_text() == second


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    import_sklearn(StandardScaler().fit(NUMBERS)).save(tmp_path / "new" / "fraud")
    assert (
        (tmp_path / "new" / "fraud" / "model.toml")
        .read_text()
        .startswith("# Written by penstock.import_sklearn")
    )


def test_many_categories_go_to_a_file_beside_model_toml(tmp_path: Path) -> None:
    words = [f"wörd {number}" for number in range(500)] + ["", " spaces ", "#", "\x85", "\u2028", "tab\t"]
    table = pd.DataFrame({"the word": words, "n": [*range(506)]})
    same = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    transformer = ColumnTransformer(
        [("a", OneHotEncoder(handle_unknown="ignore"), ["the word", "n"]), ("b", same, ["the word"])]
    ).fit(table)
    imported = import_sklearn(transformer, datatype="FP64")
    assert set(imported.files) == {"the_word.txt", "n.txt"}
    assert imported.toml.count("the_word.txt") == 2
    (tmp_path / "model.toml").write_text(OUTPUT)
    imported.save(tmp_path)
    rows = pd.concat([table, pd.DataFrame({"the word": ["unseen"], "n": [-1]})])
    assert_equal(FeatureSpec.load(tmp_path).transform(rows)["dense"], fitted_columns(transformer, rows))


def test_categories_that_no_line_can_hold_stay_in_model_toml(tmp_path: Path) -> None:
    table = pd.DataFrame({"s": [*(str(number) for number in range(100)), "two\nlines", "end\r", "\x00\x7f"]})
    encoder = OneHotEncoder().fit(table)
    imported = import_sklearn(encoder)
    assert not imported.files
    (tmp_path / "model.toml").write_text(OUTPUT)
    imported.save(tmp_path)
    assert_equal(FeatureSpec.load(tmp_path).transform(table)["dense"], fitted_columns(encoder, table))


def test_two_vocabularies_of_one_feature_have_a_file_each() -> None:
    table = pd.DataFrame({"../s": [str(number) for number in range(100)]})
    some = OneHotEncoder(
        categories=[np.array([str(number) for number in range(80)], object)], handle_unknown="ignore"
    )
    transformer = ColumnTransformer([("a", OneHotEncoder(), ["../s"]), ("b", some, ["../s"])]).fit(table)
    assert set(import_sklearn(transformer).files) == {"s.txt", "s-2.txt"}


@pytest.mark.parametrize("name", ["city_x", "a"])
def test_columns_have_the_names_that_scikit_learn_gives_them(name: str) -> None:
    table = NUMBERS.assign(city=["x", "y"])
    transformer = ColumnTransformer(
        [("a", StandardScaler(), ["a"]), ("c", OneHotEncoder(), ["city"])], verbose_feature_names_out=False
    ).fit(table)
    imported = import_sklearn(transformer)
    assert imported.columns == tuple(transformer.get_feature_names_out())
    assert name in imported.columns


def test_names_can_be_given_to_a_table_without_names() -> None:
    imported = import_sklearn(StandardScaler().fit(NUMBERS.to_numpy()), feature_names=["amount", "age"])
    assert 'name = "amount"' in imported.toml


def test_scikit_learn_is_not_imported() -> None:
    script = (
        "import sys, penstock\n"
        "try: penstock.import_sklearn(object())\n"
        "except penstock.SklearnImportError: print('sklearn' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (told.stdout, told.stderr) == ("False\n", "")
