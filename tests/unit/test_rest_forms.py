"""What the administrative HTTP paths take, beyond what a server that refuses it can show."""

import base64

import pytest

from penstock.errors import CallFailed
from penstock.pb import inference_pb2 as oip
from penstock.rest_forms import FORMS, Path, read_object

NOWHERE = Path("", "", "")


def test_there_is_a_form_for_every_rpc_that_the_engine_does_not_answer() -> None:
    service = oip.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    here = {"ServerLive", "ServerReady", "ModelReady", "ModelMetadata", "ModelInfer", "ModelStreamInfer"}
    assert set(FORMS) == {method.name for method in service.methods} - here


@pytest.mark.parametrize("rpc", FORMS)
def test_every_form_makes_the_request_of_its_rpc(rpc: str) -> None:
    request = FORMS[rpc].request(Path("", "m", ""), {})
    assert type(request).__name__ == f"{rpc}Request"


def test_a_load_carries_its_configuration_and_its_files() -> None:
    body = {
        "parameters": {
            "config": "{}",
            "file:1/model.pt": base64.b64encode(b"\x00\xff").decode(),
            "deep": -(2**63),
            "flag": True,
            "nothing": None,
        }
    }
    request = FORMS["RepositoryModelLoad"].request(Path("r", "m", ""), body)
    assert isinstance(request, oip.RepositoryModelLoadRequest)
    assert (request.repository_name, request.model_name) == ("r", "m")
    told = {name: each.WhichOneof("parameter_choice") for name, each in request.parameters.items()}
    assert told == {
        "config": "string_param",
        "file:1/model.pt": "bytes_param",
        "deep": "int64_param",
        "flag": "bool_param",
    }
    assert request.parameters["file:1/model.pt"].bytes_param == b"\x00\xff"


def test_an_unload_carries_what_it_says_of_dependents() -> None:
    body = {"parameters": {"unload_dependents": True}}
    request = FORMS["RepositoryModelUnload"].request(Path("", "m", ""), body)
    assert isinstance(request, oip.RepositoryModelUnloadRequest)
    assert request.parameters["unload_dependents"].bool_param


def test_log_settings_keep_their_kinds_and_null_changes_nothing() -> None:
    body = {"log_info": False, "log_verbose_level": 2, "log_file": "", "log_error": None}
    request = FORMS["LogSettings"].request(NOWHERE, body)
    assert isinstance(request, oip.LogSettingsRequest)
    kinds = {name: each.WhichOneof("parameter_choice") for name, each in request.settings.items()}
    assert kinds == {
        "log_info": "bool_param",
        "log_verbose_level": "uint32_param",
        "log_file": "string_param",
    }


def test_a_trace_setting_of_null_is_there_without_a_value() -> None:
    body = {"trace_rate": None, "trace_level": ["A", "B"], "trace_count": "7"}
    request = FORMS["TraceSetting"].request(Path("", "m", ""), body)
    assert isinstance(request, oip.TraceSettingRequest)
    told = {name: list(each.value) for name, each in request.settings.items()}
    assert told == {"trace_rate": [], "trace_level": ["A", "B"], "trace_count": ["7"]}


def test_regions_are_an_array() -> None:
    answer = oip.SystemSharedMemoryStatusResponse()
    answer.regions["b"].name = "b"
    answer.regions["a"].byte_size = 2**40
    told = FORMS["SystemSharedMemoryStatus"].answer(answer)
    assert [region["byte_size"] for region in told] == [2**40, 0]


@pytest.mark.parametrize("body", [b"", b" \n", b"{}"])
def test_no_body_is_an_empty_object(body: bytes) -> None:
    assert read_object(body) == {}


@pytest.mark.parametrize("body", [b"null", b"5", b'"x"', b"{]", b"\xff", b"[" * 200_000])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(CallFailed) as caught:
        read_object(body)
    assert caught.value.code == 3
