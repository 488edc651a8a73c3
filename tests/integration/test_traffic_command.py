"""`penstock traffic`, and the clients' methods, against two versions that serve."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator

import numpy as np
import pytest

from penstock import AsyncClient, CallError, Client
from penstock.cli import main
from tests.contract.two_versions import MODEL, TwoVersions, serve


@pytest.fixture
async def two() -> AsyncIterator[TwoVersions]:
    async with serve() as two:
        yield two


async def command(two: TwoVersions, *arguments: str, model: str = MODEL) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "penstock", "traffic", two.addresses["fast"], model, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_table_tells_who_answers(two: TwoVersions) -> None:
    code, out, err = await command(two)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "fraud: stable version 7; canary version 8 at 50.00%; as model.toml says",
        "",
        "version  share   labels",
        "7        50.00%  stable",
        "8        50.00%  new",
    ]


async def test_a_canary_is_tried_out_rolled_back_and_promoted(two: TwoVersions) -> None:
    code, out, _ = await command(two, "--canary", "new", "--weight", "12.5%")
    assert (code, out.splitlines()[0]) == (
        0,
        "fraud: stable version 7; canary version 8 at 12.50%; set at run time",
    )
    code, out, _ = await command(two, "--roll-back")
    assert "canary version 8 at 0.00%; rolled back because somebody asked for it;" in out
    code, out, _ = await command(two, "--weight", "1", "--json")
    assert (code, json.loads(out)["canary_weight"]) == (0, 1.0)
    code, out, _ = await command(two, "--promote")
    assert (code, out.splitlines()[0]) == (0, "fraud: stable version 8; set at run time")


async def test_a_call_that_fails_is_a_line_and_exit_code_1(two: TwoVersions) -> None:
    code, out, err = await command(two, "--canary", "9", "--weight", "0.5")
    assert (code, out) == (1, "")
    assert 'Model "fraud" has no version 9; it serves 7, 8.' in err
    code, _, err = await command(two, model="nobody")
    assert (code, 'Model "nobody" is not in the repository' in err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--canary", "8"], "--canary needs --weight"),
        (["--weight", "0.5", "--promote"], "--weight goes with neither --promote nor --roll-back"),
        (["--promote", "--roll-back"], "not allowed with argument"),
        (["--weight", "10"], "a share of 0 to 1, or such as 10%"),
        (["--weight", "nan"], "a share of 0 to 1, or such as 10%"),
        (["--weight", "101%"], "a share of 0 to 1, or such as 10%"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["traffic", "localhost:1", MODEL, *arguments])
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


async def test_clients_set_traffic_and_send_routing_keys(two: TwoVersions) -> None:
    rows, inputs = [{"amount": 1.0}], {"amount": np.ones(1, np.float32)}

    def keyed() -> list[tuple[str, str]]:
        with Client(two.addresses["fast"]) as client:
            return [
                (
                    client.predict(MODEL, rows, routing_key=key).version,
                    client.infer(MODEL, inputs, routing_key=key).version,
                )
                for key in map(str, range(20))
            ]

    before = await asyncio.to_thread(keyed)
    assert {predicted for predicted, _ in before} == {"7", "8"}
    assert all(predicted == inferred for predicted, inferred in before)
    async with AsyncClient(two.addresses["fast"]) as client:
        assert (await client.predict(MODEL, rows, version="new")).version == "8"
        assert (await client.set_traffic(MODEL, "", 0.6)).canary_weight == 0.6
        after = await asyncio.to_thread(keyed)
        assert all(old[0] <= new[0] for old, new in zip(before, after, strict=True))
        assert (await client.roll_back(MODEL)).rolled_back
        assert (await client.traffic(MODEL)).canary_weight == 0.0
        with pytest.raises(CallError, match="is not in the repository"):
            await client.promote("nobody")
        assert (await client.promote(MODEL)).stable_version == "8"
        assert (await client.infer(MODEL, inputs, routing_key="any")).version == "8"
