"""`python -m bench.peers`: installs, measures, prints the report and writes it with its plots."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench import load, machine
from bench.arguments import Names
from bench.peers import document, plots, process_tree
from bench.peers.cases import PARTS
from bench.peers.catalogue import PEERS
from bench.peers.figures import Results
from bench.peers.launcher import adopt_orphans
from bench.peers.report import report
from bench.peers.run import Plan, install, measure

_RESULTS = Path(__file__).parents[1] / "results"


def main() -> None:
    arguments = _arguments()
    # Either ends what has been started, also where a shell that put this in the background has it ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    adopt_orphans()
    try:
        if arguments.install:
            failed = install(arguments.servers)
            sys.exit("\n".join(f"peers: {PEERS[name].label}: {why}" for name, why in failed.items()) or None)
        _measure(arguments)
    except load.LoadError as error:
        sys.exit(f"peers: {error}")
    except KeyboardInterrupt:
        sys.exit("peers: interrupted, nothing written")
    finally:
        process_tree.end_all_children()


def _measure(arguments: argparse.Namespace) -> None:
    plan = Plan(arguments.only, arguments.servers, arguments.rounds, arguments.seconds)
    circumstances = machine.circumstances("bench.peers") | {
        "load generators": f"{load.generator()}; bench/native's openloop, bench/peers/json_open_loop.py for JSON",
        "rounds": f"{plan.rounds}, interleaved",
    }
    # Of a short name: some of the peers' sockets lie deep within it, and a socket's path has 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="peers") as folder:
        results = measure(plan, Path(folder))
    print(report(circumstances, results))
    if not arguments.dry_run:
        _write(arguments.output, plan, circumstances, results)


def _write(output: Path | None, plan: Plan, circumstances: Mapping[str, str], results: Results) -> None:
    """Where only a part was asked for, the folder must have been named: the whole run's report stays."""
    whole = list(plan.parts) == list(PARTS) and list(plan.peers) == list(PEERS)
    if not results.is_quiet():
        _say("nothing written: other processes took the servers' CPU")
    elif output is None and not whole:
        _say("nothing written: not the whole run, and no --output")
    else:
        folder = output or _RESULTS
        folder.mkdir(exist_ok=True)
        (folder / "peers.md").write_text(report(circumstances, results))
        plots.write(folder, results, f"{circumstances['machine']}; commit {circumstances['commit']}")
        if output is None:
            document.write(circumstances, results)


def _say(line: str) -> None:
    print(f"peers: {line}", file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument(
        "--only", type=Names(PARTS), default=list(PARTS), metavar="CASE,…", help=", ".join(PARTS)
    )
    parser.add_argument(
        "--servers", type=Names(PEERS), default=list(PEERS), metavar="NAME,…", help=", ".join(PEERS)
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds, of which the medians are given (5)")
    parser.add_argument(
        "--seconds", type=float, default=0.8, help="about how long one load on one server takes (0.8)"
    )
    parser.add_argument(
        "--output", type=Path, help="folder of the report and plots (of a whole run: bench/results)"
    )
    parser.add_argument("--dry-run", action="store_true", help="print, write no file")
    parser.add_argument("--install", action="store_true", help="install the peers and measure nothing")
    return parser.parse_args()


if __name__ == "__main__":
    main()
