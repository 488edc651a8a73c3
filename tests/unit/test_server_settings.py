"""LogSettings and TraceSetting: what can be changed, by whom, and what is refused in which words."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from penstock import log
from penstock.errors import CallFailed
from penstock.pb import inference_pb2 as oip
from penstock.server_settings import log_settings, trace_settings
from tests.unit.own_logging import own_logging


@pytest.fixture(autouse=True)
def stream() -> Iterator[io.StringIO]:
    """The log, as JSON from info on."""
    with own_logging():
        stream = io.StringIO()
        log.set_up("json", "info", stream)
        yield stream


def events(stream: io.StringIO) -> list[str]:
    return [json.loads(line)["event"] for line in stream.getvalue().splitlines()]


def request(**values: Any) -> Any:
    made = oip.LogSettingsRequest()
    for name, value in values.items():
        kind = {bool: "bool_param", int: "uint32_param", str: "string_param"}[type(value)]
        setattr(made.settings[name], kind, value)
    return made.settings


def told(answer: oip.LogSettingsResponse) -> dict[str, Any]:
    return {
        name: getattr(each, each.WhichOneof("parameter_choice")) for name, each in answer.settings.items()
    }


def log_everything() -> None:
    log.debug("debug")
    log.info("info")
    log.warning("warning")
    log.error("error")


def test_settings_are_read_by_everyone() -> None:
    assert told(log_settings({}, changeable=False)) == {
        "log_file": "",
        "log_format": "default",
        "log_info": True,
        "log_warning": True,
        "log_error": True,
        "log_verbose_level": 0,
    }


def test_callers_change_nothing_unless_they_may(stream: io.StringIO) -> None:
    with pytest.raises(CallFailed, match="settings_rpcs is off") as caught:
        log_settings(request(log_info=False), changeable=False)
    assert caught.value.code == 12
    log_everything()
    assert events(stream) == ["info", "warning", "error"]


def test_each_severity_is_switched_by_itself_and_the_change_is_on_record(stream: io.StringIO) -> None:
    answer = log_settings(request(log_info=False, log_error=False, log_verbose_level=3), changeable=True)
    assert told(answer)["log_info"] is told(answer)["log_error"] is False
    assert (told(answer)["log_warning"], told(answer)["log_verbose_level"]) == (True, 1)
    log_everything()
    assert events(stream) == ["log settings change", "debug", "warning"]
    log_settings(request(log_info=True, log_error=True, log_verbose_level=0), changeable=True)
    log_everything()
    assert events(stream)[3:] == ["info", "warning", "error"]


def test_all_can_be_off_and_on_again(stream: io.StringIO) -> None:
    off = request(log_info=False, log_warning=False, log_error=False)
    log_settings(off, changeable=True)
    log_everything()
    assert events(stream) == ["log settings change"]
    log_settings(request(log_error=True), changeable=True)
    log_everything()
    assert events(stream)[1:] == ["error"]


def test_values_that_are_what_they_are_already_may_be_sent() -> None:
    fixed = request(log_file="", log_format="default")
    assert told(log_settings(fixed, changeable=True))["log_file"] == ""


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("log_file", "/etc/passwd", "can only be '', because the log goes to standard error"),
        ("log_format", "ISO8601", "can only be 'default'"),
        ("log_info", 1, "must be true or false"),
        ("log_verbose_level", True, "must be an integer of 0 or more"),
        ("log_inf", True, "did you mean log_info?"),
        ("x" * 5000, True, "is not one of log_file, log_format, log_error"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_and_nothing_is_changed(
    stream: io.StringIO, name: str, value: Any, sentence: str
) -> None:
    with pytest.raises(CallFailed) as caught:
        log_settings(request(**{"log_warning": False, name: value}), changeable=True)
    assert caught.value.code == 3
    assert sentence in caught.value.message
    assert len(caught.value.message) < 512
    log_everything()
    assert events(stream) == ["info", "warning", "error"]


def test_traces_are_read_and_not_changed() -> None:
    assert list(trace_settings({}).settings["trace_level"].value) == ["OFF"]
    with pytest.raises(CallFailed, match="Calls are not traced") as caught:
        trace_settings({"trace_level": ["TIMESTAMPS"]})
    assert caught.value.code == 12
