"""Each public method of tritonclient's four clients is answered, or refused as the documentation says."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.contract.repository import MAX_BATCH_ROWS
from tests.server_process import ServerProcess

CLIENTS = ("grpc", "grpc_aio", "http", "http_aio")

# What a method's result comes to (tests.contract.triton_calls). docs/open-inference.md has the same in words.
ANSWERS: dict[str, Any] = {
    "is_server_live": True,
    "is_server_ready": True,
    "is_model_ready": True,
    "get_server_metadata": "penstock",
    "get_model_metadata": ["x"],
    "get_model_config": ["pair", MAX_BATCH_ROWS],
    "get_model_repository_index": "READY",
    "get_inference_statistics": ["pair", "1"],
    "get_trace_settings": ["OFF"],
    "get_log_settings": [True, 0],
    "infer": [10.0],
    "async_infer": [10.0],
    "start_stream": [10.0],
    "async_stream_infer": [10.0],
    "stop_stream": [10.0],
    "stream_infer": [10.0],
    # What the client does by itself.
    "generate_request_body": True,
    "parse_response_body": [10.0],
    "register_plugin": True,
    "plugin": True,
    "unregister_plugin": True,
    "close": None,
}
# Why a method is refused. All are UNIMPLEMENTED: nothing that the caller could send would help.
_MEMORY = "Shared memory is not served"
REFUSALS: dict[str, str] = {
    "load_model": "Callers do not load or unload models",
    "unload_model": "Callers do not load or unload models",
    "update_trace_settings": "Calls are not traced",
    "update_log_settings": "settings_rpcs is off",
    "get_system_shared_memory_status": _MEMORY,
    "register_system_shared_memory": _MEMORY,
    "unregister_system_shared_memory": _MEMORY,
    "get_cuda_shared_memory_status": _MEMORY,
    "register_cuda_shared_memory": _MEMORY,
    "unregister_cuda_shared_memory": _MEMORY,
}
UNIMPLEMENTED = {"grpc": "StatusCode.UNIMPLEMENTED", "http": "501"}


@pytest.mark.parametrize("client", CLIENTS)
def test_every_method_of_a_client_is_answered_or_refused_as_documented(
    server: ServerProcess, client: str
) -> None:
    http = client.startswith("http")
    address = server.http_address if http else server.address
    done = subprocess.run(
        [sys.executable, "-m", "tests.contract.triton_program", client, address],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    outcomes = told["outcomes"]
    assert set(told["public"]) == set(outcomes), "a method that is not called, or is no method"
    assert set(outcomes) <= set(ANSWERS) | set(REFUSALS)
    for name, outcome in outcomes.items():
        if name in ANSWERS:
            assert outcome == {"answered": ANSWERS[name]}, name
        else:
            assert outcome.get("refused") == UNIMPLEMENTED["http" if http else "grpc"], (name, outcome)
            assert REFUSALS[name] in outcome["sentence"], name


def test_no_method_is_in_both_tables() -> None:
    assert not set(ANSWERS) & set(REFUSALS)
