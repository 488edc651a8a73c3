"""`penstock features ADDRESS MODEL`: what a served model's features are like, a line each."""

from __future__ import annotations

import argparse
import math
import sys

from google.protobuf.json_format import MessageToJson

from penstock.call_error import CallError
from penstock.channel import DEFAULT_TIMEOUT_S
from penstock.client import Client
from penstock.commands.arguments import add_call_options, address, tell_failure
from penstock.pb import feature_statistics_pb2 as pb

_HEAD = ("feature", "type", "rows", "missing", "unknown", "range", "mean", "p1", "p50", "p99", "psi", "")
_UNTOLD = "-"
_MEDIAN = 0.5
_LOW = 0.01
_HIGH = 0.99
# As credit scoring reads the index: below the first no change, above the second a large one.
_CHANGED = ((0.25, "large change"), (0.1, "change"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the server's address, the model, and what to print of it."""
    parser.add_argument(
        "address", type=address, metavar="ADDRESS", help="host:port of a server, such as localhost:8001"
    )
    parser.add_argument("model", metavar="MODEL", help="the model's name in the server's repository")
    parser.add_argument("--version", default="", help="model version (default: the version that serves)")
    parser.add_argument(
        "--feature",
        action="append",
        default=[],
        metavar="NAME",
        help="a feature to print; may be given several times (default: all)",
    )
    parser.add_argument(
        "--since-load", action="store_true", help="since the version was loaded (default: the last hour)"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the server's whole answer as JSON, not a table"
    )
    add_call_options(parser, DEFAULT_TIMEOUT_S)


def run(args: argparse.Namespace) -> int:
    """Exit code 0, or 1 where the call failed."""
    try:
        with Client(args.address, timeout_s=args.timeout_s, tls=args.tls) as client:
            answer = client.feature_statistics(args.model, args.version, args.feature)
    except CallError as error:
        return tell_failure(error)
    if args.json:
        text = MessageToJson(
            answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        sys.stdout.write(text + "\n")
    else:
        sys.stdout.write(table(answer, since_load=args.since_load))
    return 0


def table(answer: pb.GetFeatureStatisticsResponse, *, since_load: bool) -> str:
    """A head that says what the figures rest on, and a line a feature, the farthest from training first."""
    span = answer.since_load if since_load else answer.window
    chosen = [(feature, feature.since_load if since_load else feature.window) for feature in answer.features]
    chosen.sort(key=lambda pair: -_psi(pair[1]))
    rows = [_HEAD, *(_line(feature, figures) for feature, figures in chosen)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_head(answer, span, since_load=since_load), ""]
    for row in rows:
        # Names to the left, numbers to the right.
        cells = [
            cell.ljust(width) if place in {0, 1, len(_HEAD) - 1} else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


def _head(answer: pb.GetFeatureStatisticsResponse, span: pb.StatisticsSpan, *, since_load: bool) -> str:
    when = "since load" if since_load else "the last hour"
    training = (
        f"{answer.baseline_rows} rows of training" if answer.baseline_rows else "no baseline of training"
    )
    dropped = f", {answer.dropped_rows} dropped since load" if answer.dropped_rows else ""
    return (
        f"{answer.model_name} version {answer.model_version}, {when} ({span.seconds:.0f} s): {span.rows} rows, "
        f"{span.sampled_rows} looked at (one in {answer.sample_every}{dropped}); {training}"
    )


def _line(feature: pb.FeatureSummary, figures: pb.FeatureFigures) -> tuple[str, ...]:
    quantiles = {quantile.probability: quantile.value for quantile in figures.quantiles}
    drift = figures.drift if figures.HasField("drift") else None
    refused = feature.refused
    calls = refused.missing + refused.range + refused.vocabulary + refused.form
    notes = [word for least, word in _CHANGED if drift is not None and drift.psi >= least][:1]
    notes += [f"{calls} {'call' if calls == 1 else 'calls'} refused since load"] if calls else []
    return (
        feature.name,
        feature.type,
        str(figures.rows - figures.default_rows),
        _percent(figures.missing_ratio),
        _percent(figures.unknown_ratio),
        _percent(figures.out_of_range_ratio),
        _number(figures.mean if figures.HasField("mean") else None),
        *(_number(quantiles.get(p)) for p in (_LOW, _MEDIAN, _HIGH)),
        _UNTOLD if drift is None else f"{drift.psi:.3f}",
        ", ".join(notes),
    )


def _psi(figures: pb.FeatureFigures) -> float:
    return figures.drift.psi if figures.HasField("drift") else -1.0


def _percent(ratio: float) -> str:
    return _UNTOLD if ratio == 0 else f"{100 * ratio:.2f}%"


def _number(value: float | None) -> str:
    return _UNTOLD if value is None or not math.isfinite(value) else f"{value:.6g}"
