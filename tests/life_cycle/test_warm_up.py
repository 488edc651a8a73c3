"""Nobody is served by a version that is not warm, and nobody waits for one that is warming up."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.pb import inference_pb2 as oip
from tests import models
from tests.gate import Gate
from tests.integration.calls import in_flight
from tests.life_cycle import calls, written
from tests.life_cycle.traffic import Traffic
from tests.server_process import ServerProcess
from tests.waiting import wait_for


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_a_version_whose_warm_up_fails_never_serves_a_call(
    explicit: ServerProcess, model: str, rows: int
) -> None:
    written.write(explicit.repository, model, 1)
    assert calls.load(explicit, model) is None
    written.write(explicit.repository, model, 2, written.model_file(2, raises_on=rows))
    traffic = Traffic(explicit, model)
    traffic.routed.may_be(calls.Answer("1", 1))
    with traffic:
        traffic.flows()
        for _ in range(5):
            refusal = calls.load(explicit, model)
            assert refusal is not None
            assert "does not warm up" in refusal.details
            traffic.flows()
    assert calls.infer(explicit, model, "2")[0] is calls.UNAVAILABLE
    assert calls.logged(explicit, "model ready", model)[1:] == []


def test_calls_during_a_slow_load_of_their_model_and_of_another_are_answered(
    explicit: ServerProcess, model: str, tmp_path: Path
) -> None:
    other = f"{model}-other"
    for name in (model, other):
        written.write(explicit.repository, name, 1)
        assert calls.load(explicit, name) is None
    gate = Gate(tmp_path)
    staged = models.write_gated(tmp_path / "staged", gate, model)
    (staged / "1").rename(explicit.repository / model / "2")
    request = oip.RepositoryModelLoadRequest(model_name=model)
    with gate.closed():
        loading = explicit.inference.RepositoryModelLoad.future(request, timeout=calls.TIMEOUT_S)
        wait_for(lambda: calls.metric_states(explicit, model).get("2") == "WARMING", during=loading)
        for name in (model, other):
            for _ in range(50):
                assert calls.infer(explicit, name) == ("1", 1)
        assert in_flight(explicit, model) == 0
        assert calls.states(explicit, model) == {"1": "READY", "2": "LOADING"}
        assert calls.infer(explicit, model, "2")[0] is calls.UNAVAILABLE
        assert explicit.http("/readyz")[0] == 200
        assert not loading.done()
    loading.result()
    assert calls.ready_versions(explicit, model) == ["2"]
