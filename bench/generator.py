"""What load costs whoever makes it: `penstock bench` beside the penstock server that it loads, and beside ghz.

`python -m bench.generator` starts a server with a small model, has both generators load it in turn in closed loops of
the same shape, prints a table and, where the machine was quiet, writes it to bench/results/generator.md. It takes less
than three minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import machine
from bench.fraud_model import METHOD, FraudModel
from bench.process_cpu import machine_cpu_s, tree_cpu_s
from tests.programs import program
from tests.server_process import ServerProcess, environment

_RESULTS = Path(__file__).parent / "results" / "generator.md"
_TIMEOUT_S = 120.0
# Connections, and calls under way on each.
_SHAPES = {"8x32": (8, 32), "16x4": (16, 4)}
_OURS, _GHZ = "penstock bench", "ghz"
# Of the server's CPU time a call; and how many times as much ghz takes.
_MOST_OF_SERVER, _LEAST_OF_GHZ = 0.5, 10.0
# Above it, the figures say more about the others than about the generators.
_MOST_OTHERS_CORES = 0.1


@dataclass(frozen=True)
class Round:
    """One run of one generator. `others_cores` is what had no part in it and kept cores busy."""

    calls_per_s: float
    cpu_us: float
    server_cpu_us: float
    others_cores: float


Rounds = Mapping[tuple[str, str], Sequence[Round]]


@dataclass(frozen=True)
class _Server:
    address: str
    pid: int
    message: Path


def main() -> None:
    arguments = _arguments()
    circumstances = machine.circumstances("bench.generator")
    rounds: dict[tuple[str, str], list[Round]] = {}
    with tempfile.TemporaryDirectory() as folder:
        repository, message = Path(folder) / "models", Path(folder) / "message"
        repository.mkdir()
        model = FraudModel()
        model.write(repository)
        message.write_bytes(model.work(1, 1).questions[0].request)
        with ServerProcess(repository) as process:
            server = _Server(process.address, process.process.pid, message)
            for number in range(arguments.rounds):
                for shape in _SHAPES:
                    for name, calls in ((_OURS, arguments.calls), (_GHZ, arguments.calls // 5)):
                        one = _round(name, server, shape, calls)
                        rounds.setdefault((name, shape), []).append(one)
                        print(f"round {number + 1}, {name}, {shape}: {one}", file=sys.stderr)
    text = _report(circumstances, rounds)
    print(text)
    if arguments.output is not None and _others(rounds) <= _MOST_OTHERS_CORES:
        arguments.output.parent.mkdir(exist_ok=True)
        arguments.output.write_text(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.generator", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds, of which the medians are given (7)")
    parser.add_argument(
        "--calls",
        type=int,
        default=200_000,
        help="calls a round of penstock bench; ghz makes a fifth (200000)",
    )
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--output", type=Path, default=_RESULTS, help="file (bench/results/generator.md)")
    target.add_argument(
        "--dry-run", dest="output", action="store_const", const=None, help="print, write no file"
    )
    return parser.parse_args()


def _round(name: str, server: _Server, shape: str, calls: int) -> Round:
    connections, in_flight = _SHAPES[shape]
    common = [
        *("--insecure", f"--call={METHOD.strip('/')}", "--binary-file", str(server.message)),
        *("--connections", str(connections), "--concurrency", str(connections * in_flight)),
        *("--total", str(calls), "--format", "influx-summary", server.address),
    ]
    if name == _OURS:
        command = [sys.executable, "-m", "penstock", "bench", "--diagnostics", *common]
    else:
        command = [program("ghz"), *common]
    server_s, all_s, own = tree_cpu_s(server.pid), machine_cpu_s(), os.times()
    done = subprocess.run(  # noqa: S603 - named above
        command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True, env=environment()
    )
    after = os.times()
    server_s, all_s = tree_cpu_s(server.pid) - server_s, machine_cpu_s() - all_s
    whole_s = after.children_user + after.children_system - own.children_user - own.children_system
    fields = dict(field.split("=") for field in done.stdout.rsplit(" ", 2)[1].split(","))
    if fields["errors"] != "0" or int(fields["count"]) != calls:
        raise RuntimeError(f"{name}: not all of {calls} calls were answered: {done.stdout}")
    own_s = after.user + after.system - own.user - own.system
    elapsed_s = after.elapsed - own.elapsed
    # What Python takes to start is no call's; what ghz does is some 20 ms, and is left in.
    cpu_us = json.loads(done.stderr)["generator_cpu_us_per_call"] if name == _OURS else whole_s * 1e6 / calls
    return Round(
        calls_per_s=calls * 1e9 / int(fields["total"]),
        cpu_us=cpu_us,
        server_cpu_us=server_s * 1e6 / calls,
        others_cores=max(all_s - server_s - whole_s - own_s, 0.0) / elapsed_s,
    )


def _report(circumstances: Mapping[str, str], rounds: Rounds) -> str:
    count = min(map(len, rounds.values()))
    others = _others(rounds)
    lines = [
        "# What making load costs",
        "",
        "Written by `python -m bench.generator`: ModelInfer, 1 row of 32 FP32, in a closed loop; *8x32*: 8 connections",
        "with 32 calls under way. Generator and server share the machine.",
        "",
        *(f"- {name}: {value}" for name, value in circumstances.items()),
        f"- rounds: {count}, interleaved",
        "",
        "| shape | generator | calls/s | its CPU µs/call | server CPU µs/call |",
        "| --- | --- | ---: | ---: | ---: |",
        *(_row(name, shape, rounds[name, shape]) for shape in _SHAPES for name in (_OURS, _GHZ)),
        "",
        "Medians, with the least and the most of all rounds behind. The CPU of `penstock bench` is that from the",
        "search for the method to the report, ghz's that of its process.",
        "",
        f"- Other processes kept {others:.2f} cores busy; a quiet machine: at most {_MOST_OTHERS_CORES}.",
        *_verdicts(rounds, quiet=others <= _MOST_OTHERS_CORES),
    ]
    return "\n".join(lines) + "\n"


def _others(rounds: Rounds) -> float:
    return median(one.others_cores for these in rounds.values() for one in these)


def _row(name: str, shape: str, these: Sequence[Round]) -> str:
    cells = [
        f"{median(figures):{form}} ({min(figures):{form}} … {max(figures):{form}})"
        for figures, form in (
            ([one.calls_per_s for one in these], ",.0f"),
            ([one.cpu_us for one in these], ".2f"),
            ([one.server_cpu_us for one in these], ".2f"),
        )
    ]
    return f"| {shape} | {name} | {' | '.join(cells)} |"


def _verdicts(rounds: Rounds, *, quiet: bool) -> list[str]:
    lines = []
    for shape in _SHAPES:
        ours, ghz = rounds[_OURS, shape], rounds[_GHZ, shape]
        of_server = median(one.cpu_us / one.server_cpu_us for one in ours)
        of_ghz = median(other.cpu_us / one.cpu_us for one, other in zip(ours, ghz, strict=True))
        of_server_told = _verdict(of_server <= _MOST_OF_SERVER, quiet=quiet)
        of_ghz_told = _verdict(of_ghz >= _LEAST_OF_GHZ, quiet=quiet)
        lines += [
            f"- {shape}: {of_server:.0%} of the server's CPU; at most {_MOST_OF_SERVER:.0%}: {of_server_told}.",
            f"- {shape}: ghz takes {of_ghz:.1f} times as much; at least {_LEAST_OF_GHZ:.0f}: {of_ghz_told}.",
        ]
    return lines


def _verdict(is_met: bool, *, quiet: bool) -> str:
    if not quiet:
        return "not judged, the machine was not quiet"
    return "met" if is_met else "missed"


if __name__ == "__main__":
    main()
