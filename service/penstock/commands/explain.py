"""`penstock explain MODEL_FOLDER --row FILE`: a row's values after every operation, to the bits in the tensors.

Offline and by the program that serves: what is refused here, a server refuses with the same sentence.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from penstock.errors import PenstockError
from penstock.feature_spec import FeatureSpec
from penstock.model_folder import highest_version
from penstock.row_trace import RowTrace


class _RowError(PenstockError):
    """A row that cannot be read or that the model refuses."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the model's folder, the row and the form of the answer."""
    parser.add_argument("folder", type=Path, metavar="MODEL_FOLDER", help="the folder that holds model.toml")
    parser.add_argument(
        "--row",
        required=True,
        metavar="FILE",
        help="a JSON object of features, or one a line; null: missing; -: standard input",
    )
    parser.add_argument(
        "--row-number",
        type=_row_number,
        metavar="N",
        help="which row, from 1, of a file that has several",
    )
    parser.add_argument("--context", metavar="FILE", help="a JSON object of features that all rows share")
    parser.add_argument(
        "--version",
        type=_row_number,
        metavar="N",
        help="the version whose vocabularies are used (default: the highest, which serves)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document, with every value")


def run(arguments: argparse.Namespace) -> int:
    """Gives 0. Raises PenstockError for a model, a file or a row that is at fault."""
    folder: Path = arguments.folder
    try:
        version = arguments.version or highest_version(folder)
        spec = FeatureSpec.load(folder, version)
    except OSError as error:
        raise _RowError(f"{folder}: cannot be read: {error.strerror}; it must be a model's folder") from None
    except ValueError as error:
        raise _RowError(str(error)) from None
    context = None if arguments.context is None else _object(arguments.context)
    trace = _explained(spec, _row(arguments.row, arguments.row_number), context)
    if arguments.json:
        document = {**trace.as_json(), "version": version}
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n")
    else:
        sys.stdout.write(trace.table())
    return 0


def _explained(spec: FeatureSpec, row: dict[str, object], context: dict[str, object] | None) -> RowTrace:
    try:
        return spec.explain(row, context)
    except PenstockError:
        raise
    except ValueError as error:
        raise _RowError(str(error)) from None


def _row(name: str, number: int | None) -> dict[str, object]:
    text = _text(name)
    try:
        rows = [_decoded(text, name)]
    except _RowError:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:
            raise
        rows = [_decoded(line, f"{name}, line {at}") for at, line in enumerate(lines, 1)]
    if number is None and len(rows) > 1:
        raise _RowError(f"{name} has {len(rows)} rows; choose one by --row-number 1 to {len(rows)}")
    if number is not None and number > len(rows):
        raise _RowError(f"--row-number: found {number}, but {name} has {len(rows)} row(s)")
    return rows[(number or 1) - 1]


def _object(name: str) -> dict[str, object]:
    return _decoded(_text(name), name)


def _text(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise _RowError(f"cannot read {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _RowError(f"{name} is not UTF-8 text") from None


def _decoded(text: str, place: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _RowError(f"{place} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise _RowError(f"{place} is not a JSON object of features")
    return value


def _row_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"found {text!r}, allowed: a whole number from 1")
    return int(text)
