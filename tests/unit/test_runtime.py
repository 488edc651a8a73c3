"""Model threads: warm before they serve, one number of OpenMP threads each, and how they end."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import pytest
import torch

from penstock import runtime
from penstock.errors import ModelLoadError
from tests import models


class PanicError(BaseException):
    """As a panic in Rust arrives: no Exception."""


class Batch:
    """A batch of one tensor; what became of it is in `outcome`."""

    def __init__(self, rows: int, *, warmup: bool = False) -> None:
        self.rows = rows
        self.outcome: object = None
        self._warmup = warmup

    def tensors(self) -> tuple[torch.Tensor]:
        return (torch.zeros(self.rows),)

    def reply(self, outputs: object) -> None:
        self.outcome = outputs

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is not None:
            self.outcome = error
        return isinstance(error, Exception) and not self._warmup


class Queue:
    """Gives its batches to whichever thread asks, then ends."""

    name = "fraud"
    version = 1

    def __init__(self, *batches: Batch) -> None:
        self.closed = False
        self.warmed: list[tuple[str, int]] = []
        self._batches = list(batches)

    def warmup_batch(self, rows: int, _: int, *__: object) -> Batch:
        # By name: the identity of a thread that has ended is given to the next.
        self.warmed.append((threading.current_thread().name, rows))
        return Batch(rows, warmup=True)

    def batches(self, *_: object) -> Iterator[Batch]:
        while self._batches:
            yield self._batches.pop(0)

    def close(self) -> None:
        self.closed = True


def model_threads(
    model: Callable[[torch.Tensor], object], queue: Queue, instances: int = 1, ended: list[Any] | None = None
) -> runtime.ModelThreads:
    spec: Any = SimpleNamespace(instances=instances, batch_buckets=[1, 2, 4])
    failed = (ended if ended is not None else []).append
    stand_in: Any = queue
    return runtime.ModelThreads(model, stand_in, spec, 1, runtime.ThreadHooks(failed))


def test_each_thread_runs_every_batch_bucket_before_the_start_is_over() -> None:
    queue = Queue()
    threads = model_threads(lambda x: x, queue, instances=2)
    threads.start()
    runs = {name: [rows for each, rows in queue.warmed if each == name] for name, _ in queue.warmed}
    assert list(runs.values()) == [[1, 1, 1, 2, 2, 2, 4, 4, 4]] * 2
    assert threads.join(10)


def test_a_model_runs_in_inference_mode_with_the_threads_that_were_set() -> None:
    seen = []
    openmp = ctypes.CDLL(next(str(path) for path in (Path(torch.__file__).parent / "lib").glob("libgomp*")))

    def model(x: torch.Tensor) -> torch.Tensor:
        # OpenMP's own number: torch's is right everywhere, whatever the kernels then use.
        seen.append((openmp.omp_get_max_threads(), torch.is_inference_mode_enabled()))
        return x

    threads = model_threads(model, Queue())
    threads.start()
    assert set(seen) == {(1, True)}
    assert threads.join(10)


@pytest.mark.skipif(sys.platform != "linux", reason="a scheduling policy of Linux")
def test_model_threads_that_serve_preempt_nobody_when_they_are_woken() -> None:
    policies = []

    def model(rows: torch.Tensor) -> torch.Tensor:
        policies.append(os.sched_getscheduler(0))
        return rows

    threads = model_threads(model, Queue(Batch(3), Batch(1)))
    threads.start()
    assert threads.join(10)
    assert policies[-2:] == [os.SCHED_BATCH, os.SCHED_BATCH]
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_a_model_that_does_not_warm_up_is_a_load_error_and_ends_its_queue() -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        if len(x) == 4:
            raise ValueError("four rows\nare too many")
        return x

    queue = Queue()
    threads = model_threads(model, queue, instances=2)
    with pytest.raises(ModelLoadError, match=r"\Amodel fraud version 1 does not warm up: four rows\Z"):
        threads.start()
    assert queue.closed
    assert threads.join(10)


def test_a_model_that_raises_fails_its_batch_and_not_its_thread() -> None:
    batches = Batch(1), Batch(8), Batch(2)

    def model(x: torch.Tensor) -> torch.Tensor:
        if len(x) == 8:
            raise ValueError("eight")
        return x

    ended: list[BaseException] = []
    threads = model_threads(model, Queue(*batches), ended=ended)
    threads.start()
    assert threads.join(10)
    assert [type(batch.outcome) for batch in batches] == [torch.Tensor, ValueError, torch.Tensor]
    assert ended == []


def test_a_thread_that_ends_unexpectedly_says_so_and_settles_the_batches_behind_it() -> None:
    batches = Batch(1), Batch(8), Batch(2), Batch(2)

    def model(x: torch.Tensor) -> torch.Tensor:
        if len(x) == 8:
            raise PanicError
        return x

    ended: list[BaseException] = []
    threads = model_threads(model, Queue(*batches), ended=ended)
    threads.start()
    assert threads.join(10)
    assert [type(batch.outcome) for batch in batches] == [
        torch.Tensor,
        PanicError,
        ModelLoadError,
        ModelLoadError,
    ]
    assert [type(error) for error in ended] == [PanicError]


def test_a_thread_that_does_not_end_is_told_apart() -> None:
    leave = threading.Event()
    batches = Queue(Batch(8))

    def model(x: torch.Tensor) -> torch.Tensor:
        if len(x) == 8:
            leave.wait()
        return x

    threads = model_threads(model, batches)
    threads.start()
    assert not threads.join(0.01)
    leave.set()
    assert threads.join(10)


def test_the_end_of_the_last_thread_is_told_once_with_the_model_freed() -> None:
    class Model:
        def __call__(self, x: torch.Tensor) -> torch.Tensor:
            return x

    model = Model()
    alive = weakref.ref(model)
    told: list[object] = []
    spec: Any = SimpleNamespace(instances=3, batch_buckets=[1])
    queue: Any = Queue(Batch(1))
    threads = runtime.ModelThreads(
        model, queue, spec, 1, runtime.ThreadHooks(told.append, lambda: told.append(alive()))
    )
    del model
    threads.start()
    assert threads.join(10)
    assert told == [None]


def test_warm_up_leaves_a_core_to_others_while_they_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(runtime.time, "sleep", slept.append)
    spec: Any = SimpleNamespace(instances=1, batch_buckets=[1, 2])
    serve = iter([False] * 3 + [True] * 3)
    queue: Any = Queue()
    threads = runtime.ModelThreads(
        lambda x: x, queue, spec, 1, runtime.ThreadHooks([].append, others_serve=lambda: next(serve))
    )
    threads.start()
    assert threads.join(10)
    assert len(slept) == 3


def test_loading_says_nothing_of_torchscripts_deprecation(tmp_path: Path) -> None:
    folder = models.write_echo(tmp_path)
    with (folder / "1" / "model.pt").open("rb") as file, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = runtime.load_torchscript(file)
    assert [str(warning.message) for warning in said] == []
    assert torch.equal(model(torch.ones(3)), torch.ones(3))


def test_other_deprecations_are_still_heard(tmp_path: Path) -> None:
    folder = models.write_echo(tmp_path)
    with (folder / "1" / "model.pt").open("rb") as file, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        runtime.load_torchscript(file)
        warnings.warn(
            "`torch.jit.load` is deprecated. Please switch to `torch.export`.", DeprecationWarning, 1
        )
        torch.jit.script(models.Echo())
    assert len(said) == 2


def test_a_file_that_is_no_model_is_a_load_error(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(b"no model")
    with path.open("rb") as file, pytest.raises(ModelLoadError, match=r"model\.pt does not load: "):
        runtime.load_torchscript(file)


def test_a_model_without_forward_is_a_load_error(tmp_path: Path) -> None:
    class Exported(torch.nn.Module):
        @torch.jit.export
        def score(self, x: torch.Tensor) -> torch.Tensor:
            return x

    path = tmp_path / "model.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(Exported().eval()), path)
    with path.open("rb") as file, pytest.raises(ModelLoadError, match=r"model\.pt does not load: .*forward"):
        runtime.load_torchscript(file)


def test_a_truncated_model_is_a_load_error(tmp_path: Path) -> None:
    path = models.write_mlp(tmp_path) / "1" / "model.pt"
    path.write_bytes(path.read_bytes()[:-100])
    with (
        path.open("rb") as file,
        pytest.raises(ModelLoadError, match=r"not all of, a file that torch\.jit\.save wrote"),
    ):
        runtime.load_torchscript(file)
