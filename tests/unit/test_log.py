"""The log: one line an event, whatever is in it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from penstock import log
from tests.unit.own_logging import own_logging

FORMATS = ("human", "json")
HOSTILE = "a\nb\r\x1b[31m\x00\u2028\u202e\ud800"


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Leaves the process's logging as it was found."""
    with own_logging():
        yield


def logged(log_format: str, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    log.set_up(log_format, level, stream)
    return stream


def test_people_read_time_level_event_and_fields() -> None:
    stream = logged("human")
    log.info("serving", host="127.0.0.1", models=["a/1", "b/2"], note='say "yes"')
    words = stream.getvalue().split(" ", 2)
    assert words[2] == 'INFO serving host=127.0.0.1 models=a/1,b/2 note="say \\"yes\\""\n'


def test_programs_read_json() -> None:
    stream = logged("json")
    log.warning("drain timeout", failed=3, forced=True, models=["a/1"])
    event = json.loads(stream.getvalue())
    assert event.pop("time").endswith("+00:00")
    assert event == {
        "level": "warning",
        "event": "drain timeout",
        "failed": 3,
        "forced": True,
        "models": ["a/1"],
    }


@pytest.mark.parametrize("log_format", FORMATS)
def test_a_field_cannot_forge_an_event_or_steer_a_terminal(log_format: str) -> None:
    stream = logged(log_format)
    log.info(f"event {HOSTILE}", name=HOSTILE, names=[HOSTILE])
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.removesuffix("\n").isprintable()
    if log_format == "json":
        assert json.loads(text)["name"].isprintable()


@pytest.mark.parametrize("log_format", FORMATS)
def test_a_long_field_is_cut_and_its_length_told(log_format: str) -> None:
    stream = logged(log_format)
    log.info("event", name="x" * (1 << 20))
    assert len(stream.getvalue()) < 2000
    assert "1048576 characters" in stream.getvalue()


@pytest.mark.parametrize("log_format", FORMATS)
def test_a_cause_comes_with_its_traceback_on_the_same_line(log_format: str) -> None:
    stream = logged(log_format)
    with pytest.raises(ValueError, match="a") as caught:
        int(HOSTILE)
    log.error("model raised", cause=caught.value, error_id="7")
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.removesuffix("\n").isprintable()
    assert "test_log.py" in text
    assert "ValueError" in text


def test_of_a_long_traceback_the_end_is_kept() -> None:
    stream = logged("json")
    log.error("model raised", cause=ValueError("x" * 100_000 + " the end"))
    trace = json.loads(stream.getvalue())["traceback"]
    assert len(trace) < 10_000
    assert trace.endswith(" the end")


def test_events_below_the_level_are_not_logged() -> None:
    stream = logged("human", "warning")
    log.debug("one")
    log.info("two")
    log.warning("three")
    assert stream.getvalue().split(" ", 2)[2] == "WARNING three\n"


def test_other_libraries_warnings_are_events_with_their_name() -> None:
    stream = logged("json")
    logging.getLogger("grpc").info("small talk")
    logging.getLogger("grpc").warning("goaway %d", 3)
    event = json.loads(stream.getvalue())
    assert (event["event"], event["logger"]) == ("goaway 3", "grpc")
