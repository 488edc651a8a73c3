"""A process that serves a model and unloads it, and how much memory it has meanwhile.

`python -m tests.loading.residency FOLDER WARM_UP SPARE` prints, as JSON, the resident bytes before, once each of the
model's instances has run, at most until then, and at the end. A process of its own, so that no other test's memory
counts.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from penstock._fastpath import Engine, ModelSpec
from penstock.runtime import ModelThreads, ThreadHooks, load_torchscript

# A thread of low priority gives memory back; on a busy machine it takes its time.
_PATIENCE_S = 30.0


def main(folder: Path, warm_up: Path, spare_bytes: int) -> None:
    # What torch makes once in a process, whatever the model, is there before.
    _serve_once(warm_up)
    before = _resident_bytes()
    loaded = _serve_once(folder)
    peak = _peak_bytes()
    until = time.monotonic() + _PATIENCE_S
    while _resident_bytes() > before + spare_bytes and time.monotonic() < until:
        time.sleep(0.01)
    found = {"before": before, "loaded": loaded, "peak": peak, "after": _resident_bytes()}
    sys.stdout.write(json.dumps(found))


def _serve_once(folder: Path) -> int:
    """Loads, warms up every instance, ends; gives what was resident when all had run."""
    spec = ModelSpec.load(folder)
    queue = Engine().add_version(spec, 1)
    with (folder / "1" / "model.pt").open("rb") as file:
        model = load_torchscript(file)
    threads = ModelThreads(model, queue, spec, 1, ThreadHooks(lambda _: None))
    threads.start()
    resident = _resident_bytes()
    queue.close()
    if not threads.join(_PATIENCE_S):
        raise TimeoutError
    return resident


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _peak_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) * 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
