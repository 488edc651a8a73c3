"""`python -m bench.reloads`: p99 of open-loop traffic during reloads of a large model, on another model and on it."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np

from bench import machine
from bench.reloads import model
from bench.reloads.run import Outcome, Round, Rounds, resident_bytes
from bench.reloads.turns import Turns
from tests.server_process import ServerProcess

# For memory that is freed on a thread of low priority.
_PATIENCE_S = 5.0


def main() -> None:
    arguments = _arguments()
    lines = [f"- {name}: {value}" for name, value in machine.circumstances("bench.reloads").items()]
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder) / "models"
        model.write(repository, arguments.megabytes)
        flags = ("--model-control", "explicit", "--load-models", "*")
        with ServerProcess(repository, *flags) as server:
            lines += ["", *_memory(server, repository, arguments.megabytes), ""]
            rounds = Rounds(server.address, repository, Path(folder), arguments.pause_s)
            outcomes = [
                rounds.run(asked, arguments.rounds, arguments.reloads) for asked in (model.SMALL, model.LARGE)
            ]
    lines += _table(outcomes)
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if arguments.output:
        arguments.output.write_text(f"# Reloads under traffic\n\n{text}", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.reloads", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=300, help="each version's weights (300)")
    parser.add_argument("--reloads", type=int, default=200, help="for each kind of traffic (200)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, of which the medians are given (5)")
    parser.add_argument("--pause-s", type=float, default=0.0, help="between two reloads (0: none)")
    parser.add_argument("--output", type=Path, help="Markdown file to write")
    return parser.parse_args()


def _memory(server: ServerProcess, repository: Path, megabytes: int) -> list[str]:
    """What an unload gives back, as the median of three."""
    turns = Turns(server.address, repository)
    shares = []
    for _ in range(3):
        loaded = resident_bytes(server.process.pid)
        turns.unload()
        until = time.monotonic() + _PATIENCE_S
        while resident_bytes(server.process.pid) > loaded - megabytes * 10**6 and time.monotonic() < until:
            time.sleep(0.01)
        shares.append((loaded - resident_bytes(server.process.pid)) / (megabytes * 10**6))
        turns.load()
    turns.close()
    return [f"Unloading gave back {100 * median(shares):.1f} % of the {megabytes} MB."]


def _table(outcomes: Sequence[Outcome]) -> list[str]:
    head = (
        "| traffic on | calls/s | reloads | load takes, ms | p99 without, ms | p99 with, ms | with / without |"
        " first call (median, p95) / steady p99 | calls | failed | answers looked into | of no one version |"
    )
    lines = [head, "| --- |" + " ---: |" * 11]
    for outcome in outcomes:
        ratios = [
            after.p99_us / before.p99_us
            for before, after in zip(outcome.without, outcome.with_reloads, strict=True)
        ]
        first = np.percentile(outcome.first_us, [50, 95]) / np.percentile(outcome.steady_us, 99)
        parts = [*outcome.without, *outcome.with_reloads]
        failed = outcome.failed + sum(part.failed for part in parts)
        cells = [
            {model.SMALL: "another model", model.LARGE: "the same model"}[outcome.asked],
            f"{outcome.rate:,.0f}",
            f"{outcome.reloads}",
            f"{1e3 * median(outcome.load_s):.0f}",
            _p99s(outcome.without),
            _p99s(outcome.with_reloads),
            f"{median(ratios):.2f}",
            f"{first[0]:.2f}, {first[1]:.2f}",
            f"{sum(part.calls for part in parts):,}",
            f"{failed}",
            f"{outcome.looked_at:,}",
            f"{outcome.mixed}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _p99s(rounds: Sequence[Round]) -> str:
    p99s = [1e-3 * each.p99_us for each in rounds]
    return f"{median(p99s):.2f} ({min(p99s):.2f}–{max(p99s):.2f})"


if __name__ == "__main__":
    main()
