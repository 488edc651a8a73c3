"""Messages are made once from JSON or binary data; templates say what ghz's say, and others are refused by name."""

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from penstock.errors import ConfigError
from penstock.load.messages import MOST_EXPANDED, messages, metadata
from penstock.load.methods import MethodError, found, of_proto, of_protoset, split
from penstock.load.options import Options
from penstock.load.parts import Group
from penstock.load.templates import CallData, Template
from penstock.pb import health_pb2, inference_pb2
from tests.load.methods import check, files, inference_files, streaming, timed
from tests.load.programs import filled

# Of a call's number 7, by its worker 1 on connection 0.
VALUES = {
    "RequestNumber": "7",
    "WorkerID": "g1c0",
    "UUID": "0d3f7a60-5b0c-4f2e-9f0e-111111111111",
    "TimestampUnix": "1700000000",
    "TimestampUnixNano": "1700000000123456789",
    "randomInt": "5",
    "randomString": "abcdefgh",
}


def value(name: str, _first: int, _second: int) -> str:
    return VALUES[name]


def services(data: Any = None, **options: Any) -> list[str]:
    made = messages(Options(call="x.Y/Z", data=data, **options), check())
    return [health_pb2.HealthCheckRequest.FromString(filled(message, value)).service for (message,) in made]


def expanded(text: str, number: int = 7) -> str:
    return Template(text, "--data").text(CallData(check(), number, "g1c0"))


def test_an_object_is_one_message_an_array_several_and_nothing_an_empty_one() -> None:
    assert services({"service": "a"}) == ["a"]
    assert services([{"service": "a"}, {"service": "b"}]) == ["a", "b"]
    assert services() == [""]


def test_templates_are_filled_in_as_calls_go_out() -> None:
    (((head, group),),) = messages(Options(data={"service": "a{{.RequestNumber}}b"}), check())
    assert (head, group) == (
        b"\x0a",
        Group("nested", [b"a", ("RequestNumber", "text", 0, 0), b"b"]),
    )
    assert services([{"service": "{{.UUID}} {{.MethodName}}"}, {"service": "b"}]) == [
        f"{VALUES['UUID']} Check",
        "b",
    ]


KINDS = {
    "id": "{{.RequestNumber}}-{{.UUID}}",
    "modelName": "{{.WorkerID}}",
    "parameters": {"{{.RequestNumber}}": {"int64Param": "{{.TimestampUnixNano}}"}},
    "inputs": [
        {"name": "{{randomString 8}}", "shape": [1, "{{randomInt 1 9}}", 2], "datatype": "FP32"},
        {
            "contents": {
                "fp32Contents": [1.5, "{{.RequestNumber}}"],
                "bytesContents": ["{{randomString 8}}", "YWI="],
            }
        },
        {"contents": {"fp64Contents": ["{{.TimestampUnix}}"], "uintContents": ["{{.RequestNumber}}"]}},
    ],
}


def test_fields_of_every_kind_are_filled_in_at_any_depth() -> None:
    method = found("inference.GRPCInferenceService.ModelInfer", inference_files(), "here")
    ((program,),) = messages(Options(data=KINDS), method)
    assert len(program) > 1
    text = json.dumps(KINDS)
    for name, filling in VALUES.items():
        text = re.sub(rf"\{{\{{\.?{name}[ \d]*\}}\}}", filling, text)
    expected = json_format.Parse(text, method.request_class()(), descriptor_pool=method.pool)
    assert method.request_class().FromString(filled(program, value)) == expected


def test_a_number_without_quotes_is_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text('{"inputs": [{"shape": [{{.RequestNumber}}, 3]}], "id": "a\\"{{.RequestNumber}}"}')
    method = found("inference.GRPCInferenceService.ModelInfer", inference_files(), "here")
    ((program,),) = messages(Options(data_file=str(path)), method)
    request = inference_pb2.ModelInferRequest.FromString(filled(program, value))
    assert (list(request.inputs[0].shape), request.id) == ([7, 3], 'a"7')


def test_where_no_mark_stands_templates_are_expanded_before_the_run_up_to_a_bound() -> None:
    method = found("a.S.Do", timed(), "here")
    data = {"at": "{{.Timestamp}}"}
    assert len(messages(Options(data=data, total=3), method)) == 3
    made = messages(Options(data=data, total=10**6), method)
    assert len(made) == MOST_EXPANDED
    assert all(isinstance(part, bytes) for (message,) in made for part in message)
    # Whole rounds of the data.
    assert len(messages(Options(data=[data] * 7, total=10**6), method)) == 9_996


