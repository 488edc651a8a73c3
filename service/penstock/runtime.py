"""TorchScript: loads a model, freezes it and runs it on threads of its own.

What runs here runs once a batch. Whatever happens once a request is the engine's (`_fastpath`).
"""

from __future__ import annotations

import queue as handover
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO

import torch
from torch.utils import dlpack

from penstock import log, torchscript
from penstock._fastpath import ModelSpec, Queue
from penstock.errors import ModelLoadError

_from_dlpack: Any = dlpack.from_dlpack
# The C function, which makes a capsule; `Tensor.__dlpack__` does the same by way of Python.
_to_dlpack: Any = dlpack.to_dlpack  # type: ignore[attr-defined]

# The profiling executor looks at a module's first run, compiles in the second, and is as fast as it gets
# from the third.
_WARMUP_RUNS = 3
# What torch 2.13 says on loading and freezing; TorchScript is what this server is for.
_TORCHSCRIPT_DEPRECATIONS = (
    (r"`torch\.jit\.load` is deprecated\. Please switch to `torch\.export`\.", r"torch\.jit\._serialization"),
    (r"`torch\.jit\.freeze` is deprecated\. Please use `torch\.compile` instead\.", r"torch\.jit\._freeze"),
)


def load_torchscript(
    file: BinaryIO, *, called: str = "", sha256: str | None = None, intra_op_threads: int = 1
) -> torch.jit.ScriptModule:
    """A frozen module on the CPU, for inference alone. Raises ModelLoadError.

    `called` and `sha256` as in `torchscript.load`; `intra_op_threads` are those of the models that serve. The bytes
    are as trusted as code is: TorchScript can do what a program can.
    """
    # Filters belong to the process, so they are added once and stay: a `catch_warnings` block would
    # change those of other threads, and undo theirs.
    for message, origin in _TORCHSCRIPT_DEPRECATIONS:
        warnings.filterwarnings("ignore", message + r"\Z", DeprecationWarning, origin + r"\Z")
    try:
        loaded = torchscript.load(file, called=called, sha256=sha256, intra_op_threads=intra_op_threads)
        return torchscript.freeze(loaded, intra_op_threads)
    except ModelLoadError:
        raise
    except Exception as error:
        raise ModelLoadError(f"{file.name} does not load: {_reason(error)}") from error


def run_once(model: Callable[..., object], queue: Queue) -> None:
    """One batch of one default row, its outputs checked and thrown away. Raises ModelLoadError."""
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            _run_warmup_batch(model, queue, rows=1)
    except Exception as error:
        raise _warmup_failure(queue, error) from error


class ModelThreads:
    """The threads that run one model version, `spec.instances` of them, each with the whole model.

    They end when the queue has been closed and is empty.
    """

    def __init__(
        self,
        model: Callable[..., object],
        queue: Queue,
        spec: ModelSpec,
        intra_op_threads: int,
        on_unexpected_end: Callable[[BaseException], None],
    ) -> None:
        """`on_unexpected_end` is called on the model thread, before the calls that still wait are settled."""
        self._model = model
        self._queue = queue
        self._batch_buckets = spec.batch_buckets
        self._intra_op_threads = intra_op_threads
        self._on_unexpected_end = on_unexpected_end
        self._warmed: handover.SimpleQueue[BaseException | None] = handover.SimpleQueue()
        # Daemons, so that a model that never returns cannot keep the process from ending.
        self._threads = [
            threading.Thread(target=self._thread, name=f"model-{queue.name}-{number}", daemon=True)
            for number in range(spec.instances)
        ]

    def start(self) -> None:
        """Starts the threads and waits until each has run every batch bucket. Raises ModelLoadError."""
        for thread in self._threads:
            thread.start()
        failures = [failure for failure in (self._warmed.get() for _ in self._threads) if failure is not None]
        if failures:
            self._queue.close()
            raise _warmup_failure(self._queue, failures[0]) from failures[0]

    def join(self, timeout_s: float) -> bool:
        """Waits for the threads to end; gives whether they have."""
        until = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _thread(self) -> None:
        # OpenMP keeps the number for each thread that calls it. One that was not told uses every core, and
        # two such threads on busy cores wait for each other: a run of 0.1 s was seen to take 75 s.
        torch.set_num_threads(self._intra_op_threads)
        with torch.inference_mode():
            try:
                self._warm_up()
            except BaseException as error:  # noqa: BLE001 - a panic in Rust is no Exception
                self._warmed.put(error)
                return
            self._warmed.put(None)
            try:
                self._run()
            except BaseException as error:  # noqa: BLE001 - a panic in Rust is no Exception
                self._on_unexpected_end(error)
                self._fail_the_rest()

    def _warm_up(self) -> None:
        for rows in self._batch_buckets:
            for _ in range(_WARMUP_RUNS):
                _run_warmup_batch(self._model, self._queue, rows)

    def _run(self) -> None:
        model = self._model
        for batch in self._queue.batches(_from_dlpack, _to_dlpack, _log_model_error):
            with batch:
                batch.reply(model(*batch.tensors()))

    def _fail_the_rest(self) -> None:
        for batch in self._queue.batches(_from_dlpack, _to_dlpack, _log_model_error):
            with batch:
                raise ModelLoadError("the model has stopped")


def _run_warmup_batch(model: Callable[..., object], queue: Queue, rows: int) -> None:
    batch = queue.warmup_batch(rows, _from_dlpack, _to_dlpack)
    with batch:
        batch.reply(model(*batch.tensors()))


def _warmup_failure(queue: Queue, error: BaseException) -> ModelLoadError:
    return ModelLoadError(f"model {queue.name} version {queue.version} does not warm up: {_reason(error)}")


def _log_model_error(error_id: str, error: BaseException) -> None:
    log.error("model raised", cause=error, error_id=error_id)


def _reason(error: BaseException) -> str:
    """The first line of what TorchScript says, or the last where it ends with the reason, as for a `raise`."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[-1] if lines[0].startswith("The following operation failed") else lines[0]
