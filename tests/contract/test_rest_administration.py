"""Triton's administrative HTTP paths: gRPC's answers as JSON, and its refusals in the same words."""

from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message

from penstock.pb import inference_pb2 as oip
from penstock.pb import inference_pb2_grpc, model_config_pb2
from tests import rest
from tests.contract.repository import DATATYPES, MAX_BATCH_ROWS
from tests.server_process import ServerProcess

Stub = inference_pb2_grpc.GRPCInferenceServiceStub


def get(server: ServerProcess, path: str) -> Any:
    answer = rest.ask(server, "GET", path)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json"), answer.body
    return answer.document


@pytest.mark.parametrize("model", ["pair", "features", *(f"echo_{name.lower()}" for name in DATATYPES)])
def test_a_config_is_that_of_grpc(server: ServerProcess, inference: Stub, model: str) -> None:
    wanted = inference.ModelConfig(oip.ModelConfigRequest(name=model)).config
    for path in (f"/v2/models/{model}/config", f"/v2/models/{model}/versions/1/config"):
        document = get(server, path)
        assert json_format.ParseDict(document, model_config_pb2.ModelConfig()) == wanted


def test_a_config_has_numbers_enums_and_defaults_as_tritons_clients_read_them(server: ServerProcess) -> None:
    config = get(server, "/v2/models/pair/config")
    assert (config["max_batch_size"], config["backend"]) == (MAX_BATCH_ROWS, "pytorch")
    assert config["input"][0]["data_type"] == "TYPE_FP32"
    assert config["input"][0]["dims"] == [4]
    assert config["input"][0]["optional"] is False
    assert config["dynamic_batching"]["max_queue_delay_microseconds"] == 0
    assert config["instance_group"][0]["kind"] == "KIND_CPU"
    assert "sequence_batching" not in config


def test_statistics_are_those_of_grpc(server: ServerProcess, inference: Stub) -> None:
    wanted = inference.ModelStatistics(oip.ModelStatisticsRequest(name="echo_int16"))
    for path in ("/v2/models/echo_int16/stats", "/v2/models/echo_int16/versions/1/stats"):
        document = get(server, path)
        assert json_format.ParseDict(document, oip.ModelStatisticsResponse()) == wanted
    (found,) = get(server, "/v2/models/pair/stats")["model_stats"]
    assert isinstance(found["inference_stats"]["success"]["ns"], int)
    names = {each["name"] for each in get(server, "/v2/models/stats")["model_stats"]}
    assert {"pair", "features"} <= names


@pytest.mark.parametrize("body", ["", "{}", '{"ready": true}', '{"ready": null}'])
def test_the_repository_index_is_an_array(server: ServerProcess, inference: Stub, body: str) -> None:
    answer = rest.ask(server, "POST", "/v2/repository/index", body)
    index = inference.RepositoryIndex(oip.RepositoryIndexRequest(ready="true" in body)).models
    assert answer.document == [
        {"name": each.name, "version": each.version, "state": each.state, "reason": each.reason}
        for each in index
    ]


def test_settings_are_plain_values(server: ServerProcess) -> None:
    assert get(server, "/v2/logging") == {
        "log_error": True,
        "log_file": "",
        "log_format": "default",
        "log_info": True,
        "log_verbose_level": 0,
        "log_warning": True,
    }
    trace = {
        "log_frequency": "0",
        "trace_count": "-1",
        "trace_file": "",
        "trace_level": ["OFF"],
        "trace_rate": "1000",
    }
    assert get(server, "/v2/trace/setting") == get(server, "/v2/models/pair/trace/setting") == trace


def test_a_body_that_changes_nothing_reads_settings(server: ServerProcess) -> None:
    for path in ("/v2/logging", "/v2/trace/setting"):
        assert rest.ask(server, "POST", path, "{}").document == get(server, path)


