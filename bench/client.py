"""Calls a second from one Python process with many calls under way: penstock's clients beside grpcio's stubs.

`python -m bench.client` builds and starts the floor server, which costs as little as a server can, runs each way of
calling in a process of its own, in turn, prints a table and writes it to bench/results/client.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import machine
from bench.client_callers import CALLERS, answer
from bench.process_cpu import machine_cpu_s, own_cpu_s, tree_cpu_s

_ROOT = Path(__file__).parents[1]
_RESULTS = Path(__file__).parent / "results" / "client.md"
_IN_FLIGHT = (64, 256)
_TIMEOUT_S = 300.0
# What penstock's clients are held against, and how many times as fast they are to be.
_STUBS = ("grpcio stub, threads", "grpcio stub, futures", "grpc.aio stub")
_AIM = 10.0
# Above it, the figures say more about the others than about the clients.
_MOST_OTHERS_CORES = 0.1


@dataclass(frozen=True)
class Round:
    """One run of one way. `cpu_us` is the calling process's, `others_cores` what had no part in it kept busy."""

    calls_per_s: float
    cpu_us: float
    server_cpu_us: float
    others_cores: float


Rounds = Mapping[tuple[str, int], Sequence[Round]]


def main() -> None:
    arguments = _arguments()
    circumstances = machine.circumstances("bench.client")
    rounds: dict[tuple[str, int], list[Round]] = {}
    with _floor_server() as (address, server_pid):
        for number in range(arguments.rounds):
            for in_flight in _IN_FLIGHT:
                for name in CALLERS:
                    calls = arguments.calls // (10 if name in _STUBS else 1)
                    one = _round(name, address, server_pid, in_flight, calls)
                    rounds.setdefault((name, in_flight), []).append(one)
                    print(f"round {number + 1}, {name}, {in_flight} in flight: {one}", file=sys.stderr)
    text = _report(circumstances, rounds)
    print(text)
    if arguments.output is not None:
        arguments.output.parent.mkdir(exist_ok=True)
        arguments.output.write_text(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.client", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds, of which the medians are given (7)")
    parser.add_argument(
        "--calls", type=int, default=200_000, help="calls a round of penstock; a tenth of stubs (200000)"
    )
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--output", type=Path, default=_RESULTS, help="file (bench/results/client.md)")
    target.add_argument(
        "--dry-run", dest="output", action="store_const", const=None, help="print, write no file"
    )
    return parser.parse_args()


@contextmanager
def _floor_server() -> Iterator[tuple[str, int]]:
    build = ["cargo", "build", "--release", "--quiet", "--package", "fastpath", "--example", "floor_server"]
    subprocess.run(build, cwd=_ROOT, check=True)  # noqa: S603 - a part of this repository
    with tempfile.NamedTemporaryFile() as message:
        message.write(answer())
        message.flush()
        command = [str(_ROOT / "target/release/examples/floor_server"), message.name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - built above
            try:
                port = process.stdout.readline() if process.stdout else ""
                yield f"127.0.0.1:{int(port)}", process.pid
            finally:
                process.kill()


def _round(name: str, address: str, server_pid: int, in_flight: int, calls: int) -> Round:
    command = [sys.executable, "-m", "bench.client_callers", name, address, str(in_flight), str(calls)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - this Python
        try:
            return _read_round(process, server_pid, calls)
        finally:
            process.kill()


def _read_round(process: subprocess.Popen[str], server_pid: int, calls: int) -> Round:
    """The caller says when it has warmed up, and goes on when it is told to."""
    if process.stdin is None or process.stdout is None or process.stdout.readline() != "warm\n":
        raise RuntimeError("the caller ended before it had warmed up")
    server_s, all_s = tree_cpu_s(server_pid), machine_cpu_s() - own_cpu_s()
    process.stdin.write("go\n")
    process.stdin.flush()
    told = json.loads(process.stdout.readline())
    server_s = tree_cpu_s(server_pid) - server_s
    others_s = machine_cpu_s() - own_cpu_s() - all_s - server_s - told["cpu_s"]
    return Round(
        calls_per_s=calls / told["took_s"],
        cpu_us=told["cpu_s"] * 1e6 / calls,
        server_cpu_us=server_s * 1e6 / calls,
        others_cores=others_s / told["took_s"],
    )


def _report(circumstances: Mapping[str, str], rounds: Rounds) -> str:
    count = min(map(len, rounds.values()))
    others = median(one.others_cores for these in rounds.values() for one in these)
    lines = [
        "# Calls from one Python process",
        "",
        "Written by `python -m bench.client`; bench/README.md says what the figures mean.",
        "",
        *(f"- {name}: {value}" for name, value in circumstances.items()),
        f"- rounds: {count}, interleaved, each way in a process of its own",
        "",
        "| in flight | way | calls/s | client CPU µs/call | server CPU µs/call | times as many calls |",
        "| ---: | --- | ---: | ---: | ---: | --- |",
        *(_row(name, in_flight, rounds) for in_flight in _IN_FLIGHT for name in CALLERS),
        "",
        "Medians, with the least and the most of all rounds behind; the last column is the median of the rounds' own",
        f"ratios to {', '.join(_STUBS)}. The aim is {_AIM:.0f} times the stub in threads.",
        "",
        f"- Other processes kept {others:.2f} cores busy; a quiet machine: at most {_MOST_OTHERS_CORES}.",
        *(
            _verdict(name, rounds, quiet=others <= _MOST_OTHERS_CORES)
            for name in CALLERS
            if name not in _STUBS
        ),
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, in_flight: int, rounds: Rounds) -> str:
    these = rounds[name, in_flight]
    cells = [
        f"{median(figures):{form}} ({min(figures):{form}} … {max(figures):{form}})"
        for figures, form in (
            ([one.calls_per_s for one in these], ",.0f"),
            ([one.cpu_us for one in these], ".1f"),
            ([one.server_cpu_us for one in these], ".1f"),
        )
    ]
    ratios = "–" if name in _STUBS else ", ".join(_ratio(these, rounds[stub, in_flight]) for stub in _STUBS)
    return f"| {in_flight} | {name} | {' | '.join(cells)} | {ratios} |"


def _ratio(these: Sequence[Round], those: Sequence[Round]) -> str:
    return f"{_times(these, those):.1f} ×"


def _times(these: Sequence[Round], those: Sequence[Round]) -> float:
    return median(one.calls_per_s / other.calls_per_s for one, other in zip(these, those, strict=True))


def _verdict(name: str, rounds: Rounds, *, quiet: bool) -> str:
    least = min(_times(rounds[name, in_flight], rounds[_STUBS[0], in_flight]) for in_flight in _IN_FLIGHT)
    verdict = ("met" if least >= _AIM else "missed") if quiet else "not judged, the machine was not quiet"
    return f"- {name}: {least:.1f} times the {_STUBS[0]}, at the least; at least {_AIM:.0f}: {verdict}."


if __name__ == "__main__":
    main()
