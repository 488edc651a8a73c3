"""SHA256SUMS: what is read of it, and what it refuses."""

import hashlib
import io
from pathlib import Path

import pytest

from penstock.errors import ModelLoadError
from penstock.repository import checksums

ZEROS = "0" * 64


def read(text: bytes) -> dict[str, str]:
    file = io.BytesIO(text)
    file.name = "fraud/1/SHA256SUMS"  # type: ignore[misc]
    return checksums.read_manifest(file)


def test_lines_of_sha256sum_in_each_of_its_forms_are_read() -> None:
    text = f"{ZEROS}  model.pt\n\n{'A' * 64} *words.txt\r\n{ZEROS}  ./a/../b c\n".encode()
    assert read(text) == {"model.pt": ZEROS, "words.txt": "a" * 64, "b c": ZEROS}


def test_an_empty_manifest_names_nothing() -> None:
    assert read(b"") == {}


@pytest.mark.parametrize(
    "line", ["model.pt", f"{ZEROS} model.pt", f"{ZEROS[1:]}  model.pt", f"{ZEROS}  ", f"SHA256 (x) = {ZEROS}"]
)
def test_a_line_that_sha256sum_does_not_write_is_refused_by_its_number(line: str) -> None:
    with pytest.raises(ModelLoadError, match=r"^fraud/1/SHA256SUMS: line 2 is no digest and file"):
        read(f"{ZEROS}  good\n{line}\n".encode())


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(ModelLoadError, match=r"fraud/1/SHA256SUMS: not text"):
        read(b"\xff\xfe")


def test_a_manifest_of_any_length_costs_no_more_than_its_bound() -> None:
    with pytest.raises(ModelLoadError, match="has more than 1048576 bytes"):
        read(b"\n" * (2 << 20))


def test_missing_files_are_those_that_are_named_and_not_there(tmp_path: Path) -> None:
    (tmp_path / "model.pt").touch()
    (tmp_path / "folder").mkdir()
    digests = {"model.pt": ZEROS, "words.txt": ZEROS, "folder": ZEROS}
    assert checksums.missing(tmp_path, digests) == ["words.txt", "folder"]


def test_the_content_that_the_manifest_says_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_bytes(b"words")
    with file.open("rb") as opened:
        checksums.check(opened, "words.txt", {"words.txt": hashlib.sha256(b"words").hexdigest()})


def test_another_content_is_refused_with_both_digests(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    file.write_bytes(b"weights")
    with file.open("rb") as opened, pytest.raises(ModelLoadError) as caught:
        checksums.check(opened, "model.pt", {"model.pt": ZEROS})
    assert ZEROS in str(caught.value)
    assert hashlib.sha256(b"weights").hexdigest() in str(caught.value)
