"""`python -m bench.doors`: measures, prints the report and writes it."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench import load, machine
from bench.arguments import Names
from bench.doors import memory, readme
from bench.doors.cases import LABELS, PARTS
from bench.doors.figures import Results
from bench.doors.report import is_quiet, report, summary
from bench.doors.run import Plan, measure
from bench.sampler import WrongAnswerError

_RESULTS = Path(__file__).parents[1] / "results"


def main() -> None:
    arguments = _arguments()
    plan = Plan(
        parts=arguments.only,
        servers=arguments.servers,
        rounds=arguments.rounds,
        requests=arguments.requests,
        seconds=arguments.seconds,
        growth_requests=arguments.growth_requests,
        flags=shlex.split(arguments.serve_flags),
        open_loop_rate=arguments.open_loop_rate,
    )
    try:
        circumstances = machine.circumstances("bench.doors") | {
            "load generator": load.generator(),
            "rounds": f"{plan.rounds}, interleaved",
        }
        with tempfile.TemporaryDirectory() as folder:
            results = measure(plan, Path(folder))
    except (load.LoadError, WrongAnswerError) as error:
        sys.exit(f"doors: {error}")
    print(report(circumstances, results))
    if not arguments.dry_run:
        _write(arguments.output, plan, circumstances, results)


def _write(output: Path | None, plan: Plan, circumstances: Mapping[str, str], results: Results) -> None:
    """Where only a part was asked for, the folder must have been named: the whole run's report stays."""
    whole = list(plan.parts) == list(PARTS) and list(plan.servers) == list(LABELS)
    if not is_quiet(results):
        _say("nothing written: other processes took the servers' CPU")
    elif output is None and not whole:
        _say("nothing written: not the whole run, and no --output")
    else:
        folder = output or _RESULTS
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "doors.md").write_text(report(circumstances, results))
        (folder / "doors_summary.md").write_text(summary(circumstances, results))
        if folder.resolve() == _RESULTS.resolve():
            readme.write(summary(circumstances, results))


def _say(line: str) -> None:
    print(f"doors: {line}", file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.doors", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds, of which the medians are given (5)")
    parser.add_argument(
        "--seconds", type=float, default=2.2, help="about how long one load on one server takes (2.2)"
    )
    parser.add_argument(
        "--requests", type=int, help="requests a round, for every server, in place of --seconds"
    )
    parser.add_argument(
        "--only", type=Names(PARTS), default=list(PARTS), metavar="CASE,…", help=", ".join(PARTS)
    )
    parser.add_argument(
        "--servers",
        type=Names(LABELS),
        default=list(LABELS),
        metavar="NAME,…",
        help=", ".join(LABELS),
    )
    parser.add_argument(
        "--growth-requests",
        type=int,
        help=f"calls over which memory must not grow ({memory.GROWTH_REQUESTS:,}, fewer at a slow door)",
    )
    parser.add_argument(
        "--open-loop-rate",
        type=float,
        help="calls a second of the open loop (70 percent of each server's peak)",
    )
    parser.add_argument("--serve-flags", default="", help="further flags of penstock serve, in one argument")
    parser.add_argument("--output", type=Path, help="folder of the report (of a whole run: bench/results)")
    parser.add_argument("--dry-run", action="store_true", help="print, write no file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
