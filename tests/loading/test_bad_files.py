"""Whatever a file is, it loads with every weight right or is refused in one sentence."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
import torch

from penstock import runtime
from penstock.errors import ModelLoadError
from tests.loading import archives, modules
from tests.loading.archives import put

# Flips that are tried in each region of the file.
_FLIPS = 150


@pytest.fixture(autouse=True)
def quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="module")
def large() -> bytes:
    return modules.saved("large")


def load(path: Path, **options: Any) -> torch.jit.ScriptModule:
    with path.open("rb") as file:
        return runtime.load_torchscript(file, **options)


def refusal(path: Path, **options: Any) -> str:
    """The sentence, without the file's name before it."""
    with pytest.raises(ModelLoadError) as caught:
        load(path, **options)
    said = str(caught.value)
    assert said.startswith(f"{path} does not load: ")
    sentence = said.removeprefix(f"{path} does not load: ")
    assert sentence
    assert "\n" not in sentence
    return sentence


def names_of(file: bytes) -> list[str]:
    """The entries of a file."""
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        return [info.filename.partition("/")[2] for info in archive.infolist()]


def offset_of(file: bytes, name: str) -> tuple[int, int]:
    """Where an entry's bytes begin and end."""
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        info = next(i for i in archive.infolist() if i.filename.partition("/")[2] == name)
    header = file[info.header_offset : info.header_offset + 30]
    begin = info.header_offset + 30 + int.from_bytes(header[26:28], "little")
    begin += int.from_bytes(header[28:30], "little")
    return begin, begin + info.compress_size


def content_of(file: bytes, name: str) -> bytes | None:
    """An entry's bytes as they were before they were packed; None where they cannot be unpacked."""
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        info = next(i for i in archive.infolist() if i.filename.partition("/")[2] == name)
    begin, end = offset_of(file, name)
    if info.compress_type == zipfile.ZIP_STORED:
        return file[begin:end]
    try:
        return zlib.decompress(file[begin:end], -zlib.MAX_WBITS)
    except zlib.error:
        return None


def test_every_cut_is_refused(tmp_path: Path, large: bytes) -> None:
    for end in range(0, len(large), 4096):
        assert refusal(put(tmp_path, large[:end])) == (
            "it is not, or not all of, a file that torch.jit.save wrote"
        )
    for end in range(len(large) - 300, len(large)):
        refusal(put(tmp_path, large[:end]))


@pytest.mark.parametrize("content", [b"", b"no model", bytes(100_000), b"PK\x05\x06" + bytes(18)])
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    refusal(put(tmp_path, content))


def test_a_file_of_torch_save_is_told_apart(tmp_path: Path) -> None:
    out = io.BytesIO()
    torch.save({"weight": torch.zeros(3)}, out)
    assert refusal(put(tmp_path, out.getvalue())) == (
        '"constants.pkl" is missing: torch.jit.save writes it; a file of torch.save has no code to serve'
    )


@pytest.mark.parametrize(
    "kind", ["data.pkl", "code/__torch__/torch/nn/modules/", "data/0", "data/2", "version"]
)
def test_every_kind_of_entry_has_its_bits_checked(tmp_path: Path, large: bytes, kind: str) -> None:
    # torch numbers the code of a class that the process has scripted before. Beside it lies what debuggers read.
    entry = next(
        name
        for name in names_of(large)
        if name == kind or (kind[-1] == "/" and name.startswith(kind) and name.endswith(".py"))
    )
    begin, end = offset_of(large, entry)
    content = content_of(large, entry)
    draw = random.Random(entry)
    refused = 0
    for _ in range(_FLIPS):
        file = bytearray(large)
        file[draw.randrange(begin, end)] ^= 1 << draw.randrange(8)
        if content_of(bytes(file), entry) == content:
            # A bit that deflate does not look at, behind the stream's end.
            continue
        refused += 1
        sentence = refusal(put(tmp_path, bytes(file)))
        assert sentence.startswith(f'"{entry}" is damaged: ')
    assert refused > _FLIPS / 2


def test_a_flipped_bit_elsewhere_is_seen_or_changes_nothing(tmp_path: Path, large: bytes) -> None:
    expected = load(put(tmp_path, large))(modules.row())
    directory = (
        large.rindex(b"PK\x01\x02model") if b"PK\x01\x02model" in large else large.index(b"PK\x01\x02")
    )
    draw = random.Random("directory")
    places = [
        *range(len(large) - 120, len(large)),
        *(draw.randrange(directory, len(large)) for _ in range(_FLIPS)),
    ]
    for at in places:
        file = bytearray(large)
        file[at] ^= 1 << draw.randrange(8)
        path = put(tmp_path, bytes(file))
        with contextlib.suppress(ModelLoadError):
            assert torch.equal(load(path)(modules.row()), expected)


def test_a_flipped_bit_in_a_weight_names_it_and_both_checksums(tmp_path: Path, large: bytes) -> None:
    file = bytearray(large)
    file[offset_of(large, "data/0")[0] + 1000] ^= 4
    with zipfile.ZipFile(io.BytesIO(large)) as archive:
        checksum = archive.getinfo("archive/data/0").CRC
    sentence = refusal(put(tmp_path, bytes(file)))
    assert sentence.startswith('"data/0" is damaged: its checksum is ')
    assert sentence.endswith(f", {checksum:08x} was written")


