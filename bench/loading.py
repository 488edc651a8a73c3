"""How long the interpreter's lock is held while a large model is loaded, frozen and freed, beside plain torch.

`python -m bench.loading` makes two models of the same size in a temporary folder, one of few large tables and one of
many layers, and loads each by turns with penstock and with `torch.jit.load`, in a fresh process each time. Meanwhile a
thread of that process, in the place of another model's loop, asks for the lock every 0.1 ms; the longest time between
two of its turns, less the 0.1 ms, is what a batch would have waited. docs/loading.md has figures.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from bench import machine
from penstock import torchscript

_TICK_S = 1e-4
# For what else the process does, after its start and between phases, to be over.
_PAUSE_S = 0.1
_WAYS = ("penstock", "torch.jit.load")
_PHASES = ("load", "freeze", "free")
_WIDTH = 1024
_TABLES = 2


def main() -> None:
    arguments = _arguments()
    if arguments.one is not None:
        print(json.dumps(_one(arguments.one, arguments.file)))
        return
    for name, value in machine.circumstances("bench.loading").items():
        print(f"- {name}: {value}")
    print(f"- models: {arguments.megabytes} MB; rounds: {arguments.rounds}, interleaved; medians\n")
    print(
        "| model | way | load: longest wait, ms | freeze: longest wait, ms | free: longest wait, ms | load takes, ms |"
    )
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for shape, layers in (("2 tables", _tables), ("many layers", _layers)):
            file = Path(folder) / "model.pt"
            write_model(file, layers(arguments.megabytes * 10**6))
            for way, rounds in _measure(file, arguments.rounds).items():
                waits = " | ".join(
                    f"{median(one['wait_ms'][phase] for one in rounds):.1f}" for phase in _PHASES
                )
                print(f"| {shape} | {way} | {waits} | {median(one['load_ms'] for one in rounds):.0f} |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.loading", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=300, help="each model's size (300)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, of which the medians are given (5)")
    parser.add_argument("--one", choices=_WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def write_model(file: Path, module: nn.Module) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(module).save(str(file))


def _layers(size_bytes: int) -> nn.Module:
    """Linear layers of four megabytes each."""
    return nn.Sequential(*(nn.Linear(_WIDTH, _WIDTH) for _ in range(size_bytes // (4 * _WIDTH**2))))


class _Tables(nn.Module):
    def __init__(self, rows: int) -> None:
        super().__init__()
        self.users = nn.Embedding(rows, 64)
        self.items = nn.Embedding(rows, 64)
        self.score = nn.Sequential(nn.Linear(_WIDTH, 64), nn.ReLU(), nn.Linear(64, 64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ids = x[:, 0].long()
        return torch.sigmoid((self.users(ids) * self.items(ids) * self.score(x)).sum(1))


def _tables(size_bytes: int) -> nn.Module:
    return _Tables(size_bytes // (_TABLES * 64 * 4))


def _measure(file: Path, rounds: int) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in _WAYS}
    for number in range(rounds):
        for way in _WAYS:
            command = [sys.executable, "-m", "bench.loading", "--one", way, "--file", str(file)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this Python
            found[way].append(json.loads(done.stdout))
            print(f"round {number + 1}, {way}: {found[way][-1]}", file=sys.stderr)
    if len({one["answer"] for these in found.values() for one in these}) != 1:
        raise RuntimeError("the ways make models that answer differently")
    return found


def _one(way: str, file: Path) -> dict[str, Any]:
    """The waits of one way, in this process."""
    warnings.simplefilter("ignore", DeprecationWarning)
    load, freeze = {
        "penstock": (_load_by_penstock, lambda module: torchscript.freeze(module, intra_op_threads=1)),
        "torch.jit.load": (_load_by_torch, lambda module: torch.jit.freeze(module.eval())),
    }[way]
    # As a server does well to, so that no collection walks all of torch meanwhile.
    gc.collect()
    gc.freeze()
    ticker = Ticker()
    began = time.perf_counter()
    models = [ticker.during("load", lambda: load(file))]
    load_ms = (time.perf_counter() - began - 2 * _PAUSE_S) * 1e3
    models.append(ticker.during("freeze", lambda: freeze(models[0])))
    with torch.inference_mode():
        answer = models[1](torch.ones(1, _WIDTH)).sum().item()
    ticker.during("free", models.clear)
    ticker.end()
    return {"wait_ms": ticker.waits_ms, "load_ms": load_ms, "answer": answer}


def _load_by_penstock(file: Path) -> torch.jit.ScriptModule:
    with file.open("rb") as opened:
        return torchscript.load(opened)


def _load_by_torch(file: Path) -> Any:
    with file.open("rb") as opened:
        return torch.jit.load(opened, map_location="cpu")


class Ticker:
    """A thread that wants the interpreter's lock all the time; `waits_ms` is the longest it waited, by phase."""

    def __init__(self) -> None:
        self.waits_ms: dict[str, float] = {}
        self._longest_s = 0.0
        self._ended = False
        self._thread = threading.Thread(target=self._tick, daemon=True)
        self._thread.start()

    def during(self, phase: str, work: Callable[[], Any]) -> Any:
        """Does the work, and gives what it gives."""
        time.sleep(_PAUSE_S)
        self._longest_s = 0.0
        done = work()
        # The turn that the thread waits for now counts too.
        time.sleep(_PAUSE_S)
        self.waits_ms[phase] = self._longest_s * 1e3
        return done

    def end(self) -> None:
        """Ends the thread."""
        self._ended = True
        self._thread.join()

    def _tick(self) -> None:
        last = time.perf_counter()
        while not self._ended:
            time.sleep(_TICK_S)
            now = time.perf_counter()
            self._longest_s = max(self._longest_s, now - last - _TICK_S)
            last = now


if __name__ == "__main__":
    main()
