"""While a model is loaded, frozen and freed, other threads have the interpreter's lock."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from penstock import runtime
from tests.loading import archives, modules

_MB = 1_000_000
_ROUNDS = 3


def longest_wait_s(work: Callable[[], object]) -> float:
    """The longest time that a thread which wants the lock all the time did not have it."""
    longest, ended = 0.0, False

    def tick() -> None:
        nonlocal longest
        last = time.perf_counter()
        while not ended:
            time.sleep(0.0001)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        work()
    finally:
        ended = True
        thread.join()
    return longest


def test_the_longest_wait_is_a_small_part_of_that_behind_torch(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = tmp_path / "model.pt"
        torch.jit.script(nn.Embedding(100 * _MB // 256, 64)).save(str(path))

    def by_us() -> None:
        with path.open("rb") as file:
            runtime.load_torchscript(file)

    def by_torch() -> Any:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.jit.freeze(torch.jit.load(file, map_location="cpu").eval())

    # The least of several, so that a collection or a busy machine is not taken for the way.
    waits = [(longest_wait_s(by_us), longest_wait_s(by_torch)) for _ in range(_ROUNDS)]
    assert min(ours for ours, _ in waits) * 3 < min(torchs for _, torchs in waits)


def test_loading_lowers_no_priority_but_that_of_its_own_threads(tmp_path: Path) -> None:
    path = archives.put(tmp_path, modules.saved("linear"))
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    with path.open("rb") as file:
        runtime.load_torchscript(file)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


def test_loading_leaves_the_threads_of_operators_as_they_are_to_be(tmp_path: Path) -> None:
    path = archives.put(tmp_path, modules.saved("linear"))
    try:
        with path.open("rb") as file:
            runtime.load_torchscript(file, intra_op_threads=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
