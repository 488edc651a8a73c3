"""A balancer that ends connections all the time, as an ALB does after 10,000 calls, here after 100."""

import pytest

from k8s.tests.control_plane import ControlPlane
from k8s.tests.pods.fleet import Fleet, all_well
from k8s.tests.pods.traffic import Traffic
from k8s.tests.pods.workload import Way

pytestmark = pytest.mark.timeout(600)


def test_connections_that_end_after_a_few_calls_lose_none(cluster: ControlPlane) -> None:
    with (
        Fleet(cluster, cluster.folder / "recycling", Way(), replicas=2, requests_per_connection=100) as fleet,
        Traffic(fleet.envoy) as traffic,
    ):
        fleet.release("two")
        fleet.settle()
        seen = traffic.stop()
    seen.add_row("a rolling update, 100 calls a connection")
    all_well(seen, fleet)
