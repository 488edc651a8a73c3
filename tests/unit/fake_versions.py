"""A repository whose models are text: what a model.pt says is what loading it does. No torch, no engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from penstock.errors import ModelLoadError
from penstock.repository import Repository, candidate, first, version
from penstock.runtime import ThreadHooks
from penstock.traffic import Traffic
from tests.unit.test_repository import write

# What a model.pt may say besides nothing.
FAILS, WARM_UP_FAILS, BUG = b"fails", b"warm-up fails", b"bug"


class Queue:
    """Of one version. It ends once it is not routed and nothing holds it."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.version = number
        self.ended: Callable[[], None] = lambda: None
        self._held = threading.Event()
        self._held.set()

    def close(self) -> None:
        """Lets its threads end."""
        threading.Thread(target=self._end).start()

    @contextmanager
    def held(self) -> Iterator[None]:
        """As if a call of it ran."""
        self._held.clear()
        try:
            yield
        finally:
            self._held.set()

    def _end(self) -> None:
        self._held.wait()
        self.ended()


class Engine:
    """Keeps what it is told.

    Attributes:
        routed: (model, version) → its queue.
        unavailable: (model, version or None) → the reason.
        states: (model, version) → state.
        loads: (model, whether it went well) of each load.
        added: the versions in the order in which they were begun.

    """

    def __init__(self) -> None:
        self.routed: dict[tuple[str, int], Queue] = {}
        self.unavailable: dict[tuple[str, int | None], str] = {}
        self.states: dict[tuple[str, int], str] = {}
        self.loads: list[tuple[str, bool]] = []
        self.added: list[tuple[str, int]] = []

    def add_version(self, spec: Any, number: int) -> Queue:
        self.added.append((spec.name, number))
        return Queue(spec.name, number)

    def route(self, queue: Queue) -> None:
        self.routed[queue.name, queue.version] = queue

    def unroute(self, queue: Queue) -> bool:
        was = self.routed.get((queue.name, queue.version)) is queue
        if was:
            del self.routed[queue.name, queue.version]
        queue.close()
        return was

    def set_state(self, name: str, number: int, state: str) -> None:
        self.states[name, number] = state

    def set_unavailable(self, name: str, number: int | None, reason: str) -> None:
        self.unavailable[name, number] = reason

    def forget(self, name: str, number: int | None) -> None:
        if number is not None:
            self.states.pop((name, number), None)
        self.unavailable.pop((name, number), None)

    def set_traffic(self, *_: object) -> None:
        """Nobody asks it."""

    def forget_traffic(self, name: str) -> None:
        """Nobody asks it."""

    def count_load(self, name: str, ok: bool, _: timedelta) -> None:
        self.loads.append((name, ok))


class _Threads:
    def __init__(
        self,
        script: bytes,
        queue: Queue,
        _spec: Any,
        _threads: int,
        hooks: ThreadHooks,
        _requests: Sequence[bytes],
    ) -> None:
        self._script = script
        self._queue = queue
        queue.ended = hooks.ended

    def start(self) -> None:
        if self._script == WARM_UP_FAILS:
            self._queue.close()
            raise ModelLoadError(f"model {self._queue.name} version {self._queue.version} does not warm up")


def _load(file: BinaryIO, **_: Any) -> bytes:
    script = file.read()
    if script == FAILS:
        raise ModelLoadError(f"{file.name} does not load")
    if script == BUG:
        raise ZeroDivisionError("a secret")
    return script


def write_text(root: Path, name: str, number: int, content: bytes = b"") -> None:
    """A version of a model whose model.pt is text; it appears whole."""
    staged = root / f".{name}-{number}"
    folder = write(staged, name, (str(number),))
    (folder / str(number) / "model.pt").write_bytes(content)
    if (root / name).exists():
        (folder / str(number)).rename(root / name / str(number))
    else:
        folder.rename(root / name)


class Fake:
    """A repository of text, and what it is asked.

    Attributes:
        root: its folder.
        engine: what it told the engine.
        repository: the unit.
        changes: how often it told of a change.

    """

    def __init__(self, root: Path, control: str, load_models: str, poll_s: float | None) -> None:
        self.root = root
        self.engine = Engine()
        self.changes = 0
        begin = first(str(root), control, load_models)
        engine: Any = self.engine
        self.repository = Repository(begin, engine, 1, self._changed, Traffic(engine))
        self.repository.announce()
        loaded = threading.Event()
        self.repository.start(loaded.set, poll_s)
        assert loaded.wait(30)

    def write(self, name: str, number: int, content: bytes = b"") -> None:
        """A version of a model."""
        write_text(self.root, name, number, content)

    def load(self, name: str) -> None:
        """Waits for it, and raises what it raises."""
        self.repository.load(name).result(30)

    def unload(self, name: str) -> None:
        """Waits for it, and raises what it raises."""
        self.repository.unload(name).result(30)

    def told(self, name: str) -> dict[int, tuple[str, str]]:
        """Version → state and reason."""
        statuses = self.repository.registry.statuses(name)
        return {status.version: (status.state.value, status.reason) for status in statuses}

    def _changed(self) -> None:
        self.changes += 1


@contextmanager
def fake(
    root: Path, control: str = "explicit", load_models: str = "", poll_s: float | None = None
) -> Iterator[Fake]:
    """Runs until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidate, "load_torchscript", _load)
        patch.setattr(version, "ModelThreads", _Threads)
        running = Fake(root, control, load_models, poll_s)
        yield running
        assert running.repository.stop(30)
