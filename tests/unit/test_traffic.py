"""Who says what of a model's traffic: its file, callers while it serves, and the canary's rule; time is the test's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from penstock._fastpath import Canary, Engine, ModelSpec, SpecError
from penstock.errors import CallFailed
from penstock.traffic import Traffic

MODEL = "fraud"
TENSORS = '[[input]]\nname = "x"\ndatatype = "FP32"\ndims = []\n[[output]]\nname = "y"\ndatatype = "FP32"\n'
FILE = (
    "[versions]\nlabels = { stable = 7, new = 8 }\n"
    "[canary]\nversion = 8\nweight = 0.1\nmax_error_ratio = 0.05\nmin_requests = 10\nwindow_s = 30\n"
)


@dataclass
class Seen:
    """A version's counters."""

    judged: int = 0
    failed: int = 0
    success: tuple[int, int] = (0, 0)


@dataclass
class FakeEngine:
    """Remembers what it was told; versions 7 and 8 serve."""

    told: dict[str, Any] = field(default_factory=dict)
    rollbacks: list[str] = field(default_factory=list)
    seen: dict[int, Seen] = field(default_factory=lambda: {7: Seen(), 8: Seen()})

    def set_traffic(
        self, name: str, labels: Mapping[str, int], canary: tuple[int, float] | None = None
    ) -> None:
        self.told[name] = (dict(labels), canary)

    def forget_traffic(self, name: str) -> None:
        del self.told[name]

    def serving(self, _: str) -> dict[int, float]:
        return dict.fromkeys(self.seen, 0.0)

    def stable_version(self, name: str) -> int | None:
        labels, canary = self.told[name]
        others = [version for version in self.seen if canary is None or version != canary[0]]
        return labels.get("stable", max(others, default=None))

    def statistics(self, _: str, version: int) -> Seen | None:
        return self.seen.get(version)

    def count_rollback(self, name: str) -> None:
        self.rollbacks.append(name)


