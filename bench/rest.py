"""Server CPU a request at the HTTP port, beside the same model behind FastAPI.

`python -m bench.rest` loads both in turn with CONNECTIONS callers, each of which sends one request after the other,
checks every answer, prints a table and, on a quiet machine, writes it to bench/results/rest.md. FastAPI takes part
where fastapi, uvicorn and httptools are installed.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from bench import machine
from bench.fraud_model import FEATURES, NAME, FraudModel
from bench.process_cpu import machine_cpu_s, own_cpu_s, tree_cpu_s
from tests.server_process import ServerProcess

CONNECTIONS = 32
_RESULTS = Path(__file__).parent / "results" / "rest.md"
_PEER = ("fastapi", "uvicorn", "httptools")
# Above it, the figures say more about the others than about the servers.
_MOST_OTHERS_CORES = 0.1


@dataclass(frozen=True)
class Way:
    """A server, and a request of one row with the answer that it must get each time."""

    name: str
    address: tuple[str, int]
    pid: int
    request: bytes
    answer: bytes


@dataclass(frozen=True)
class Round:
    """One run of one way."""

    requests_per_s: float
    cpu_us: float
    others_cores: float


def main() -> None:
    arguments = _arguments()
    circumstances = machine.circumstances("bench.rest")
    rounds: dict[str, list[Round]] = {}
    with tempfile.TemporaryDirectory() as folder, _servers(Path(folder)) as ways:
        for number in range(-1, arguments.rounds):
            for way in ways:
                one = asyncio.run(_round(way, arguments.requests))
                print(f"round {number + 1}, {way.name}: {one}", file=sys.stderr)
                # The first is for warming up.
                if number >= 0:
                    rounds.setdefault(way.name, []).append(one)
    text = _report(circumstances, rounds)
    print(text)
    if arguments.output is not None and _others(rounds) <= _MOST_OTHERS_CORES:
        arguments.output.write_text(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.rest", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds, of which the medians are given (7)")
    parser.add_argument("--requests", type=int, default=20_000, help="requests a round (20000)")
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--output", type=Path, default=_RESULTS, help="file (bench/results/rest.md)")
    target.add_argument(
        "--dry-run", dest="output", action="store_const", const=None, help="print, write no file"
    )
    return parser.parse_args()


@contextmanager
def _servers(folder: Path) -> Iterator[list[Way]]:
    file = FraudModel().write(folder)
    row = np.random.default_rng(0).standard_normal(FEATURES, np.float32)
    values = [float(value) for value in row]
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, FEATURES]}
    text = {"inputs": [tensor | {"data": values}]}
    raw = {
        "inputs": [tensor | {"parameters": {"binary_data_size": row.nbytes}}],
        "parameters": {"binary_data_output": True},
    }
    with ServerProcess(folder) as penstock, _fastapi(file) as peer:
        host, port = penstock.http_address.split(":")
        at, pid = (host, int(port)), penstock.process.pid
        path = f"/v2/models/{NAME}/infer"
        in_json, in_binary = _post(path, text), _post(path, raw, row.tobytes())
        ways = [("penstock, JSON", at, pid, in_json), ("penstock, binary data", at, pid, in_binary)]
        if peer is not None:
            ways.append(("FastAPI on uvicorn", *peer, _post("/predict", {"rows": [values]})))
        yield [asyncio.run(_way(*way)) for way in ways]


@contextmanager
def _fastapi(model_file: Path) -> Iterator[tuple[tuple[str, int], int] | None]:
    if any(importlib.util.find_spec(name) is None for name in _PEER):
        print(f"FastAPI takes no part: {', '.join(_PEER)} are not all installed", file=sys.stderr)
        yield None
        return
    command = [sys.executable, "-m", "bench.rest_plain_server", str(model_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:  # noqa: S603 - this Python
        try:
            port = process.stdout.readline() if process.stdout else ""
            yield ("127.0.0.1", int(port)), process.pid
        finally:
            process.kill()


def _post(path: str, document: object, data: bytes = b"") -> bytes:
    body = json.dumps(document, separators=(",", ":")).encode()
    lengths = f"Content-Length: {len(body) + len(data)}\r\n"
    if data:
        lengths += f"Inference-Header-Content-Length: {len(body)}\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{lengths}\r\n"
    return head.encode() + body + data


async def _way(name: str, address: tuple[str, int], pid: int, request: bytes) -> Way:
    """Asks once."""
    reader, writer = await asyncio.open_connection(*address)
    answer = await _ask(reader, writer, request)
    writer.close()
    return Way(name, address, pid, request, answer)


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 200 "):
        raise RuntimeError(head.decode())
    length = head.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
    return await reader.readexactly(int(length))


async def _round(way: Way, requests: int) -> Round:
    async def call(count: int) -> None:
        reader, writer = await asyncio.open_connection(*way.address)
        for _ in range(count):
            if await _ask(reader, writer, way.request) != way.answer:
                raise RuntimeError(f"{way.name}: a wrong answer")
        writer.close()

    each = requests // CONNECTIONS
    all_s, own_s, server_s, began = machine_cpu_s(), own_cpu_s(), tree_cpu_s(way.pid), time.monotonic()
    await asyncio.gather(*(call(each) for _ in range(CONNECTIONS)))
    took_s = time.monotonic() - began
    server_s = tree_cpu_s(way.pid) - server_s
    others_s = machine_cpu_s() - all_s - server_s - (own_cpu_s() - own_s)
    count = each * CONNECTIONS
    return Round(count / took_s, server_s * 1e6 / count, others_s / took_s)


def _others(rounds: Mapping[str, list[Round]]) -> float:
    return median(one.others_cores for these in rounds.values() for one in these)


def _report(circumstances: Mapping[str, str], rounds: Mapping[str, list[Round]]) -> str:
    last = list(rounds)[-1]
    lines = [
        "# The HTTP port",
        "",
        "Written by `python -m bench.rest`; bench/README.md says what the figures mean.",
        "",
        *(f"- {name}: {value}" for name, value in circumstances.items()),
        f"- rounds: {min(map(len, rounds.values()))}, interleaved; {CONNECTIONS} connections, one request each",
        "",
        f"| server | server CPU µs/request | requests/s | CPU of {last} to this |",
        "| --- | ---: | ---: | ---: |",
        *(_row(name, these, rounds[last]) for name, these in rounds.items()),
        "",
        "Medians, with the least and the most of all rounds behind; requests/s is bounded by the process that asks.",
        "",
        f"- Other processes kept {_others(rounds):.2f} cores busy; a quiet machine: at most {_MOST_OTHERS_CORES}.",
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, these: list[Round], last: list[Round]) -> str:
    cpu = [one.cpu_us for one in these]
    ratio = median(other.cpu_us / one.cpu_us for one, other in zip(these, last, strict=True))
    rate = median(one.requests_per_s for one in these)
    return f"| {name} | {median(cpu):.1f} ({min(cpu):.1f} … {max(cpu):.1f}) | {rate:,.0f} | {ratio:.1f} |"


if __name__ == "__main__":
    main()
