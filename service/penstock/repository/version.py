"""One version of a model in this process: loaded, warmed up, routed, drained, freed.

`load` runs on the loading thread, what follows the end of model threads on one of those; states are read from any.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from penstock import log
from penstock._fastpath import Engine, Queue, SpecError
from penstock.errors import ModelLoadError, PenstockError
from penstock.repository.candidate import Candidate
from penstock.runtime import ModelThreads, ThreadHooks
from penstock.version_status import State, VersionStatus


@dataclass(frozen=True)
class Host:
    """What a version needs of the process.

    Attributes:
        engine: routes its calls.
        intra_op_threads: threads that one operator may use.
        others_serve: whether calls of other versions would feel a warm-up that takes a whole core.
        changed: told of each change of state, on the thread that changed it.
        gone: told when nothing of a version is left.

    """

    engine: Engine
    intra_op_threads: int
    others_serve: Callable[[], bool]
    changed: Callable[[ModelVersion], None]
    gone: Callable[[ModelVersion], None]


class ModelVersion:
    """A candidate on its way through the states. It is loaded once, and never comes back."""

    def __init__(self, candidate: Candidate, host: Host) -> None:
        self.candidate = candidate
        self._host = host
        self._queue: Queue | None = None
        self._threads: ModelThreads | None = None
        self._gone = threading.Event()
        # A model thread may fail while the loading thread finds the version ready.
        self._change = threading.Lock()
        self._state = State.UNAVAILABLE
        self._reason = ""

    @property
    def status(self) -> VersionStatus:
        """Where it stands now."""
        with self._change:
            return VersionStatus(
                self.candidate.name, self.candidate.version, self._state, self._reason, self.candidate.spec
            )

    def load(self) -> None:
        """Loads, warms up on every thread that will run it, then routes. Slow.

        Raises PenstockError or SpecError with what is wrong; the version is UNAVAILABLE then and nothing else has
        changed.
        """
        began = time.monotonic()
        self._enter(State.LOADING)
        try:
            self._load()
        except Exception as error:
            self._fail("could not be loaded", error)
            if self._threads is None:
                self._ended()
            raise
        finally:
            ok = self.status.ready
            self._host.engine.count_load(self.candidate.name, ok, timedelta(seconds=time.monotonic() - began))

    def retire(self) -> None:
        """Takes it out of service; it ends by itself once its calls are answered."""
        if self._enter(State.DRAINING, only_from=State.READY) and self._queue is not None:
            self._host.engine.unroute(self._queue)

    def join(self, timeout_s: float) -> bool:
        """Waits until nothing of it runs any more, its memory is free and `gone` was told; gives whether that is so."""
        return self._gone.wait(timeout_s)

    def _load(self) -> None:
        candidate, engine = self.candidate, self._host.engine
        queue = engine.add_version(candidate.spec, candidate.version)
        script = candidate.load(self._host.intra_op_threads, gently=self._host.others_serve())
        self._enter(State.WARMING)
        self._queue = queue
        self._threads = ModelThreads(
            script,
            queue,
            candidate.spec,
            self._host.intra_op_threads,
            ThreadHooks(self._stopped, self._ended, self._host.others_serve),
            candidate.warmup_requests(),
        )
        del script
        self._threads.start()
        with self._change:
            if self._state is State.WARMING:
                engine.route(queue)
                self._state = State.READY
        if not self.status.ready:
            raise ModelLoadError(f"model {candidate.name} version {candidate.version} {self._reason}")
        self._told()

    def _stopped(self, cause: BaseException) -> None:
        """A model thread has failed."""
        self._fail("stopped unexpectedly", cause)
        if self._queue is not None:
            self._host.engine.unroute(self._queue)
            self._queue.close()

    def _ended(self) -> None:
        # One whose number another has taken may end before it is retired.
        self._enter(State.DRAINING, only_from=State.READY)
        with self._change:
            self._queue = None
        # Before whoever waits goes on, so that nothing is left of it then.
        try:
            self._host.gone(self)
        finally:
            self._gone.set()

    def _enter(self, state: State, *, only_from: State | None = None) -> bool:
        with self._change:
            if only_from is not None and self._state is not only_from:
                return False
            self._state = state
        self._told()
        return True

    def _fail(self, what: str, cause: BaseException) -> None:
        # Callers are told that it failed, the repository's index why; paths and code are in the log alone.
        with self._change:
            self._state = State.UNAVAILABLE
            self._reason = f"{what}: {self.candidate.told(cause)}" if _is_told(cause) else what
        told: dict[str, Any] = {"model": self.candidate.name, "version": self.candidate.version}
        if isinstance(cause, PenstockError):
            # Its sentence says what is wrong; where it was found is for who looks for a fault in penstock.
            log.error(f"model {what}", reason=cause, **told)
            log.debug(f"model {what}: where", cause=cause, **told)
        else:
            log.error(f"model {what}", cause=cause, **told)
        self._host.changed(self)

    def _told(self) -> None:
        status = self.status
        log.info(f"model {status.state.value.lower()}", model=status.name, version=status.version)
        self._host.changed(self)


def _is_told(cause: BaseException) -> bool:
    """Whether its text was written for people: a SpecError is a ValueError."""
    return isinstance(cause, PenstockError | SpecError)