class Clock:
    """Seconds, as the test says."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def traffic(engine: FakeEngine, clock: Clock) -> Traffic:
    return Traffic(engine, clock)  # type: ignore[arg-type]


def spec(folder: Path, versions: str = FILE) -> ModelSpec:
    model = folder / MODEL
    model.mkdir(exist_ok=True)
    (model / "model.toml").write_text(versions + TENSORS)
    return ModelSpec.load(model)


def test_a_spec_says_what_its_file_says_of_versions(tmp_path: Path) -> None:
    found = spec(tmp_path)
    assert (found.version_policy.latest, found.labels) == (1, {"stable": 7, "new": 8})
    canary = found.canary
    assert isinstance(canary, Canary)
    assert (canary.version, canary.weight, canary.window_s, canary.min_requests) == (8, 0.1, 30.0, 10)
    assert (canary.max_error_ratio, canary.max_latency_ratio) == (0.05, None)
    assert found.wanted_versions([9, 8, 7, 6]) == [7, 8, 9]
    with pytest.raises(
        SpecError, match=r"model\.toml: versions\.labels\.stable is version 7, which is not there"
    ):
        found.wanted_versions([8])
    plain = spec(tmp_path, "[versions]\npolicy = { specific = [3, 1] }\n")
    assert (plain.version_policy.specific, plain.version_policy.all, plain.canary) == ([1, 3], False, None)
    assert spec(tmp_path).canary == canary


def test_a_file_is_obeyed_when_a_model_is_configured(
    traffic: Traffic, engine: FakeEngine, tmp_path: Path
) -> None:
    traffic.configure(spec(tmp_path))
    assert engine.told == {MODEL: ({"stable": 7, "new": 8}, (8, 0.1))}
    assert traffic.labels(MODEL) == {"stable": 7, "new": 8}
    assert traffic.named_versions(MODEL) == {7, 8}
    assert not traffic.of(MODEL).set_at_runtime


def test_what_callers_set_lasts_until_the_files_sections_change(
    traffic: Traffic, engine: FakeEngine, tmp_path: Path
) -> None:
    traffic.configure(spec(tmp_path))
    traffic.set_canary(MODEL, "new", 0.5)
    traffic.configure(spec(tmp_path, FILE + "[batching]\nmax_batch_rows = 8\n"))
    assert engine.told[MODEL][1] == (8, 0.5)
    traffic.promote(MODEL)
    traffic.configure(spec(tmp_path))
    assert engine.told[MODEL] == ({"stable": 8, "new": 8}, None)
    assert traffic.named_versions(MODEL) == {8}
    traffic.configure(spec(tmp_path, FILE.replace("0.1", "0.2")))
    assert engine.told[MODEL] == ({"stable": 7, "new": 8}, (8, 0.2))


def test_a_model_that_is_forgotten_is_unknown(traffic: Traffic, engine: FakeEngine, tmp_path: Path) -> None:
    traffic.configure(spec(tmp_path))
    traffic.forget(MODEL)
    assert (engine.told, traffic.labels(MODEL), traffic.named_versions(MODEL)) == ({}, {}, frozenset())
    with pytest.raises(CallFailed, match="is not in the repository"):
        traffic.of(MODEL)


def test_a_version_that_serves_alone_is_no_canary(
    traffic: Traffic, engine: FakeEngine, tmp_path: Path
) -> None:
    traffic.configure(spec(tmp_path, ""))
    del engine.seen[7]
    with pytest.raises(CallFailed, match="serves alone"):
        traffic.set_canary(MODEL, "8", 0.1)


def test_the_highest_version_can_become_the_canary_of_the_one_below(
    traffic: Traffic, engine: FakeEngine, tmp_path: Path
) -> None:
    traffic.configure(spec(tmp_path, ""))
    traffic.set_canary(MODEL, "8", 0.1)
    assert engine.told[MODEL] == ({}, (8, 0.1))
    assert engine.stable_version(MODEL) == 7


def test_a_canary_that_fails_is_rolled_back_once_and_stays_so(
    traffic: Traffic, engine: FakeEngine, clock: Clock, tmp_path: Path
) -> None:
    traffic.configure(spec(tmp_path))
    traffic.look()
    engine.seen[7] = Seen(1000, 0, (1000, 1))
    engine.seen[8] = Seen(100, 50, (50, 1))
    clock.now = 1.0
    traffic.look()
    assert engine.told[MODEL] == ({"stable": 7, "new": 8}, (8, 0.0))
    for clock.now in range(2, 100):
        traffic.look()
    assert engine.rollbacks == [MODEL]
    assert "50.00% of its 100 calls failed" in traffic.of(MODEL).rolled_back
    # The file has not changed, so it says nothing new.
    traffic.configure(spec(tmp_path))
    assert engine.told[MODEL][1] == (8, 0.0)


def test_a_canary_that_is_tried_out_again_is_judged_by_new_calls_alone(
    traffic: Traffic, engine: FakeEngine, clock: Clock, tmp_path: Path
) -> None:
    traffic.configure(spec(tmp_path))
    traffic.look()
    engine.seen[8] = Seen(100, 50, (50, 1))
    clock.now = 1.0
    traffic.look()
    traffic.set_canary(MODEL, "", 0.1)
    clock.now = 2.0
    traffic.look()
    engine.seen[8] = Seen(200, 51, (149, 1))
    clock.now = 3.0
    traffic.look()
    assert (engine.told[MODEL][1], engine.rollbacks) == ((8, 0.1), [MODEL])


def test_a_canary_without_a_rule_or_a_stable_version_is_not_judged(
    traffic: Traffic, engine: FakeEngine, clock: Clock, tmp_path: Path
) -> None:
    for versions in (
        FILE.replace("max_error_ratio = 0.05\n", ""),
        "[canary]\nversion = 8\nweight = 1\nmax_error_ratio = 0\n",
    ):
        traffic.configure(spec(tmp_path, versions))
        if "stable" not in versions:
            del engine.seen[7]
        for clock.now in range(3):
            engine.seen[8] = Seen(int(clock.now) * 100, int(clock.now) * 100)
            traffic.look()
    assert engine.rollbacks == []


def test_the_fake_engine_has_no_method_that_the_engine_lacks() -> None:
    methods = {name for name in vars(FakeEngine) if not name.startswith("_")} - {"told", "rollbacks", "seen"}
    assert methods <= set(dir(Engine))
