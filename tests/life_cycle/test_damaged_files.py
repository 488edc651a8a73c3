"""Model files that were cut short, or of which a bit has fallen over."""

from __future__ import annotations

import random
from pathlib import Path

import grpc
import pytest

from tests.life_cycle import calls, written
from tests.server_process import ServerProcess

STEP_BYTES = 4096
FLIPS = 48


@pytest.fixture(scope="module")
def content() -> bytes:
    """Of about 100 KiB, most of them weights."""
    content = written.model_file(2, ballast_bytes=96 << 10)
    assert len(content) > 24 * STEP_BYTES
    return content


@pytest.fixture
def second(explicit: ServerProcess, model: str) -> Path:
    """The place of version 2 of a model whose version 1 serves."""
    written.write(explicit.repository, model, 1)
    assert calls.load(explicit, model) is None
    return written.write(explicit.repository, model, 2, b"") / "model.pt"


def test_a_file_that_was_cut_short_anywhere_is_refused_and_the_old_version_serves_on(
    explicit: ServerProcess, model: str, second: Path, content: bytes
) -> None:
    lengths = [*range(0, len(content), STEP_BYTES), len(content) - 1]
    for length in lengths:
        second.write_bytes(content[:length])
        refusal = calls.load(explicit, model)
        assert refusal is not None, length
        assert refusal.code is grpc.StatusCode.FAILED_PRECONDITION, (length, refusal)
        assert "does not load" in refusal.details, (length, refusal)
        assert str(explicit.repository) not in refusal.details
        assert calls.infer(explicit, model) == ("1", 1)
    second.write_bytes(content)
    assert calls.load(explicit, model) is None
    assert calls.infer(explicit, model) == ("2", 2)
    assert calls.loads(explicit, model, "failed") == len(lengths)


def test_a_file_with_a_bit_that_has_fallen_over_is_refused_or_serves_and_nothing_else_happens(
    explicit: ServerProcess, model: str, second: Path, content: bytes
) -> None:
    chance = random.Random(0)
    # Half of them where what is not weights is: the archive's code and directory.
    head, tail = range(4 << 10), range(len(content) - (8 << 10), len(content))
    places = [*chance.sample(head, FLIPS // 4), *chance.sample(tail, FLIPS // 4)]
    places += chance.sample(range(len(content)), FLIPS // 2)
    serving = ("1", 1.0)
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << chance.randrange(8)
        second.write_bytes(damaged)
        refusal = calls.load(explicit, model)
        if refusal is None:
            serving = ("2", calls.infer(explicit, model)[1])
        else:
            assert refusal.code is grpc.StatusCode.FAILED_PRECONDITION, (place, refusal)
            assert f'Version 2 of model "{model}" could not be loaded: ' in refusal.details
            assert str(explicit.repository) not in refusal.details
        answer = calls.infer(explicit, model)
        assert isinstance(answer, calls.Answer), (place, answer)
        # A weight that is no number any more is no number in each answer.
        assert answer == serving or answer.version == "2", (place, answer, serving)
    assert explicit.process.poll() is None


def test_a_damaged_file_with_a_manifest_is_always_refused(
    explicit: ServerProcess, model: str, second: Path, content: bytes
) -> None:
    (second.parent / "SHA256SUMS").write_bytes(written.manifest({"model.pt": content}))
    chance = random.Random(1)
    for place in chance.sample(range(len(content)), 16):
        damaged = bytearray(content)
        damaged[place] ^= 1 << chance.randrange(8)
        second.write_bytes(damaged)
        refusal = calls.load(explicit, model)
        assert refusal is not None, place
        # Whichever checksum is reached first.
        assert "its SHA-256 is" in refusal.details or "does not load: " in refusal.details
        assert calls.infer(explicit, model) == ("1", 1)
    second.write_bytes(content)
    assert calls.load(explicit, model) is None
    assert calls.infer(explicit, model) == ("2", 2)
