"""`penstock bench --call SERVICE/METHOD HOST`: loads a gRPC server with ghz's options, and reports as ghz does."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from penstock.commands import bench_curve
from penstock.errors import ConfigError
from penstock.load import config_file, formats
from penstock.load.messages import reported_data, reported_metadata
from penstock.load.options import FIELDS, Options, made, read
from penstock.load.report import Report, reported_options
from penstock.load.run import Watcher
from penstock.load.run import run as run_load

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "p99.99": 0.9999}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares ghz's options, and the few that ghz does not have."""
    parser.add_argument("host", nargs="?", metavar="HOST", help=FIELDS["host"].metadata["help"])
    parser.add_argument(
        "--config", metavar="FILE", help="a JSON or TOML file of these options; those given here win"
    )
    for name, field in FIELDS.items():
        if name == "host":
            continue
        about = field.metadata["help"].replace("%", "%%")
        flags = [*([f"-{field.metadata['short']}"] if field.metadata["short"] else []), f"--{name}"]
        if isinstance(field.default, bool):
            parser.add_argument(*flags, dest=field.name, action="store_true", default=None, help=about)
        else:
            parser.add_argument(*flags, dest=field.name, metavar="VALUE", help=about)
    own = parser.add_argument_group("beyond ghz")
    own.add_argument(
        "--arrivals",
        choices=("uniform", "poisson"),
        help="how the starts of calls with a rate lie in time (default: uniform; of a curve: poisson)",
    )
    own.add_argument(
        "--diagnostics",
        action="store_true",
        help="print on stderr, as JSON: higher percentiles, bytes, how late calls were sent, the load's own CPU time",
    )
    bench_curve.add_arguments(own)


def run(args: argparse.Namespace) -> int:
    """Exit code 0 with a report, whatever the server answered; 1 where answers are not those that are expected."""
    options = asked(args)
    if args.curve:
        return bench_curve.run(options, args)
    before_s = time.process_time()
    with _watcher(options, sys.stderr) as watch:
        report = run_load(options, args.arrivals or "uniform", watch)
    cpu_s = time.process_time() - before_s
    reported = reported_options(options, reported_data(options), reported_metadata(options))
    _write(options, report, reported)
    if args.diagnostics:
        sys.stderr.write(json.dumps(_diagnostics(report, cpu_s)) + "\n")
    if report.check and report.check.mismatches:
        check = report.check
        sys.stderr.write(
            f"penstock: {check.mismatches} of {check.compared} answers are not as expected, first {check.first[0]}\n"
        )
        return 1
    return 0


def asked(args: argparse.Namespace) -> Options:
    """The options of a file and of the command line, checked. Raises ConfigError."""
    values = config_file.load(Path(args.config)) if args.config else {}
    for name, field in FIELDS.items():
        given = getattr(args, field.name)
        if given is not None:
            values[field.name] = read(name, given, "HOST" if name == "host" else f"--{name}")
    return made(bench_curve.completed(values) if args.curve else values)


def _write(options: Options, report: Report, reported: dict[str, Any]) -> None:
    pieces = formats.written(report, reported)
    if not options.output:
        sys.stdout.writelines(pieces)
        return
    try:
        with Path(options.output).open("w", encoding="utf-8") as out:
            out.writelines(pieces)
    except OSError as error:
        raise ConfigError(f"--output: {options.output}: {error.strerror}") from None


def _diagnostics(report: Report, cpu_s: float) -> dict[str, Any]:
    outcome = report.outcome
    return {
        "latency_us": {name: outcome.latency_ns(quantile) / 1e3 for name, quantile in _QUANTILES.items()},
        "sent_late_us": {name: outcome.lag_ns(quantile) / 1e3 for name, quantile in _QUANTILES.items()},
        "answer_bytes": outcome.answer_bytes,
        "due_but_not_sent": outcome.unsent,
        "generator_cpu_us_per_call": cpu_s * 1e6 / report.count if report.count else None,
        "content_check": report.check.told() if report.check else None,
    }


@contextlib.contextmanager
def _watcher(options: Options, out: TextIO) -> Iterator[Watcher | None]:
    """A line that is rewritten in place, where a person looks on."""
    if not out.isatty():
        yield None
        return
    duration_s = (options.max_duration or options.duration) / 1e9
    width = 30

    def watch(settled: int, failed: int, elapsed_s: float) -> None:
        by_time = elapsed_s / duration_s if duration_s else 0.0
        by_count = settled / options.total if options.max_duration or not duration_s else 0.0
        share = min(max(by_time, by_count), 1.0)
        bar = "█" * int(width * share)
        out.write(
            f"\r{share:4.0%} {bar:<{width}} {elapsed_s:,.1f} s, {settled:,} calls, {failed:,} failed, "
            f"{settled / max(elapsed_s, 1e-9):,.0f} calls/s "
        )
        out.flush()

    yield watch
    # The report begins on a line of its own.
    out.write("\r\x1b[K")
    out.flush()
