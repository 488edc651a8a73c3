"""Messages are made once from JSON or binary data; templates say what ghz's say, and others are refused by name."""

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import ConfigError
from penstock.load.messages import MOST_EXPANDED, messages, metadata
from penstock.load.methods import MethodError, found, of_proto, of_protoset, split
from penstock.load.options import Options
from penstock.load.templates import CallData, Template
from penstock.pb import health_pb2
from tests.load.methods import check, files, streaming


def services(data: Any = None, **options: Any) -> list[str]:
    made = messages(Options(call="x.Y/Z", data=data, **options), check())
    return [health_pb2.HealthCheckRequest.FromString(message).service for (message,) in made]


def expanded(text: str, number: int = 7) -> str:
    return Template(text, "--data").text(CallData(check(), number, "g1c0"))


def test_an_object_is_one_message_an_array_several_and_nothing_an_empty_one() -> None:
    assert services({"service": "a"}) == ["a"]
    assert services([{"service": "a"}, {"service": "b"}]) == ["a", "b"]
    assert services() == [""]


def test_templates_are_expanded_for_each_call_up_to_a_bound() -> None:
    assert services({"service": "{{.RequestNumber}}"}, total=3) == ["0", "1", "2"]
    assert services([{"service": "a{{.RequestNumber}}"}, {"service": "b"}], total=4) == ["a0", "b", "a2", "b"]
    assert len(services({"service": "{{.RequestNumber}}"}, total=10**6)) == MOST_EXPANDED


def test_a_data_file_may_have_templates_where_json_has_none(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text('{"service": {{ .RequestNumber }} }')
    with pytest.raises(ConfigError, match="--data-file"):
        # A number is no text; what is shown is that it was expanded first.
        services(data_file=str(tmp_path / "data.json"), total=1)
    (tmp_path / "data.json").write_text('{"service": "{{ .MethodName }}"}')
    assert services(data_file=str(tmp_path / "data.json"), total=1) == ["Check"]


def test_json_lines_are_a_message_each(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text('{"service": "a"}\n\n{"service": "b{{.RequestNumber}}"}\n')
    assert services(data_file=str(tmp_path / "data.jsonl"), total=3) == ["a", "b1", "a"]


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


def test_a_stream_sends_all_messages_or_as_many_as_asked_for_in_each_call() -> None:
    method = found("a.S.Do", [streaming()], "here")

    def sent(*names: str, **options: Any) -> list[list[str]]:
        data = [{"service": name} for name in names]
        calls = messages(Options(call="a.S.Do", data=data, **options), method)
        # Field 1, a text shorter than 128 bytes.
        return [[message[2:].decode() for message in call] for call in calls]

    assert sent("a", "b") == [["a", "b"]]
    assert sent("a", "b", stream_call_count=5) == [["a", "b", "a", "b", "a"]]
    assert sent("{{.RequestNumber}}", "b", total=2) == [["0", "b"], ["1", "b"]]


def test_metadata_is_sent_as_it_is_binary_as_base64_and_templates_for_each_call(tmp_path: Path) -> None:
    def made(**options: Any) -> list[list[tuple[str, str]]]:
        return metadata(Options(**options), check())

    assert made() == [[]]
    assert made(metadata={"k": "v", "x-bin": "v"}) == [[("k", "v"), ("x-bin", "dg==")]]
    assert made(metadata={"id": "{{.RequestNumber}}"}, total=2) == [[("id", "0")], [("id", "1")]]
    (tmp_path / "m.json").write_text(json.dumps({"k": "v"}))
    assert made(metadata_file=str(tmp_path / "m.json")) == [[("k", "v")]]


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
