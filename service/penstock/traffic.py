"""How the calls of each model are shared among its versions: what model.toml says, and what was set since.

The engine does the sharing; here is kept who said what, and the rule of each canary is looked at once a second.
What was set while the server runs counts until the labels or `[canary]` of the file change. Safe to use from any
thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from penstock import log
from penstock._fastpath import Canary, Engine, ModelSpec
from penstock.canary import CanaryWatch, Counts, is_judged
from penstock.errors import CallFailed
from penstock.names import MODEL_VERSION, shown, unknown_label, unknown_model, unknown_version

STABLE = "stable"

# How often rules are looked at: a bad canary costs a second of calls more, at the least.
_LOOK_S = 1.0

_INVALID_ARGUMENT = 3
_NOT_FOUND = 5
_FAILED_PRECONDITION = 9


@dataclass(frozen=True, slots=True)
class ModelTraffic:
    """How the calls of a model are shared.

    Attributes:
        labels: what callers may send in place of a version's number.
        canary: the version that is tried out; None: none is.
        weight: its share of the calls that name no version, 0 to 1.
        rolled_back: why it was rolled back; "": it was not.
        set_at_runtime: whether it was set while the server runs, and not by model.toml.

    """

    labels: Mapping[str, int] = field(default_factory=dict)
    canary: int | None = None
    weight: float = 0.0
    rolled_back: str = ""
    set_at_runtime: bool = False


@dataclass(slots=True)
class _Entry:
    """One model: its file's sections, what counts now, and the watch of its canary beside a stable version."""

    labels: Mapping[str, int]
    canary: Canary | None
    now: ModelTraffic
    watch: CanaryWatch | None = None
    watched: tuple[int, int] | None = None


