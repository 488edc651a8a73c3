"""One arithmetic of leaving, read from all places: manifests, balancers, settings, comment."""

import re

import pytest

from tests.structure import manifests as k8s
from tests.structure.manifests import Manifest

# New calls were seen to reach targets of an ALB for so long after their deregistration.
PROPAGATION_S = 19
MARGIN_S = 5


def deregistration_delays(manifests: list[Manifest]) -> list[int]:
    """Of every balancer in these manifests, wherever its form puts it."""
    delays = []
    for manifest in manifests:
        annotations = manifest["metadata"].get("annotations", {})
        for key, value in annotations.items():
            if key.endswith("target-group-attributes"):
                delays += re.findall(r"deregistration_delay\.timeout_seconds=(\d+)", value)
        if manifest["kind"] == "TargetGroupConfiguration":
            attributes = manifest["spec"]["defaultConfiguration"]["targetGroupAttributes"]
            delays += [a["value"] for a in attributes if a["key"] == "deregistration_delay.timeout_seconds"]
    return [int(delay) for delay in delays]


BALANCERS = ("components/alb-ingress", "components/gateway-api", "components/nlb")


@pytest.mark.parametrize("way", k8s.WAYS)
def test_a_leaving_pod_has_time_for_every_call_that_it_took(way: str) -> None:
    rendered = k8s.render(way)
    settings = k8s.settings(rendered)
    pre_stop_s = k8s.container(rendered)["lifecycle"]["preStop"]["sleep"]["seconds"]
    longest_call_s = settings.max_timeout_ms / 1000

    # The server takes calls until the balancer has looked away.
    assert pre_stop_s >= PROPAGATION_S + MARGIN_S
    # A readiness probe and the balancer's health check come by within the delay.
    assert settings.drain_delay_s >= 5
    assert settings.drain_timeout_s >= longest_call_s
    drained_s = pre_stop_s + settings.drain_delay_s + settings.drain_timeout_s
    assert k8s.pod(rendered)["terminationGracePeriodSeconds"] >= drained_s + MARGIN_S
    for delay_s in deregistration_delays(rendered):
        # The balancer cuts nothing that the server would still answer.
        assert delay_s >= PROPAGATION_S + longest_call_s


@pytest.mark.parametrize("component", BALANCERS)
def test_every_balancer_says_its_deregistration_delay(component: str) -> None:
    assert deregistration_delays(k8s.render(component))


def test_the_comment_says_the_numbers_that_are_set() -> None:
    rendered = k8s.render("components/alb-ingress")
    settings = k8s.settings(rendered)
    comment = (k8s.K8S / "base" / "deployment.yaml").read_text().split("apiVersion", 1)[0]
    pre_stop_s = k8s.container(rendered)["lifecycle"]["preStop"]["sleep"]["seconds"]
    (delay_s,) = deregistration_delays(rendered)
    grace_s = k8s.pod(rendered)["terminationGracePeriodSeconds"]
    for sentence in (
        f"preStop ({pre_stop_s})",
        f"PENSTOCK_DRAIN_DELAY_S = {settings.drain_delay_s:g}",
        f"PENSTOCK_MAX_TIMEOUT_MS = {settings.max_timeout_ms // 1000} s",
        f"PENSTOCK_DRAIN_TIMEOUT_S = {settings.drain_timeout_s:g}",
        f"deregistration delay ({delay_s} >=",
        f"terminationGracePeriodSeconds ({grace_s} >=",
    ):
        assert sentence in comment
