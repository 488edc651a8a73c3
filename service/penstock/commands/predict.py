"""`penstock predict ADDRESS MODEL --rows FILE.jsonl`: JSON lines in, JSON lines out.

Rows are sent in batches, several at a time, and answered in their order while more are read.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from penstock.call_error import CallError
from penstock.channel import DEFAULT_TIMEOUT_S
from penstock.client import Client
from penstock.commands.arguments import address, positive_seconds
from penstock.errors import PenstockError
from penstock.prediction import Prediction
from penstock.rows import RowsError

# Enough to hide the way to the server and back behind the model's work.
_BATCHES_IN_FLIGHT = 8


class _FileError(PenstockError):
    """A file that cannot be read as it should be; the message names file and line."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows that one call scores, with the line of the file that each came from, counted from 1."""

    rows: list[dict[str, object]]
    lines: list[int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments; units and defaults stand in their help."""
    parser.add_argument(
        "address", type=address, metavar="ADDRESS", help="host:port of a server, such as localhost:8001"
    )
    parser.add_argument("model", metavar="MODEL", help="the model's name in the server's repository")
    parser.add_argument(
        "--rows",
        metavar="FILE.jsonl",
        required=True,
        help="one JSON object of features a line; null: missing; -: standard input",
    )
    parser.add_argument(
        "--context", metavar="FILE.json", help="a JSON object of features that all rows share"
    )
    parser.add_argument("--version", default="", help="model version (default: the version that serves)")
    parser.add_argument(
        "--output",
        action="append",
        default=[],
        metavar="NAME",
        help="an output to print; may be given several times (default: all)",
    )
    parser.add_argument(
        "--batch-rows",
        type=_positive_int,
        default=64,
        metavar="N",
        help="rows a call (default: %(default)s rows)",
    )
    parser.add_argument(
        "--timeout-s",
        type=positive_seconds,
        default=DEFAULT_TIMEOUT_S,
        metavar="S",
        help="timeout of each call, retries included (default: %(default)s s)",
    )
    parser.add_argument(
        "--tls", action="store_true", help="use TLS with grpc's root certificates (default: plaintext)"
    )


def run(args: argparse.Namespace) -> int:
    """Exit code 0, or 1 where a call failed; rows before the one at fault are answered.

    NaN and infinity, which JSON lacks, are printed as null. Raises PenstockError for a fault in the input.
    """
    try:
        _predict(args)
    except CallError as error:
        sentence = "".join(character if character.isprintable() else " " for character in str(error))
        sys.stderr.write(f"penstock: {sentence}\n")
        return 1
    return 0


def _predict(args: argparse.Namespace) -> None:
    context = None if args.context is None else _read_context(args.context)
    with (
        _opened(args.rows) as lines,
        Client(args.address, timeout_s=args.timeout_s, tls=args.tls) as client,
        ThreadPoolExecutor(_BATCHES_IN_FLIGHT) as pool,
    ):

        def predict(batch: _Batch) -> Prediction:
            return client.predict(args.model, batch.rows, context, version=args.version, outputs=args.output)

        in_flight: deque[tuple[_Batch, Future[Prediction]]] = deque()
        fault: _FileError | None = None
        try:
            try:
                for batch in _batches(lines, args.rows, args.batch_rows):
                    in_flight.append((batch, pool.submit(predict, batch)))
                    while in_flight and (len(in_flight) == _BATCHES_IN_FLIGHT or in_flight[0][1].done()):
                        _print_answer(*in_flight.popleft())
            except _FileError as error:
                fault = error
            while in_flight:
                _print_answer(*in_flight.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            client.close()
    if fault is not None:
        raise fault


@contextlib.contextmanager
def _opened(name: str) -> Iterator[TextIO]:
    if name == "-":
        yield sys.stdin
        return
    try:
        file = Path(name).open(encoding="utf-8")  # noqa: SIM115 - the with below must not cover this except
    except OSError as error:
        raise _FileError(f"cannot read {name}: {error.strerror}") from None
    with file:
        yield file


def _read_context(name: str) -> dict[str, object]:
    try:
        context = json.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise _FileError(f"cannot read {name}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise _FileError(f"{name} is not JSON: {error}") from None
    if not isinstance(context, dict):
        raise _FileError(f"{name} is not a JSON object")
    return context


def _batches(lines: TextIO, name: str, batch_rows: int) -> Iterator[_Batch]:
    """The rows of the file, blank lines left out; those before a faulty line come before its error."""
    batch = _Batch([], [])
    fault: _FileError | None = None
    try:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            batch.rows.append(_row(line, f"{name}, line {number}"))
            batch.lines.append(number)
            if len(batch.rows) == batch_rows:
                yield batch
                batch = _Batch([], [])
    except _FileError as error:
        fault = error
    except UnicodeDecodeError:
        fault = _FileError(f"{name} is not UTF-8 text")
    except OSError as error:
        fault = _FileError(f"cannot read {name}: {error.strerror}")
    if batch.rows:
        yield batch
    if fault is not None:
        raise fault


def _row(line: str, place: str) -> dict[str, object]:
    try:
        row = json.loads(line.rstrip())
    except json.JSONDecodeError as error:
        raise _FileError(f"{place}, column {error.colno} is not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise _FileError(f"{place} is not JSON: {error}") from None
    if not isinstance(row, dict):
        raise _FileError(f"{place} is not a JSON object")
    return row


def _print_answer(batch: _Batch, answer: Future[Prediction]) -> None:
    try:
        outputs = answer.result().outputs
    except RowsError as error:
        if error.row is None:
            raise
        problem = f"line {batch.lines[error.row]}: {error.problem}"
        raise RowsError(problem, feature=error.feature) from None
    except CallError as error:
        first, last = batch.lines[0], batch.lines[-1]
        place = f"line {first}" if first == last else f"lines {first} to {last}"
        raise CallError(
            error.code, f"{error.message} ({place})", error.violations, error.pushback_ms
        ) from None
    for row in _json_rows(outputs, len(batch.rows)):
        sys.stdout.write(json.dumps(row, allow_nan=False) + "\n")
    sys.stdout.flush()


def _json_rows(outputs: Mapping[str, NDArray[Any]], rows: int) -> Iterator[dict[str, object]]:
    columns = {name: _json_values(values) for name, values in outputs.items()}
    for row in range(rows):
        yield {name: values[row] for name, values in columns.items()}


def _json_values(values: NDArray[Any]) -> list[Any]:
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        if not finite.all():
            values = values.astype(object)
            values[~finite] = None
    listed: list[Any] = values.tolist()
    return listed


def _positive_int(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"found {text!r}, allowed: a whole number from 1")
    return int(text)
