"""LogSettings where `settings_rpcs` is on: callers of gRPC and REST change what this process logs, and nothing else."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import tritonclient.grpc as triton

from penstock.pb import inference_pb2 as oip
from tests import rest
from tests.contract.conftest import DOORS
from tests.server_process import ServerProcess


def logged(server: ServerProcess) -> list[str]:
    return [event["event"] for event in server.events]


@pytest.mark.parametrize("door", DOORS)
def test_what_callers_switch_off_is_not_logged(two_models: Path, door: str) -> None:
    with ServerProcess(two_models, "--door", door, "--settings-rpcs") as server:
        metadata = server.inference.ServerMetadata(oip.ServerMetadataRequest())
        assert "logging" in metadata.extensions
        client = triton.InferenceServerClient(server.address)
        settings = client.update_log_settings({"log_info": False, "log_verbose_level": 2}).settings
        assert settings["log_info"].bool_param is False
        assert settings["log_verbose_level"].uint32_param == 1
        change = server.wait_for("log settings change")
        assert (change["info"], change["debug"]) == (False, True)
        over_http = rest.ask(server, "POST", "/v2/logging", {"log_error": False})
        assert (over_http.document["log_error"], over_http.document["log_info"]) == (False, False)
        refused = rest.ask(server, "POST", "/v2/logging", {"log_error": True, "log_file": "penstock.log"})
        assert refused.status == 400
        assert rest.ask(server, "GET", "/v2/logging").document["log_error"] is False
        server.process.send_signal(signal.SIGTERM)
        assert server.exit_code() == 0
        assert "draining" not in logged(server)
        client.close()


def test_callers_change_nothing_by_default(standing_server: ServerProcess) -> None:
    metadata = standing_server.inference.ServerMetadata(oip.ServerMetadataRequest())
    assert "logging" not in metadata.extensions
    refused = rest.ask(standing_server, "POST", "/v2/logging", {"log_info": False})
    assert (refused.status, refused.document["code"]) == (501, "UNIMPLEMENTED")
    assert rest.ask(standing_server, "GET", "/v2/logging").document["log_info"] is True