def test_the_server_says_the_same_of_itself_as_over_grpc(server: ServerProcess, inference: Stub) -> None:
    metadata = inference.ServerMetadata(oip.ServerMetadataRequest())
    wanted = {"name": metadata.name, "version": metadata.version, "extensions": list(metadata.extensions)}
    assert get(server, "/v2") == wanted
    assert rest.ask(server, "HEAD", "/v2").status == 200


HTTP_CODES = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
}
LOG = oip.LogSettingsRequest()
LOG.settings["log_verbose_level"].uint32_param = 1
TRACE = oip.TraceSettingRequest(model_name="pair")
TRACE.settings["trace_level"].value.append("TIMESTAMPS")

# A path, its body, and the same over gRPC.
REFUSED: list[tuple[str, str, Any, str, Message]] = [
    ("GET", "/v2/models/nowhere/config", None, "ModelConfig", oip.ModelConfigRequest(name="nowhere")),
    (
        "GET",
        "/v2/models/pair/versions/7/config",
        None,
        "ModelConfig",
        oip.ModelConfigRequest(name="pair", version="7"),
    ),
    (
        "GET",
        "/v2/models/pair/versions/x/stats",
        None,
        "ModelStatistics",
        oip.ModelStatisticsRequest(name="pair", version="x"),
    ),
    ("GET", "/v2/models/../stats", None, "ModelStatistics", oip.ModelStatisticsRequest(name="..")),
    (
        "POST",
        "/v2/repository/other/index",
        None,
        "RepositoryIndex",
        oip.RepositoryIndexRequest(repository_name="other"),
    ),
    (
        "POST",
        "/v2/repository/models/nowhere/load",
        {"parameters": {"config": "{}", "file:1/model.pt": "AAAA", "deep": 1, "flag": True}},
        "RepositoryModelLoad",
        oip.RepositoryModelLoadRequest(model_name="nowhere"),
    ),
    (
        "POST",
        "/v2/repository/models/nowhere/unload",
        {"parameters": {"unload_dependents": False}},
        "RepositoryModelUnload",
        oip.RepositoryModelUnloadRequest(model_name="nowhere"),
    ),
    ("POST", "/v2/logging", {"log_verbose_level": 1}, "LogSettings", LOG),
    ("POST", "/v2/models/pair/trace/setting", {"trace_level": ["TIMESTAMPS"]}, "TraceSetting", TRACE),
    (
        "GET",
        "/v2/models/nowhere/trace/setting",
        None,
        "TraceSetting",
        oip.TraceSettingRequest(model_name="nowhere"),
    ),
    *(
        (
            "GET" if verb == "Status" else "POST",
            f"/v2/{kind.lower()}sharedmemory/region/r/{verb.lower()}",
            None,
            f"{kind}SharedMemory{verb}",
            getattr(oip, f"{kind}SharedMemory{verb}Request")(name="r"),
        )
        for kind in ("System", "Cuda")
        for verb in ("Status", "Register", "Unregister")
    ),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[0]} {case[1]}")
def test_what_grpc_refuses_is_refused_in_the_same_words(
    server: ServerProcess, inference: Stub, case: tuple[str, str, Any, str, Message]
) -> None:
    method, path, body, rpc, request = case
    with pytest.raises(grpc.RpcError) as caught:
        getattr(inference, rpc)(request)
    refused = rest.ask(server, method, path, body)
    code = caught.value.code()
    assert refused.status == HTTP_CODES[code]
    assert refused.document == {"error": caught.value.details(), "code": code.name}


