"""Both transports of the clients before a real server: the same predictions, bit by bit, and the same failures."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock import AsyncClient, CallError, Client, Prediction
from tests import models
from tests.server_process import ServerProcess

RANDOM = np.random.default_rng(7)
ROWS = [
    {
        "amount": 12.5,
        "time": 1_700_000_000,
        "merchant": "m1",
        "country": "AT",
        "recent": [1, 2],
        "history": [3],
    },
    {"amount": None, "time": 1_700_000_600, "merchant": "m2", "recent": [], "history": [3, 4, 5]},
]
# As columns and as tensors; small and large; text, whole numbers, an id, one output of two.
PREDICTIONS: dict[str, Callable[[Client], Prediction]] = {
    "infer": lambda client: client.infer("mlp", {"x": RANDOM.random((3, 32), np.float32)}, request_id="r-1"),
    "infer_strided": lambda client: client.infer("mlp", {"x": np.ones((32, 5), np.float32).T}),
    "infer_big": lambda client: client.infer("mlp", {"x": np.ones((1024, 32), np.float32)}),
    "infer_version": lambda client: client.infer("mlp", {"x": np.ones((1, 32), np.float32)}, version="1"),
    "infer_half": lambda client: client.infer("halves", {"x": np.ones((2, 3), np.float16)}),
    "infer_bool": lambda client: client.infer("bools", {"x": np.array([[True, False]])}),
    "infer_int64": lambda client: client.infer("ints", {"x": np.array([[2**62, -1]])}, outputs=["y"]),
    "predict": lambda client: client.predict("features", ROWS, request_id="r-2"),
    "predict_context": lambda client: client.predict(
        "features", [{"merchant": "ä"}], {"time": 1, "history": [1]}
    ),
    "predict_output": lambda client: client.predict("features", ROWS, outputs=["history_length"]),
}
FAILURES: dict[str, Callable[[Client], Any]] = {
    "no such model": lambda client: client.infer("nobody", {"x": np.ones((1, 32), np.float32)}),
    "no such version": lambda client: client.predict("features", ROWS, version="7"),
    "a wrong shape": lambda client: client.infer("mlp", {"x": np.ones((1, 31), np.float32)}),
    "a wrong datatype": lambda client: client.infer("mlp", {"x": np.ones((1, 32), np.int64)}),
    "a missing input": lambda client: client.infer("mlp", {}),
    "an unknown output": lambda client: client.infer(
        "mlp", {"x": np.ones((1, 32), np.float32)}, outputs=["nothing"]
    ),
    "a wrong feature": lambda client: client.predict("features", [{"amount": "much", "time": 1}]),
    "too many rows": lambda client: client.infer("mlp", {"x": np.ones((70_000, 32), np.float32)}),
    "a model that raises": lambda client: client.infer("raises", {"x": np.array([-1], np.float32)}),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository: Path = tmp_path_factory.mktemp("repository")
    models.write_mlp(repository)
    models.write_features(repository)
    models.write_raises(repository)
    models.write_echo(repository, "FP16", "halves")
    models.write_echo(repository, "BOOL", "bools")
    models.write_echo(repository, "INT64", "ints")
    with ServerProcess(repository) as process:
        yield process


@pytest.fixture(scope="module")
def clients(server: ServerProcess) -> Iterator[tuple[Client, Client]]:
    with (
        Client(server.address, transport="fast") as fast,
        Client(server.address, transport="grpcio") as grpcio,
    ):
        yield fast, grpcio


def same(one: Prediction, other: Prediction) -> None:
    assert (one.model, one.version, one.id) == (other.model, other.version, other.id)
    assert list(one.outputs) == list(other.outputs)
    for name, array in one.outputs.items():
        assert array.dtype == other.outputs[name].dtype
        assert not array.flags.writeable
        np.testing.assert_array_equal(array, other.outputs[name])


@pytest.mark.parametrize("predict", PREDICTIONS.values(), ids=PREDICTIONS)
def test_predictions_are_the_same(
    clients: tuple[Client, Client], predict: Callable[[Client], Prediction]
) -> None:
    fast, grpcio = clients
    state = RANDOM.bit_generator.state
    one = predict(fast)
    RANDOM.bit_generator.state = state
    same(one, predict(grpcio))


def test_a_receipt_comes_over_either(clients: tuple[Client, Client]) -> None:
    for client in clients:
        receipt = client.predict("features", ROWS, receipt=True).receipt
        assert receipt is not None
        assert receipt["batch_rows"] == 2
        assert receipt["compute_ns"] > 0


@pytest.mark.parametrize("fail", FAILURES.values(), ids=FAILURES)
def test_failures_are_the_same(clients: tuple[Client, Client], fail: Callable[[Client], Any]) -> None:
    told = []
    for client in clients:
        with pytest.raises(CallError) as failure:
            fail(client)
        message = failure.value.message
        if failure.value.code == "INTERNAL":
            # An error of the model has an id of its own each time.
            message = message.partition(" id ")[0]
        told.append((failure.value.code, message, failure.value.violations, failure.value.pushback_ms))
    assert told[0] == told[1]


def test_many_calls_are_each_answered(server: ServerProcess, clients: tuple[Client, Client]) -> None:
    rows = RANDOM.random((300, 1, 32), np.float32)
    fast, grpcio = clients
    scores = [answer.outputs["score"] for answer in fast.infer_many("mlp", ({"x": row} for row in rows))]
    expected = fast.infer("mlp", {"x": rows.reshape(300, 32)}).outputs["score"]
    np.testing.assert_allclose(np.concatenate(scores), expected, rtol=1e-5)
    slow = [answer.outputs["score"] for answer in grpcio.infer_many("mlp", [{"x": row} for row in rows[:50]])]
    np.testing.assert_allclose(np.concatenate(slow), expected[:50], rtol=1e-5)
    answers = fast.predict_many("features", [ROWS, ROWS[:1], [{"amount": "much"}]], return_exceptions=True)
    assert [len(answer.outputs["score"]) for answer in answers[:2] if isinstance(answer, Prediction)] == [
        2,
        1,
    ]
    assert isinstance(answers[2], CallError)
    assert answers[2].code == "INVALID_ARGUMENT"

    async def gathered() -> list[Prediction]:
        async with AsyncClient(server.address) as client:
            return await asyncio.gather(*(client.infer("mlp", {"x": row}) for row in rows))

    scores = [answer.outputs["score"] for answer in asyncio.run(gathered())]
    np.testing.assert_allclose(np.concatenate(scores), expected, rtol=1e-5)


def test_a_server_that_has_gone_is_unavailable_and_one_that_comes_back_is_found(tmp_path: Path) -> None:
    models.write_mlp(tmp_path)
    inputs = {"x": np.ones((1, 32), np.float32)}
    with ServerProcess(tmp_path) as first:
        client = Client(first.address, timeout_s=20.0)
        score = client.infer("mlp", inputs).outputs["score"]
    with pytest.raises(CallError) as failure:
        client.infer("mlp", inputs, timeout_s=3.0)
    assert failure.value.code == "UNAVAILABLE"
    with ServerProcess(tmp_path, "--port", first.address.rpartition(":")[2]):
        np.testing.assert_array_equal(client.infer("mlp", inputs).outputs["score"], score)
    client.close()