class Traffic:
    """The traffic of all models of a process."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._models: dict[str, _Entry] = {}
        # Models are configured on the thread that loads them, and set on the event loop's.
        self._lock = threading.Lock()

    def configure(self, spec: ModelSpec) -> None:
        """Takes a model's labels and canary from its file, unless it has said the same before."""
        with self._lock:
            known = self._models.get(spec.name)
            if known is not None and (known.labels, known.canary) == (spec.labels, spec.canary):
                return
            if spec.canary is None:
                now = ModelTraffic(spec.labels)
            else:
                now = ModelTraffic(spec.labels, spec.canary.version, spec.canary.weight)
            self._models[spec.name] = entry = _Entry(spec.labels, spec.canary, now)
            self._tell_engine(spec.name, entry)
        if known is not None or spec.labels or spec.canary is not None:
            _log("traffic configured", spec.name, now)

    def forget(self, name: str) -> None:
        """Drops what is known of a model that is gone."""
        with self._lock:
            self._models.pop(name, None)
            self._engine.forget_traffic(name)

    def labels(self, name: str) -> Mapping[str, int]:
        """The labels of a model; none of one that is not known."""
        entry = self._models.get(name)
        return {} if entry is None else entry.now.labels

    def named_versions(self, name: str) -> frozenset[int]:
        """The versions that a label or the canary stands for now: not to be unloaded, whatever the file says."""
        entry = self._models.get(name)
        if entry is None:
            return frozenset()
        canary = () if entry.now.canary is None else (entry.now.canary,)
        return frozenset((*entry.now.labels.values(), *canary))

    def of(self, name: str) -> ModelTraffic:
        """How the calls of a model are shared now. Raises CallFailed for one that is not known."""
        return self._entry(name).now

    def set_canary(self, name: str, version: str, weight: float) -> ModelTraffic:
        """Gives a version, or the present canary where none is named, this share of the calls. Raises CallFailed."""
        if not 0.0 <= weight <= 1.0:
            raise CallFailed(_INVALID_ARGUMENT, f"weight: found {weight}, allowed: a share of 0 to 1")
        with self._lock:
            entry = self._entry(name)
            canary = self._number(name, entry, version) if version else _canary(name, entry)
            self._check_may_try_out(name, entry, canary)
            now = replace(entry.now, canary=canary, weight=weight, rolled_back="", set_at_runtime=True)
            self._set(name, entry, now)
        _log("canary set", name, now)
        return now

    def promote(self, name: str) -> ModelTraffic:
        """Makes the canary the stable version. Raises CallFailed."""
        with self._lock:
            entry = self._entry(name)
            canary = _canary(name, entry)
            self._check_serves(name, canary)
            labels = {**entry.now.labels, STABLE: canary}
            now = ModelTraffic(labels, set_at_runtime=True)
            self._set(name, entry, now)
        _log("canary promoted", name, now)
        return now

    def roll_back(self, name: str) -> ModelTraffic:
        """Gives the canary nothing more. Raises CallFailed."""
        with self._lock:
            entry = self._entry(name)
            _canary(name, entry)
            now = self._roll_back(name, entry, "somebody asked for it")
        _log("canary rolled back", name, now, reason=now.rolled_back)
        return now

    async def watch(self) -> None:
        """Looks at the rules of all canaries, once a second, until it is cancelled."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self.look()

    def look(self) -> None:
        """Rolls back each canary that its rule says it of."""
        for name in list(self._models):
            with self._lock:
                entry = self._models.get(name)
                reason = "" if entry is None else self._judge(name, entry)
                if entry is None or not reason:
                    continue
                now = self._roll_back(name, entry, reason)
                self._engine.count_rollback(name)
            log.warning("canary rolled back", model=name, canary=now.canary, reason=reason)

    def _judge(self, name: str, entry: _Entry) -> str:
        rule, canary = entry.canary, entry.now.canary
        stable = self._engine.stable_version(name)
        if rule is None or canary is None or stable is None or not entry.now.weight or not is_judged(rule):
            entry.watch = None
            return ""
        if entry.watch is None or entry.watched != (stable, canary):
            entry.watch, entry.watched = CanaryWatch(rule), (stable, canary)
        return entry.watch.look(self._clock(), self._counts(name, stable), self._counts(name, canary))

    def _counts(self, name: str, version: int) -> Counts:
        seen = self._engine.statistics(name, version)
        return Counts() if seen is None else Counts(seen.judged, seen.failed, *seen.success)

    def _roll_back(self, name: str, entry: _Entry, reason: str) -> ModelTraffic:
        now = replace(entry.now, weight=0.0, rolled_back=reason, set_at_runtime=True)
        self._set(name, entry, now)
        return now

    def _set(self, name: str, entry: _Entry, now: ModelTraffic) -> None:
        entry.now = now
        # What it did before was done under another weight.
        entry.watch = None
        self._tell_engine(name, entry)

    def _tell_engine(self, name: str, entry: _Entry) -> None:
        now = entry.now
        canary = None if now.canary is None else (now.canary, now.weight)
        self._engine.set_traffic(name, now.labels, canary)

    def _entry(self, name: str) -> _Entry:
        entry = self._models.get(name)
        if entry is None:
            raise CallFailed(_NOT_FOUND, unknown_model(name))
        return entry

    def _number(self, name: str, entry: _Entry, version: str) -> int:
        if MODEL_VERSION.fullmatch(version):
            return int(version)
        if version not in entry.now.labels:
            raise CallFailed(_NOT_FOUND, unknown_label(name, version, entry.now.labels))
        return entry.now.labels[version]

    def _check_may_try_out(self, name: str, entry: _Entry, version: int) -> None:
        self._check_serves(name, version)
        if entry.now.labels.get(STABLE) == version:
            sentence = (
                f"Version {version} of model {shown(name)} is the stable one; a canary is another version."
            )
            raise CallFailed(_FAILED_PRECONDITION, sentence)
        if len(self._engine.serving(name)) == 1:
            sentence = (
                f"Version {version} of model {shown(name)} serves alone; a canary needs a version beside it."
            )
            raise CallFailed(_FAILED_PRECONDITION, sentence)

    def _check_serves(self, name: str, version: int) -> None:
        serving = self._engine.serving(name)
        if version not in serving:
            raise CallFailed(_FAILED_PRECONDITION, unknown_version(name, str(version), *serving))


def _canary(name: str, entry: _Entry) -> int:
    if entry.now.canary is None:
        raise CallFailed(
            _FAILED_PRECONDITION, f"Model {shown(name)} has no canary; name the version to try out."
        )
    return entry.now.canary


def _log(event: str, name: str, now: ModelTraffic, **fields: object) -> None:
    log.info(event, model=name, labels=dict(now.labels), canary=now.canary, weight=now.weight, **fields)