def test_a_data_file_may_have_templates_where_json_has_none(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text('{"service": {{ .RequestNumber }} }')
    with pytest.raises(ConfigError, match="--data-file"):
        # A number is no text; what is shown is that it was expanded first.
        services(data_file=str(tmp_path / "data.json"), total=1)
    (tmp_path / "data.json").write_text('{"service": "{{ .MethodName }}"}')
    assert services(data_file=str(tmp_path / "data.json"), total=1) == ["Check"]


def test_json_lines_are_a_message_each(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text('{"service": "a"}\n\n{"service": "b{{.RequestNumber}}"}\n')
    assert services(data_file=str(tmp_path / "data.jsonl")) == ["a", "b7"]


def test_fields_and_functions_give_what_ghz_documents() -> None:
    assert (
        expanded("{{.RequestNumber}}/{{ .WorkerID }}/{{.ServiceName}}.{{.MethodName}}")
        == "7/g1c0/Health.Check"
    )
    assert expanded("{{.FullyQualifiedName}}") == "grpc.health.v1.Health.Check"
    assert expanded("{{.InputName}} {{.OutputName}}") == "HealthCheckRequest HealthCheckResponse"
    assert expanded("{{.IsClientStreaming}}{{.IsServerStreaming}}") == "falsefalse"
    for text in ("{{.UUID}}", "{{newUUID}}"):
        assert uuid.UUID(expanded(text)).version == 4
    assert 3 <= int(expanded("{{randomInt 3 9}}")) < 9
    assert re.fullmatch("[0-9A-Za-z]{12}", expanded("{{randomString 12}}"))
    assert re.fullmatch("[0-9A-Za-z]{2,16}", expanded("{{randomString 0}}"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", expanded("{{.Timestamp}}"))
    seconds, ms, ns = (int(expanded(f"{{{{.TimestampUnix{unit}}}}}")) for unit in ("", "Milli", "Nano"))
    assert seconds * 1000 <= ms <= ns // 10**6


@pytest.mark.parametrize(
    "action", [".Nope", "if .UUID", "randomInt 1", "randomInt 5 5", "newUUID 3", "printf 1", ""]
)
def test_an_action_that_is_not_supported_is_refused_by_name(action: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(action.strip(".").split(" ")[0] or "template")):
        expanded(f"{{{{{action}}}}}")


@pytest.mark.parametrize("data", [{"nope": 1}, {"service": 3}, [{"service": []}]])
def test_data_that_is_no_request_is_refused(data: Any) -> None:
    with pytest.raises(ConfigError, match=r"--data: no grpc\.health\.v1\.HealthCheckRequest"):
        services(data)


def test_binary_data_is_one_message_or_several_behind_their_lengths(tmp_path: Path) -> None:
    a, b = (health_pb2.HealthCheckRequest(service=name).SerializeToString() for name in ("first", "b"))
    path = tmp_path / "data"
    path.write_bytes(a)
    assert services(binary_file=str(path)) == ["first"]
    path.write_bytes(bytes([len(a)]) + a + bytes([len(b)]) + b)
    assert services(binary_file=str(path)) == ["first", "b"]
    path.write_bytes(b"\xff\xff")
    with pytest.raises(ConfigError, match="--binary-file"):
        services(binary_file=str(path))


def test_a_stream_sends_all_messages_in_each_call() -> None:
    method = found("a.S.Do", [streaming()], "here")
    data = [{"service": "{{.RequestNumber}}"}, {"service": "b"}]
    (call,) = messages(Options(call="a.S.Do", data=data), method)
    assert [filled(message, value)[2:] for message in call] == [b"7", b"b"]


def test_metadata_is_sent_as_it_is_binary_as_base64_and_templates_for_each_call(tmp_path: Path) -> None:
    def made(**options: Any) -> list[list[tuple[str, bytes]]]:
        calls = metadata(Options(**options), check())
        return [[(name, filled(parts, value)) for name, parts in call] for call in calls]

    assert made() == []
    assert made(metadata={"k": "v", "x-bin": "v"}) == [[("k", b"v"), ("x-bin", b"dg==")]]
    assert made(metadata={"id": "a{{.RequestNumber}}", "x-bin": "{{.RequestNumber}}"}) == [
        [("id", b"a7"), ("x-bin", b"Nw==")]
    ]
    # A name is no place for a mark.
    assert made(metadata={"k{{.RequestNumber}}": "v"}, total=2) == [[("k0", b"v")], [("k1", b"v")]]
    (tmp_path / "m.json").write_text(json.dumps({"k": "v"}))
    assert made(metadata_file=str(tmp_path / "m.json")) == [[("k", b"v")]]


def test_a_method_is_found_by_either_form_of_its_name() -> None:
    assert split("a.b.C/D") == split("a.b.C.D") == split(".a.b.C/D") == ("a.b.C", "D")
    assert check().path == "/grpc.health.v1.Health/Check"


def test_a_method_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(MethodError, match="no method Nope; it has Check"):
        found("grpc.health.v1.Health/Nope", files().file, "here")
    with pytest.raises(MethodError, match=r"there is no service a\.B here"):
        found("a.B/C", files().file, "here")
    with pytest.raises(MethodError, match="is no file"):
        of_proto("a.B/C", tmp_path / "a.proto", [])
    with pytest.raises(MethodError, match="--protoset"):
        of_protoset("a.B/C", tmp_path / "a.protoset")


def test_descriptor_sets_and_proto_files_declare_the_same_method(tmp_path: Path) -> None:
    (tmp_path / "set").write_bytes(files().SerializeToString())
    of_set = of_protoset("grpc.health.v1.Health/Check", tmp_path / "set")
    (tmp_path / "other.proto").write_text(
        'syntax = "proto3"; package a; message M { string service = 1; } service S { rpc Do(M) returns (M); }'
    )
    of_file = of_proto("a.S.Do", tmp_path / "other.proto", [])
    assert of_set.path == check().path
    assert (of_file.path, of_file.descriptor.input_type.full_name) == ("/a.S/Do", "a.M")