BAD_BODIES: list[tuple[str, Any, str]] = [
    ("/v2/repository/index", "[]", "must be a JSON object, but an array came"),
    ("/v2/repository/index", "{", "cannot be read"),
    ("/v2/repository/index", b'{"ready": "\xff"}', "not UTF-8 text"),
    ("/v2/repository/index", '{"ready": 1}', "ready must be true or false, but a number came"),
    ("/v2/repository/index", "[" * 100_000, "cannot be read"),
    ("/v2/repository/index", '{"a":' * 100_000, "cannot be read"),
    ("/v2/repository/models/pair/load", '{"parameters": []}', "parameters must be an object"),
    ("/v2/repository/models/pair/load", '{"parameters": {"a": {}}}', "parameters.a must be text"),
    ("/v2/repository/models/pair/load", '{"parameters": {"a": 1e3}}', "parameters.a must be text"),
    (
        "/v2/repository/models/pair/load",
        f'{{"parameters": {{"a": {2**63}}}}}',
        "an integer of 64 bits, but a number came",
    ),
    ("/v2/repository/models/pair/load", '{"parameters": {"file:1/m": "?"}}', "in base64, but it is none"),
    ("/v2/repository/models/pair/load", '{"parameters": {"a": "\\ud800"}}', "half of a surrogate pair"),
    ("/v2/repository/models/pair/load", '{"parameters": {"\\udc00": "a"}}', "half of a surrogate pair"),
    ("/v2/logging", '{"log_info": []}', "log_info must be text, a boolean or an integer"),
    ("/v2/logging", '{"log_verbose_level": -1}', "an integer of 32 bits, of 0 or more"),
    ("/v2/trace/setting", '{"trace_level": [1]}', "trace_level must be text, an array of texts or null"),
]


@pytest.mark.parametrize(("path", "body", "sentence"), BAD_BODIES, ids=range(len(BAD_BODIES)))
def test_a_body_that_cannot_be_meant_is_refused_in_a_sentence(
    server: ServerProcess, path: str, body: Any, sentence: str
) -> None:
    refused = rest.ask(server, "POST", path, body)
    assert (refused.status, refused.document["code"]) == (400, "INVALID_ARGUMENT"), refused.body
    assert sentence in refused.error
    assert rest.ask(server, "POST", "/v2/repository/index").status == 200


def test_a_body_has_the_limits_of_every_other(server: ServerProcess) -> None:
    assert rest.ask(server, "POST", "/v2/repository/index", b" " * ((4 << 20) + 1)).status == 413
    late = rest.ask(server, "POST", "/v2/repository/index", "", {"grpc-timeout": "0n"})
    assert (late.status, late.document["code"]) == (504, "DEADLINE_EXCEEDED")
    patient = rest.ask(server, "POST", "/v2/repository/index", "", {"grpc-timeout": "60S"})
    assert patient.status == 200


@pytest.mark.parametrize("origin", ["https://example.com", "null", "http://127.0.0.1:8000"])
def test_web_pages_read_and_infer_but_do_not_administer(server: ServerProcess, origin: str) -> None:
    headers = {"Origin": origin, "Content-Type": "text/plain"}
    for path in ("/v2/repository/models/pair/unload", "/v2/logging", "/v2/repository/index"):
        refused = rest.ask(server, "POST", path, "{}", headers)
        assert (refused.status, refused.document["code"]) == (403, "PERMISSION_DENIED")
        assert "access-control-allow-origin" not in refused.headers
    assert rest.ask(server, "GET", "/v2/logging", None, headers).status == 200
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]}
    assert rest.infer(server, "pair", body, headers).status == 200


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v2/repository/index", "POST"),
        ("GET", "/v2/repository/models/pair/load", "POST"),
        ("POST", "/v2/models/pair/config", "GET, HEAD"),
        ("POST", "/v2/models/stats", "GET, HEAD"),
        ("PUT", "/v2/logging", "GET, HEAD, POST"),
        ("DELETE", "/v2/trace/setting", "GET, HEAD, POST"),
        ("GET", "/v2/systemsharedmemory/region/a/register", "POST"),
    ],
)
def test_other_methods_are_refused(server: ServerProcess, method: str, path: str, allow: str) -> None:
    refused = rest.ask(server, method, path)
    assert (refused.status, refused.headers["allow"]) == (405, allow)
