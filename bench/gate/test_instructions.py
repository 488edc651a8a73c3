"""Decoding takes the instructions that it took when `expected.json` was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.gate import expected, instructions
from bench.gate.expected import Expected
from bench.gate.instructions import DECODES, Decode

SOME = Expected({"rustc": "1", "valgrind": "3"}, {"examples-1": 1_000.0}, {"known": {"fraud-1": 1.4}})
SAME, OTHER = {"rustc": "1", "valgrind": "3"}, {"rustc": "2", "valgrind": "3"}


@pytest.mark.skipif(instructions.missing() is not None, reason=str(instructions.missing()))
@pytest.mark.parametrize("decode", DECODES, ids=str)
def test_decoding_takes_as_many_instructions_as_before(
    decode: Decode, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    wanted, here = expected.read(), instructions.circumstances()
    if wanted.circumstances["machine"] != here["machine"]:
        pytest.skip(
            f"instructions were counted on {wanted.circumstances['machine']}, this is {here['machine']}"
        )
    others = wanted.other(here)
    if others:
        _tell(
            request,
            f"the band is {expected.OTHER_BAND:.0%} instead of {expected.SAME_BAND:.0%}: {'; '.join(others)}",
        )
    fault = wanted.fault_of_instructions(str(decode), instructions.per_row(decode, tmp_path), here)
    assert fault is None, fault


@pytest.mark.parametrize(
    ("counted", "circumstances", "is_fault"),
    [
        (1_000.0, SAME, False),
        (1_059.0, SAME, False),
        (1_061.0, SAME, True),
        (941.0, SAME, False),
        (939.0, SAME, True),
        (1_249.0, OTHER, False),
        (1_251.0, OTHER, True),
        (500.0, OTHER, False),
    ],
)
def test_the_band_is_narrow_where_all_is_the_same(
    counted: float, circumstances: dict[str, str], is_fault: bool
) -> None:
    fault = SOME.fault_of_instructions("examples-1", counted, circumstances)
    assert (fault is not None) == is_fault
    assert fault is None or "python -m bench.gate" in fault


def test_what_differs_is_named() -> None:
    assert SOME.other(SAME) == []
    assert SOME.other(OTHER) == ["rustc is '2', was '1'"]


def _tell(request: pytest.FixtureRequest, line: str) -> None:
    """Where it is read although the test passes."""
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(f"\n{request.node.nodeid}: {line}")
