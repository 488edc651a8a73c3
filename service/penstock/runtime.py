"""TorchScript: loads a model, freezes it and runs it on threads of its own.

What runs here runs once a batch. Whatever happens once a request is the engine's (`_fastpath`).
"""

from __future__ import annotations

import contextlib
import os
import queue as handover
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import torch
from torch.utils import dlpack

from penstock import log, torchscript
from penstock._fastpath import Batch, ModelSpec, Queue
from penstock.errors import ModelLoadError

_from_dlpack: Any = dlpack.from_dlpack
# The C function, which makes a capsule; `Tensor.__dlpack__` does the same by way of Python.
_to_dlpack: Any = dlpack.to_dlpack  # type: ignore[attr-defined]

# The profiling executor looks at a module's first run, compiles in the second, and is as fast as it gets
# from the third.
_WARMUP_RUNS = 3
# What a version must answer before it serves: a JSON body of a request a line, in its folder or the model's.
WARMUP_FILE = "warmup.jsonl"
# Of a warm-up run's time, how long its thread then leaves the core to others: a quarter of it is used.
_PAUSE = 3
# What torch 2.13 says on loading and freezing; TorchScript is what this server is for.
_TORCHSCRIPT_DEPRECATIONS = (
    (r"`torch\.jit\.load` is deprecated\. Please switch to `torch\.export`\.", r"torch\.jit\._serialization"),
    (r"`torch\.jit\.freeze` is deprecated\. Please use `torch\.compile` instead\.", r"torch\.jit\._freeze"),
)


def load_torchscript(
    file: BinaryIO,
    *,
    called: str = "",
    sha256: str | None = None,
    intra_op_threads: int = 1,
    gently: bool = False,
) -> Callable[..., Any]:
    """What runs a model on the CPU, frozen unless it has hooks, for inference alone. Raises ModelLoadError.

    `called`, `sha256` and `gently` as in `torchscript.load`; `intra_op_threads` are those of the models that
    serve. The bytes are as trusted as code is: TorchScript can do what a program can.
    """
    # Filters belong to the process, so they are added once and stay: a `catch_warnings` block would
    # change those of other threads, and undo theirs.
    for message, origin in _TORCHSCRIPT_DEPRECATIONS:
        warnings.filterwarnings("ignore", message + r"\Z", DeprecationWarning, origin + r"\Z")
    try:
        loaded = torchscript.load(
            file, called=called, sha256=sha256, intra_op_threads=intra_op_threads, gently=gently
        )
        module = torchscript.freeze(loaded, intra_op_threads)
        # A call of the module itself takes a microsecond longer, in Python, to look for hooks.
        forward: Callable[..., Any] = module if torchscript.has_hooks(module) else module.forward
    except ModelLoadError:
        raise
    except Exception as error:
        raise ModelLoadError(f"{file.name} does not load: {_reason(error)}") from error
    return forward


def run_once(model: Callable[..., object], queue: Queue) -> None:
    """One batch of one default row, its outputs checked and thrown away. Raises ModelLoadError."""
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            _run_batch(model, queue.warmup_batch(1, 0, _from_dlpack, _to_dlpack))
    except Exception as error:
        raise _warmup_failure(queue, error) from error


@dataclass(frozen=True)
class ThreadHooks:
    """What the threads of a model tell and ask, on the thread that it concerns.

    Attributes:
        failed: one ends unexpectedly; the calls that still wait are settled after this.
        ended: all have ended, and the model's memory is free.
        others_serve: whether other models serve; warm-up then leaves most of a core to them.

    """

    failed: Callable[[BaseException], None]
    ended: Callable[[], None] = lambda: None
    others_serve: Callable[[], bool] = lambda: False


class ModelThreads:
    """The threads that run one model version, `spec.instances` of them, which share the model.

    They end when the queue has been closed and is empty; the last of them frees the model.
    """

    def __init__(
        self,
        model: Callable[..., object],
        queue: Queue,
        spec: ModelSpec,
        intra_op_threads: int,
        hooks: ThreadHooks,
        requests: Sequence[bytes] = (),
    ) -> None:
        """`requests` are those that each thread must answer before it serves, as JSON bodies."""
        self._model: Callable[..., object] | None = model
        self._queue = queue
        self._batch_buckets = spec.batch_buckets
        self._intra_op_threads = intra_op_threads
        self._hooks = hooks
        self._requests = requests
        self._running = spec.instances
        self._last = threading.Lock()
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
            self._warm_up_and_run()
        with self._last:
            self._running -= 1
            if self._running:
                return
        self._model = None
        self._hooks.ended()

    def _warm_up_and_run(self) -> None:
        model = self._model
        if model is None:
            raise AssertionError("the model is there until the last thread ends")
        try:
            self._warm_up(model)
        except BaseException as error:  # noqa: BLE001 - a panic in Rust is no Exception
            self._warmed.put(error)
            return
        self._warmed.put(None)
        _preempt_nobody()
        try:
            self._run(model)
        except BaseException as error:  # noqa: BLE001 - a panic in Rust is no Exception
            self._hooks.failed(error)
            self._fail_the_rest()

    def _warm_up(self, model: Callable[..., object]) -> None:
        for rows in self._batch_buckets:
            for number in range(_WARMUP_RUNS):
                batch = self._queue.warmup_batch(rows, number, _from_dlpack, _to_dlpack)
                self._run_gently(model, batch)
        for line, request in enumerate(self._requests, 1):
            try:
                self._run_gently(model, self._queue.warmup_request(request, _from_dlpack, _to_dlpack))
            except Exception as error:
                raise ModelLoadError(f"request {line} of its {WARMUP_FILE}: {_reason(error)}") from error

    def _run_gently(self, model: Callable[..., object], batch: Batch) -> None:
        began = time.monotonic()
        _run_batch(model, batch)
        if self._hooks.others_serve():
            # No lower priority instead: a thread that is kept waiting while it holds the interpreter's lock
            # would have every other model wait for it.
            time.sleep(_PAUSE * (time.monotonic() - began))

    def _run(self, model: Callable[..., object]) -> None:
        for batch in self._queue.batches(_from_dlpack, _to_dlpack, _log_model_error):
            with batch:
                batch.reply(model(*batch.tensors()))

    def _fail_the_rest(self) -> None:
        for batch in self._queue.batches(_from_dlpack, _to_dlpack, _log_model_error):
            with batch:
                raise ModelLoadError("the model has stopped")


def _preempt_nobody() -> None:
    """Has the calling thread, when it is woken, wait for a core instead of taking it from an I/O thread in its turn.

    The batch is larger for what the I/O thread reads in the rest of its turn (docs/performance.md). Its share of the
    cores stays the same, and a core that is idle is taken at once.
    """
    if sys.platform == "linux":
        # A sandbox may refuse it: then batches are a little smaller.
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _run_batch(model: Callable[..., object], batch: Batch) -> None:
    with batch:
        batch.reply(model(*batch.tensors()))


def _warmup_failure(queue: Queue, error: BaseException) -> ModelLoadError:
    return ModelLoadError(f"model {queue.name} version {queue.version} does not warm up: {_reason(error)}")


def _log_model_error(error_id: str, error: BaseException) -> None:
    log.error("model raised", cause=error, error_id=error_id)


def _reason(error: BaseException) -> str:
    """The first line of what TorchScript says, or the last where it ends with the reason, as for a `raise`."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    reason = lines[-1] if lines[0].startswith("The following operation failed") else lines[0]
    return reason.removeprefix("builtins.")
