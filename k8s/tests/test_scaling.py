"""The real autoscaler on the base's own HorizontalPodAutoscaler: it reaches its target, and keeps to its behaviour."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from k8s.tests import report, simulation
from k8s.tests.control_plane import ControlPlane
from k8s.tests.metrics_api import MetricsApi
from tests.structure import manifests as k8s

pytestmark = pytest.mark.timeout(900)

TARGET = 0.65
FEWEST = 3
# The load, in pods that would be wholly busy: 200 pods at the target.
PEAK = 200 * TARGET
DOWN_WINDOW_S, DOWN_PERIOD_S = 300 / simulation.SPEED, 60 / simulation.SPEED


@dataclass
class Curve:
    """What was offered, wanted and ready, once in half a second."""

    plane: ControlPlane
    metrics: MetricsApi
    began: float = field(default_factory=time.monotonic)
    points: list[tuple[float, float, int, int]] = field(default_factory=list)

    def follow(self, until: Callable[[int, int], bool], limit_s: float) -> bool:
        """Looks until that is so of wanted and ready pods; False if it never was."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            wanted, ready = simulation.replicas(self.plane)
            self.points.append((time.monotonic() - self.began, self.metrics.busy_pods, wanted, ready))
            if until(wanted, ready):
                return True
            time.sleep(0.5)
        return False

    def now_s(self) -> float:
        return time.monotonic() - self.began


@pytest.fixture(scope="module")
def metrics(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MetricsApi]:
    served = MetricsApi(plane, tmp_path_factory.mktemp("metrics"))
    served.start()
    yield served
    served.stop()


@pytest.fixture(scope="module")
def curve(plane: ControlPlane, metrics: MetricsApi) -> Iterator[Curve]:
    """3 pods with the load of 2, that of 200 at once, then that of 2 again."""
    simulation.add_nodes(plane, 24)
    metrics.busy_pods = 2 * TARGET
    made = simulation.base()
    scaler = simulation.faster(k8s.one(made, "HorizontalPodAutoscaler"), max_replicas=400)
    simulation.apply(plane, [m for m in made if m["kind"] != "HorizontalPodAutoscaler"] + [scaler])
    yield Curve(plane, metrics)
    plane.kubectl("delete", "namespace", simulation.NAMESPACE, "--timeout=120s")


def test_scales_out_to_the_target_and_in_again_as_its_behaviour_says(
    curve: Curve, metrics: MetricsApi
) -> None:
    assert curve.follow(lambda wanted, ready: wanted == ready == FEWEST, 60)

    metrics.busy_pods = PEAK
    rose_s = curve.now_s()
    # Within the tolerance of 2 %, not the default's 10 %.
    assert curve.follow(lambda wanted, ready: wanted >= 196 and ready == wanted, 120)
    reached_s = curve.now_s()
    curve.follow(lambda _wanted, _ready: False, 10)
    steady = {wanted for at, _, wanted, _ in curve.points if at > reached_s + 3}
    assert len(steady) == 1
    assert 196 <= min(steady) <= 206

    metrics.busy_pods = 2 * TARGET
    fell_s = curve.now_s()
    assert curve.follow(lambda wanted, ready: wanted == ready == FEWEST, 400)
    ended_s = curve.now_s()

    held = [wanted for at, _, wanted, _ in curve.points if fell_s < at < fell_s + DOWN_WINDOW_S - 3]
    assert set(held) == steady, "pods went before the window of scaling in was over"
    for at, _, wanted, _ in curve.points:
        before = [w for t, _, w, _ in curve.points if fell_s < t and at - DOWN_PERIOD_S + 1.5 < t <= at]
        assert not before or wanted >= int(max(before) * 0.9) - 1, "more than a tenth went in one period"
    report.write_scaling(
        curve.points,
        f"3 to {min(steady)} pods in {(reached_s - rose_s) * simulation.SPEED:.0f} s, to 3 again in "
        f"{(ended_s - fell_s) / 60 * simulation.SPEED:.0f} min (real time; run {simulation.SPEED} times as fast)",
    )


def test_a_metric_that_is_gone_keeps_the_fleet_from_shrinking_and_not_from_growing(
    curve: Curve, metrics: MetricsApi
) -> None:
    metrics.busy_pods = 20 * TARGET
    assert curve.follow(lambda wanted, ready: wanted == ready >= 20, 60)
    at_least, _ = simulation.replicas(curve.plane)

    metrics.has_custom_metric = False
    metrics.busy_pods = 2 * TARGET
    assert not curve.follow(lambda wanted, _: wanted < at_least, DOWN_WINDOW_S + 15)

    # CPU alone: 0.95 of a CPU in a busy pod, against 0.75.
    metrics.busy_pods = 40 * TARGET
    assert curve.follow(lambda wanted, _: wanted > at_least, 60)


def test_the_report_has_the_curve() -> None:
    if not report.SCALING.exists():
        pytest.skip("the curve was not measured in this run")
    assert Path(report.SCALING).read_text().startswith("<svg")
