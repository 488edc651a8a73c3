"""A server that is told to stop while it loads a model."""

from pathlib import Path

import grpc
import pytest

from penstock.pb import inference_pb2 as oip
from tests import models
from tests.gate import Gate
from tests.life_cycle import calls, written
from tests.life_cycle.conftest import POLL_S
from tests.server_process import ServerProcess
from tests.waiting import wait_for


@pytest.mark.parametrize("control", ["explicit", "poll"])
def test_sigterm_during_a_load_answers_calls_and_ends_the_process_well(tmp_path: Path, control: str) -> None:
    repo, gate = tmp_path / "models", Gate(tmp_path)
    written.write(repo, "fraud", 1)
    flags = {"explicit": ("--load-models", "fraud"), "poll": ("--repository-poll-s", POLL_S)}[control]
    with ServerProcess(repo, "--model-control", control, *flags) as server, gate.closed():
        models.write_gated(tmp_path / "staged", gate, "slow").rename(repo / "slow")
        if control == "explicit":
            request = oip.RepositoryModelLoadRequest(model_name="slow")
            loading = server.inference.RepositoryModelLoad.future(request, timeout=calls.TIMEOUT_S)
        wait_for(lambda: calls.metric_states(server, "slow") == {"1": "WARMING"})
        assert calls.infer(server, "fraud") == ("1", 1)
        server.terminate()
        assert server.exit_code() == 0
        if control == "explicit":
            # The connection was cut, or the call was refused.
            assert loading.code() is grpc.StatusCode.UNAVAILABLE
        assert server.other_lines == []
        assert "drain timeout" not in {each["event"] for each in server.events}