def test_a_checksum_that_was_made_right_again_does_not_make_a_weight_longer(
    tmp_path: Path, large: bytes
) -> None:
    refusal(put(tmp_path, archives.changed(large, "data/0", lambda weights: weights[:-4096])))


@pytest.mark.parametrize("entry", ["data.pkl", "constants.pkl", "version", "data/2"])
def test_a_missing_entry_is_named(tmp_path: Path, large: bytes, entry: str) -> None:
    parts = archives.entries(large)
    del parts[entry]
    assert refusal(put(tmp_path, archives.written(parts))).startswith(f'"{entry}" is missing: ')


def test_missing_code_is_refused(tmp_path: Path, large: bytes) -> None:
    parts = {name: part for name, part in archives.entries(large).items() if not name.startswith("code/")}
    refusal(put(tmp_path, archives.written(parts)))


def test_a_bomb_is_refused_without_its_memory(tmp_path: Path, large: bytes) -> None:
    file = archives.written(archives.entries(large) | {"data/2": bytes(8 << 20)}, zipfile.ZIP_DEFLATED)
    bomb = bytearray(file)
    at = file.index(b"model/data/2", file.index(b"PK\x01\x02")) - 46
    # Of the uncompressed length, the one that memory is made for.
    bomb[at + 24 : at + 28] = (0xFFFF_FFF0).to_bytes(4, "little")
    before = resident_bytes()
    assert "claims to be longer than its bytes can become" in refusal(put(tmp_path, bytes(bomb)))
    bomb[at + 24 : at + 28] = (4 << 20).to_bytes(4, "little")
    assert refusal(put(tmp_path, bytes(bomb))) == '"data/2" is damaged: it cannot be decompressed'
    assert resident_bytes() - before < 64 << 20


@pytest.mark.parametrize("name", ["../../etc/passwd", "/data/9", "data//9", "data/../9", "data\\9"])
def test_names_with_tricks_are_refused(tmp_path: Path, large: bytes, name: str) -> None:
    out = io.BytesIO(archives.written(archives.entries(large)))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(f"model/{name}", b"x")
    assert refusal(put(tmp_path, out.getvalue())).endswith("its name is no plain path")


def test_an_entry_that_is_there_twice_is_refused(tmp_path: Path, large: bytes) -> None:
    out = io.BytesIO(archives.written(archives.entries(large)))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("model/data/0", b"x")
    assert refusal(put(tmp_path, out.getvalue())) == '"data/0" is damaged: it is there twice'


def test_a_count_of_entries_that_lies_is_refused(tmp_path: Path, large: bytes) -> None:
    file = bytearray(archives.written(archives.entries(large)))
    end = file.rindex(b"PK\x05\x06")
    file[end + 10 : end + 12] = b"\xfe\xff"
    assert "another number of entries" in refusal(put(tmp_path, bytes(file)))


def test_a_hundred_thousand_entries_are_only_slow(tmp_path: Path, large: bytes) -> None:
    parts = archives.entries(large) | {f"data/x{number}": b"" for number in range(100_000)}
    path = put(tmp_path, archives.written(parts))
    assert load(path)(modules.row()).shape == (3, 3)


@pytest.mark.parametrize(
    "pickle",
    [b"", b".", b"\x80\x02}.", b"\x80\x02cos\nsystem\n(X\x04\0\0\0truetR.", b"(" * 100_000, b"\xff" * 100],
)
def test_a_pickle_that_is_no_module_is_refused(tmp_path: Path, large: bytes, pickle: bytes) -> None:
    refusal(put(tmp_path, archives.changed(large, "data.pkl", lambda _: pickle)))


def test_the_digest_is_compared_before_anything_is_looked_at(tmp_path: Path, large: bytes) -> None:
    digest = hashlib.sha256(large).hexdigest()
    assert load(put(tmp_path, large), sha256=digest)(modules.row()).shape == (3, 3)
    file = archives.changed(large, "data.pkl", lambda _: b"no pickle")
    sentence = refusal(put(tmp_path, file), sha256=digest)
    assert sentence == f"its SHA-256 is {hashlib.sha256(file).hexdigest()}, but {digest} is expected"


def test_the_digest_counts_on_the_long_way_too(tmp_path: Path, large: bytes) -> None:
    file = archives.changed(large, "byteorder", lambda _: b"big")
    load(put(tmp_path, file), sha256=hashlib.sha256(file).hexdigest())
    assert refusal(put(tmp_path, file), sha256="0" * 64).startswith("its SHA-256 is ")


def test_a_pipe_is_refused() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe, pytest.raises(ModelLoadError, match="it is not a regular file"):
        runtime.load_torchscript(pipe)


def test_the_next_file_loads_after_a_bad_one(tmp_path: Path, large: bytes) -> None:
    refusal(put(tmp_path, large[:5000]))
    assert load(put(tmp_path, large))(modules.row()).shape == (3, 3)


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
