"""Times of calls are read from lines and from CSV, in seconds and by RFC 3339."""

from pathlib import Path

import pytest

from penstock.errors import ConfigError
from penstock.load.trace import starts_s


def read(tmp_path: Path, text: str, column: str = "", speed: float = 1.0) -> list[float]:
    path = tmp_path / "trace"
    path.write_text(text)
    return starts_s(str(path), column, speed)


def test_seconds_count_from_the_first_line(tmp_path: Path) -> None:
    assert read(tmp_path, "10.5\n10.5\n\n12\n") == [0, 0, 1.5]


def test_times_may_be_rfc_3339_in_any_zone(tmp_path: Path) -> None:
    text = "2026-01-31T12:00:00Z\n2026-01-31T13:00:00.25+01:00\n"
    assert read(tmp_path, text) == pytest.approx([0, 0.25])


def test_a_column_of_a_csv_file_is_taken_and_replayed_at_another_speed(tmp_path: Path) -> None:
    text = 'user,at\n"a, b",1\nc,5\n'
    assert read(tmp_path, text, "at", 2.0) == [0, 2]


@pytest.mark.parametrize(
    ("text", "column", "sentence"),
    [
        ("", "", "has no times"),
        ("1\nsoon\n", "", r":2: found 'soon', allowed: seconds"),
        ("2026-01-31T12:00:00\n", "", "allowed: seconds"),
        ("2\n1\n", "", ":2: found a time before the one above it"),
        ("a,b\n1,2\n", "c", "has no column c; it has a, b"),
    ],
)
def test_what_is_no_trace_is_refused_with_its_line(
    tmp_path: Path, text: str, column: str, sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        read(tmp_path, text, column)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        starts_s(str(tmp_path / "nowhere"), "", 1.0)
