"""`penstock bench --curve --output FOLDER`: a server's curve as JSON and as a picture."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError
from penstock.load import curve, durations
from penstock.load.options import FIELDS, Options
from penstock.load.run import found_method, question
from penstock.load.server_meter import Meter

# Where a curve's run is not told otherwise: callers that wait for 20 s would hold up what comes after an overload.
DEFAULTS = {"connections": 8, "timeout": 10**9}
# What a curve finds by itself.
_NOT_ASKED = (
    *("rps", "load_schedule", "concurrency", "concurrency_schedule", "asynchronous", "total", "duration"),
    *("max_duration", "duration_stop", "skip_first", "count_errors", "format", "expect"),
)
_PLOTS_MISSING = "no plots: matplotlib is not installed; pip install 'penstock[plots]' adds it"


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Declares what a curve may be told."""
    parser.add_argument(
        "--curve",
        action="store_true",
        help="find the server's peak, measure 10 to 150 %% of it, and write curve.json, curve.svg and curve.png "
        "into the folder --output",
    )
    parser.add_argument(
        "--curve-duration", default="150s", metavar="VALUE", help="of a whole curve (default: %(default)s)"
    )
    parser.add_argument(
        "--curve-deadline",
        default="100ms",
        metavar="VALUE",
        help="what is answered OK within so long of when it was due is goodput (default: %(default)s)",
    )
    parser.add_argument(
        "--metrics-url", default="", metavar="URL", help="of the server's Prometheus metrics, for a curve"
    )
    parser.add_argument(
        "--server-pid", type=int, default=0, metavar="PID", help="of a server on this machine, for a curve"
    )


def completed(values: dict[str, Any]) -> dict[str, Any]:
    """The options of a curve. Raises ConfigError for those that it sets by itself."""
    for name, field in FIELDS.items():
        nothing = (field.default, field.metadata["in_files"])
        if field.name in _NOT_ASKED and values.get(field.name, field.default) not in nothing:
            raise ConfigError(f"--curve sets the load by itself: leave --{name} out")
    if not values.get("output"):
        raise ConfigError("--curve needs --output, the folder to write to")
    completed = DEFAULTS | values
    return completed | {"concurrency": completed["connections"]}


def run(options: Options, args: argparse.Namespace) -> int:
    """Exit code 0 with a curve."""
    wanted = curve.Wanted(
        connections=options.connections,
        threads=max(options.cpus, 1),
        arrivals=args.arrivals or "poisson",
        duration_s=_seconds("--curve-duration", args.curve_duration),
        deadline_s=_seconds("--curve-deadline", args.curve_deadline),
        meter=Meter(args.metrics_url, args.server_pid),
    )
    folder = Path(options.output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = curve.measured(question(options, found_method(options)), wanted, _tell)
        (folder / "curve.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        _draw(found, folder)
    except OSError as error:
        raise ConfigError(f"--output: {folder}: {error.strerror}") from None
    return 0


def _draw(found: Mapping[str, Any], folder: Path) -> None:
    try:
        from penstock.load import curve_plot  # noqa: PLC0415 - an optional extra
    except ImportError:
        _tell(_PLOTS_MISSING)
    else:
        curve_plot.write(found, folder)
    _tell(f"written to {folder}")


def _tell(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def _seconds(option: str, text: str) -> float:
    try:
        ns = durations.parse(text)
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from None
    if ns == 0:
        raise ConfigError(f"{option}: found {text}, allowed: more than nothing")
    return ns / 1e9
