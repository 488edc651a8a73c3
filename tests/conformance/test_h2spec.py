"""h2spec against the fast door, its strict cases too.

What fails is in h2spec_skips.toml, each case with its reason.
"""

import asyncio
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.conformance.post_relay import post_relay
from tests.fast_door import fast_door
from tests.programs import program

SKIPS = Path(__file__).with_name("h2spec_skips.toml")
# One that the door answers itself, and one that it forwards.
METHODS = {"answered": "/penstock.v1.Prediction/Predict", "forwarded": "/test.Echo/Echo"}
# How long h2spec waits for what should come, of each case.
PATIENCE_S = 2
LIMIT_S = 110


@pytest.mark.parametrize("method", METHODS)
async def test_h2spec_fails_exactly_the_cases_of_the_skip_list(method: str, tmp_path: Path) -> None:
    h2spec = program("h2spec")
    report = tmp_path / "report.xml"
    async with fast_door(EchoHandler()) as door, post_relay("127.0.0.1", door.door.port) as port:
        process = await asyncio.create_subprocess_exec(
            *(h2spec, "--strict", "--port", str(port), "--path", METHODS[method]),
            *("--timeout", str(PATIENCE_S), "--junit-report", str(report)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(LIMIT_S):
            said, _ = await process.communicate()
    results = cases(report)
    assert len(results) > 140, said.decode()
    failed = {case for case, passed in results.items() if not passed}
    skipped = tomllib.loads(SKIPS.read_text())[method]
    assert failed - skipped.keys() == set(), said.decode()
    assert skipped.keys() - failed == set(), "cases that pass stand on the skip list"


class EchoHandler(grpc.GenericRpcHandler):
    """Answers every call, once its requests have ended, with a message."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:  # noqa: ARG002 - all alike
        async def answer(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            async for _ in requests:
                pass
            yield b"answer"

        return grpc.stream_stream_rpc_method_handler(answer)


def cases(report: Path) -> dict[str, bool]:
    """Whether each case passed, by the name that h2spec itself takes: specification/section/number."""
    return {
        f"{suite.get('package')}/{number}": case.find("failure") is None and case.find("error") is None
        for suite in ET.parse(report).getroot()  # noqa: S314 - written by a program of this test
        for number, case in enumerate(suite.findall("testcase"), 1)
        if case.find("skipped") is None
    }
