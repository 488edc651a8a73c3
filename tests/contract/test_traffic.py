"""Which version answers, at both doors and the HTTP port: labels, the canary's share, keys, and changes of all that."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from penstock.pb import inference_pb2 as oip
from penstock.pb import traffic_pb2 as traffic
from penstock.pb import traffic_pb2_grpc
from tests.contract.two_versions import MODEL, NEW, STABLE, TIMEOUT_S, TwoVersions, infer, predict, serve
from tests.server_process import ServerProcess

CALLS = 200
NOT_FOUND, UNAVAILABLE = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNAVAILABLE
ROW = {"rows": [{"amount": 1.0}]}
TENSOR: dict[str, Any] = {"inputs": [{"name": "amount", "datatype": "FP32", "shape": [1], "data": [1.0]}]}


@pytest.fixture
async def two() -> AsyncIterator[TwoVersions]:
    async with serve() as two:
        yield two


@pytest.fixture
async def call(two: TwoVersions, door: str) -> AsyncIterator[SimpleNamespace]:
    """All services at a door."""
    async with grpc.aio.insecure_channel(two.addresses[door]) as channel:
        yield two.stubs(channel)


async def version(calls: Any, request: Any) -> int:
    """The version that a call met; the answer says so twice."""
    response = await calls(request, timeout=TIMEOUT_S)
    if isinstance(response, oip.ModelInferResponse):
        told = int.from_bytes(response.raw_output_contents[0], "little")
    else:
        (told,) = response.outputs[0].ints.value
    assert response.model_version == str(told)
    return told


async def shares(calls: Any, request: Any) -> Counter[int]:
    return Counter(await asyncio.gather(*(version(calls, request) for _ in range(CALLS))))


async def refused(call: Any, request: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(request, timeout=TIMEOUT_S)
    return caught.value.code(), caught.value.details() or ""


def forms(call: SimpleNamespace) -> list[tuple[Any, Callable[..., Any]]]:
    return [(call.inference.ModelInfer, infer), (call.prediction.Predict, predict)]


async def test_calls_that_name_no_version_are_shared_by_weight(call: SimpleNamespace) -> None:
    for method, request in forms(call):
        met = await shares(method, request())
        # On each I/O thread calls are dealt evenly.
        assert met[STABLE] + met[NEW] == CALLS
        assert abs(met[NEW] - CALLS / 2) <= 10


async def test_a_version_or_label_that_is_named_answers_with_its_number(call: SimpleNamespace) -> None:
    for method, request in forms(call):
        for asked, expected in (("7", 7), ("8", 8), ("stable", 7), ("new", 8)):
            assert await shares(method, request(asked)) == {expected: CALLS}


async def test_a_key_meets_one_version_in_every_form_and_at_every_door(
    two: TwoVersions, call: SimpleNamespace
) -> None:
    met = set()
    for key in (f"user-{number}" for number in range(12)):
        seen = {await version(method, request(key=key)) for method, request in forms(call) for _ in range(3)}
        seen |= {
            int((await two.post(verb, body, key=header))[1]["model_version"])
            for verb, body, header in (
                ("predict", {**ROW, "routing_key": key}, ""),
                ("predict", ROW, key),
                ("infer", {**TENSOR, "parameters": {"penstock-routing-key": key}}, ""),
                ("infer", TENSOR, key),
            )
        }
        assert len(seen) == 1, key
        met |= seen
    assert met == {STABLE, NEW}


async def test_requests_of_a_stream_choose_one_by_one(call: SimpleNamespace) -> None:
    asked = ["stable", "new", "8", "7", "nobody", ""]
    infers = call.inference.ModelStreamInfer(iter([infer(name) for name in asked]), timeout=TIMEOUT_S)
    told = [(answer.infer_response.model_version, answer.error_message) async for answer in infers]
    assert [number for number, _ in told[:4]] == ["7", "8", "8", "7"]
    assert "has no label" in told[4][1]
    assert told[5][0] in {"7", "8"}
    predicts = call.prediction.PredictStream(iter([predict(name) for name in asked]), timeout=TIMEOUT_S)
    answers = [answer async for answer in predicts]
    assert [answer.response.model_version for answer in answers[:4]] == ["7", "8", "8", "7"]
    assert answers[4].error.code == NOT_FOUND.value[0]
    # A key is each request's own.
    keyed = call.prediction.PredictStream(iter([predict(key=f"u{n}") for n in range(30)]), timeout=TIMEOUT_S)
    assert {answer.response.model_version async for answer in keyed} == {"7", "8"}


async def test_an_unknown_label_is_not_found_and_told_which_there_are(
    two: TwoVersions, call: SimpleNamespace
) -> None:
    sentence = f'Model "{MODEL}" has no label "blue"; it has gone, new, stable.'
    for method, request in forms(call):
        assert await refused(method, request("blue")) == (NOT_FOUND, sentence)
    for method in ("ModelReady", "ModelMetadata", "ModelConfig", "ModelStatistics"):
        request = getattr(oip, f"{method}Request")(name=MODEL, version="blue")
        assert await refused(getattr(call.inference, method), request) == (NOT_FOUND, sentence), method
    for verb, body in (("predict", ROW), ("infer", TENSOR)):
        status, document = await two.post(verb, body, version="blue")
        assert (status, document["error"]) == (404, sentence)


async def test_a_label_whose_version_does_not_serve_is_unavailable_with_the_reason(
    two: TwoVersions, call: SimpleNamespace
) -> None:
    sentence = f'Label "gone" of model "{MODEL}" is version 6, which does not serve: it is not loaded'
    for method, request in forms(call):
        assert await refused(method, request("gone")) == (UNAVAILABLE, sentence)
    request = oip.ModelMetadataRequest(name=MODEL, version="gone")
    assert await refused(call.inference.ModelMetadata, request) == (UNAVAILABLE, sentence)
    status, document = await two.post("predict", ROW, version="gone")
    assert (status, document["error"]) == (503, sentence)


async def test_what_is_told_of_a_model_by_a_label_has_the_number(call: SimpleNamespace) -> None:
    for asked in ("", "7", "stable"):
        metadata = await call.inference.ModelMetadata(oip.ModelMetadataRequest(name=MODEL, version=asked))
        assert list(metadata.versions) == ["7", "8"]
        assert (await call.inference.ModelReady(oip.ModelReadyRequest(name=MODEL, version=asked))).ready
        request = oip.ModelStatisticsRequest(name=MODEL, version=asked)
        told = (await call.inference.ModelStatistics(request)).model_stats
        assert [statistics.version for statistics in told] == (["7"] if asked else ["7", "8"])


async def test_a_key_that_is_no_text_is_refused_with_its_field(
    call: SimpleNamespace, two: TwoVersions
) -> None:
    request = infer()
    request.parameters["penstock-routing-key"].int64_param = 7
    code, sentence = await refused(call.inference.ModelInfer, request)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "parameters.penstock-routing-key must be text, but a whole number came" in sentence
    status, document = await two.post("infer", {**TENSOR, "parameters": {"penstock-routing-key": 7}})
    assert status == 400
    assert "parameters.penstock-routing-key must be text" in document["error"]


async def test_a_canary_is_set_promoted_and_rolled_back_while_it_serves(call: SimpleNamespace) -> None:
    method = call.inference.ModelInfer
    set_to = await call.traffic.SetTraffic(traffic.SetTrafficRequest(model_name=MODEL, weight=0.1))
    assert (set_to.traffic.canary_version, set_to.traffic.set_at_runtime) == ("8", True)
    assert [(each.version, each.weight) for each in set_to.traffic.versions] == [("7", 0.9), ("8", 0.1)]
    met = await shares(method, infer())
    assert 0 < met[NEW] <= CALLS / 5
    rolled_back = await call.traffic.RollBack(traffic.RollBackRequest(model_name=MODEL))
    assert (rolled_back.traffic.canary_weight, bool(rolled_back.traffic.rolled_back)) == (0.0, True)
    assert await shares(method, infer()) == {STABLE: CALLS}
    request = traffic.SetTrafficRequest(model_name=MODEL, canary_version="new", weight=1.0)
    again = (await call.traffic.SetTraffic(request)).traffic
    assert (again.canary_weight, again.rolled_back) == (1.0, "")
    assert await shares(method, infer()) == {NEW: CALLS}
    promoted = (await call.traffic.Promote(traffic.PromoteRequest(model_name=MODEL))).traffic
    assert (promoted.labels["stable"], promoted.stable_version, promoted.canary_version) == ("8", "8", "")
    assert await shares(method, infer("stable")) == {NEW: CALLS}
    assert await shares(method, infer()) == {NEW: CALLS}
    now = (await call.traffic.GetTraffic(traffic.GetTrafficRequest(model_name=MODEL))).traffic
    assert now == promoted


async def test_what_cannot_be_done_with_traffic_is_refused_with_the_reason(call: SimpleNamespace) -> None:
    FAILED = grpc.StatusCode.FAILED_PRECONDITION  # noqa: N806 - as grpc calls it
    set_traffic = call.traffic.SetTraffic
    for request, code, part in (
        (
            traffic.SetTrafficRequest(model_name="nobody"),
            NOT_FOUND,
            'Model "nobody" is not in the repository',
        ),
        (traffic.SetTrafficRequest(model_name=MODEL, weight=1.5), grpc.StatusCode.INVALID_ARGUMENT, "0 to 1"),
        (traffic.SetTrafficRequest(model_name=MODEL, canary_version="9"), FAILED, "it serves 7, 8"),
        (traffic.SetTrafficRequest(model_name=MODEL, canary_version="7"), FAILED, "the stable one"),
        (
            traffic.SetTrafficRequest(model_name=MODEL, canary_version="blue"),
            NOT_FOUND,
            "it has gone, new, stable",
        ),
        (
            traffic.SetTrafficRequest(model_name=MODEL, weight=float("nan")),
            grpc.StatusCode.INVALID_ARGUMENT,
            "nan",
        ),
    ):
        found, sentence = await refused(set_traffic, request)
        assert (found, part in sentence) == (code, True), sentence
    await call.traffic.Promote(traffic.PromoteRequest(model_name=MODEL))
    for method, request in (
        (call.traffic.Promote, traffic.PromoteRequest(model_name=MODEL)),
        (call.traffic.RollBack, traffic.RollBackRequest(model_name=MODEL)),
        (set_traffic, traffic.SetTrafficRequest(model_name=MODEL, weight=0.5)),
    ):
        found, sentence = await refused(method, request)
        assert (found, "has no canary" in sentence) == (FAILED, True), sentence


async def test_a_canary_that_fails_is_rolled_back_by_its_rule_and_gets_nothing_more(
    two: TwoVersions, call: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    two.traffic.look()
    await shares(call.inference.ModelInfer, infer())
    two.traffic.look()
    assert two.traffic.of(MODEL).weight == 0.5
    two.broken.set()
    calls = (call.inference.ModelInfer(infer(), timeout=TIMEOUT_S) for _ in range(CALLS))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    failed = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert {answer.code() for answer in failed} == {grpc.StatusCode.INTERNAL}
    caplog.clear()
    with caplog.at_level("WARNING", logger="penstock"):
        two.traffic.look()
        two.traffic.look()
    assert [record.message for record in caplog.records].count("canary rolled back") == 1
    assert await shares(call.inference.ModelInfer, infer()) == {STABLE: CALLS}
    now = (await call.traffic.GetTraffic(traffic.GetTrafficRequest(model_name=MODEL))).traffic
    assert "calls failed" in now.rolled_back
    page = two.door.engine.metrics_text()
    assert f'penstock_canary_rollbacks_total{{model="{MODEL}"}} 1\n' in page
    assert f'penstock_version_weight{{model="{MODEL}",version="8"}} 0\n' in page


def test_traffic_is_not_served_where_callers_control_no_models(server: ServerProcess) -> None:
    stub = traffic_pb2_grpc.TrafficStub(server.channel)
    for method, request in (
        (stub.GetTraffic, traffic.GetTrafficRequest(model_name="pair")),
        (stub.SetTraffic, traffic.SetTrafficRequest(model_name="pair")),
        (stub.Promote, traffic.PromoteRequest(model_name="pair")),
        (stub.RollBack, traffic.RollBackRequest(model_name="pair")),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            method(request, timeout=TIMEOUT_S)
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED  # type: ignore[attr-defined]
