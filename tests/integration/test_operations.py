"""What an operator relies on: overload, deadlines, cancellation, failing models, shutdown, metrics, probes.

What runs for a while runs until its gate is opened; nothing here sleeps, and no time is asserted.
"""

import re
import signal
from collections.abc import Sequence

import grpc
import numpy as np
import pytest

from penstock.pb import health_pb2, health_pb2_grpc, inference_pb2_grpc
from penstock.pb import inference_pb2 as oip
from tests.connection import connection
from tests.contract.tensors import outputs, raw_request
from tests.gate import Gate
from tests.integration.conftest import QUEUE_ROWS
from tests.prometheus_text import Metrics
from tests.server_process import ServerProcess
from tests.waiting import wait_for

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
ERROR_ID = re.compile(r"\b[0-9a-zA-Z-]{8,}\b")


def values(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32)


def request(model: str, *numbers: float) -> oip.ModelInferRequest:
    return raw_request(model, ("x", "FP32", values(*numbers)))


def stub(channel: grpc.Channel) -> inference_pb2_grpc.GRPCInferenceServiceStub:
    return inference_pb2_grpc.GRPCInferenceServiceStub(channel)


def codes(futures: Sequence[grpc.Future]) -> list[grpc.StatusCode]:
    return [future.code() for future in futures]


def answered(metrics: Metrics, model: str, code: str | None = None) -> float:
    labels = {"model": model} | ({"code": code} if code else {})
    return metrics.total("penstock_requests_total", **labels)


def rows_run(metrics: Metrics, model: str) -> float:
    """Rows that went through the model: the sum of the histogram of batch sizes."""
    return metrics.total("penstock_batch_rows_sum", model=model)


def in_flight(server: ServerProcess, model: str) -> float:
    return server.metrics().total("penstock_in_flight_requests", model=model)


def queue_rows(server: ServerProcess, model: str) -> float:
    return server.metrics().total("penstock_queue_rows", model=model)


def fill(server: ServerProcess, channel: grpc.Channel) -> list[grpc.Future]:
    """More calls than the queue takes, to a model whose gate is closed; all that will be refused has been."""
    calls = [
        stub(channel).ModelInfer.future(request("gated", at), timeout=60) for at in range(QUEUE_ROWS * 5)
    ]
    # One may have been taken out of the queue to run.
    least = len(calls) - QUEUE_ROWS - 1
    wait_for(lambda: answered(server.metrics(), "gated", "UNAVAILABLE") >= least)
    wait_for(lambda: in_flight(server, "gated") <= QUEUE_ROWS + 1)
    return calls


def test_calls_beyond_the_queue_are_refused_at_once_with_a_hint_when_to_come_again(
    server: ServerProcess, gate: Gate
) -> None:
    with connection(server) as channel:
        with gate.closed():
            calls = fill(server, channel)
        found = codes(calls)
    refused = [call for call in calls if call.code() == grpc.StatusCode.UNAVAILABLE]
    assert set(found) == {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
    assert QUEUE_ROWS <= found.count(grpc.StatusCode.OK) <= QUEUE_ROWS + 1
    for call in refused:
        assert int(dict(call.trailing_metadata())["grpc-retry-pushback-ms"]) > 0
    for at, call in enumerate(calls):
        if call.code() == grpc.StatusCode.OK:
            assert outputs(call.result())["y"] == pytest.approx([at])


def test_overload_of_one_model_does_not_touch_health_or_other_models(
    server: ServerProcess, gate: Gate
) -> None:
    with connection(server) as channel:
        with gate.closed():
            calls = fill(server, channel)
            health = health_pb2_grpc.HealthStub(channel)
            for name in ("", "gated"):
                assert health.Check(health_pb2.HealthCheckRequest(service=name)).status == SERVING
            good = stub(channel).ModelInfer(raw_request("mlp", ("x", "FP32", np.zeros((1, 32)))))
            assert outputs(good)["score"].shape == (1,)
        assert grpc.StatusCode.UNAVAILABLE in codes(calls)


def test_a_deadline_that_passes_in_the_queue_is_told_and_its_rows_never_run(
    server: ServerProcess, gate: Gate
) -> None:
    before = rows_run(server.metrics(), "gated")
    with connection(server) as channel:
        infer = stub(channel).ModelInfer
        with gate.closed():
            first = infer.future(request("gated", 1), timeout=60)
            wait_for(lambda: in_flight(server, "gated") == 1, during=first)
            # Long enough to get into the queue.
            late = infer.future(request("gated", 2), timeout=2)
            wait_for(lambda: in_flight(server, "gated") == 2, during=late)
            last = infer.future(request("gated", 3), timeout=60)
            assert late.code() == grpc.StatusCode.DEADLINE_EXCEEDED
            wait_for(lambda: in_flight(server, "gated") == 2, during=first)
        assert codes([first, last]) == [grpc.StatusCode.OK] * 2
    wait_for(lambda: in_flight(server, "gated") == 0)
    after = server.metrics()
    assert rows_run(after, "gated") - before == 2
    # The client's clock may be the first to say so; then the server hears of a caller that went away.
    expired = after.total("penstock_expired_requests_total", model="gated", stage="queue")
    assert expired + after.total("penstock_cancelled_requests_total", model="gated") == 1


def test_cancelled_calls_are_dropped_before_they_run(server: ServerProcess, gate: Gate) -> None:
    before = rows_run(server.metrics(), "gated")
    with connection(server) as channel:
        infer = stub(channel).ModelInfer
        with gate.closed():
            first = infer.future(request("gated", 1), timeout=60)
            wait_for(lambda: in_flight(server, "gated") == 1, during=first)
            waiting = [infer.future(request("gated", at), timeout=60) for at in (2, 3)]
            wait_for(lambda: in_flight(server, "gated") == 3, during=first)
            for call in waiting:
                call.cancel()
            wait_for(lambda: in_flight(server, "gated") == 1, during=first)
        assert first.code() == grpc.StatusCode.OK
        assert outputs(infer(request("gated", 4), timeout=60))["y"] == pytest.approx([4])
    wait_for(lambda: in_flight(server, "gated") == 0)
    after = server.metrics()
    assert rows_run(after, "gated") - before == 2
    assert answered(after, "gated", "CANCELLED") == 2


def test_a_cancelled_call_frees_its_place_in_the_queue(server: ServerProcess, gate: Gate) -> None:
    with connection(server) as channel:
        infer = stub(channel).ModelInfer
        with gate.closed():
            running = infer.future(request("gated", 0), timeout=60)
            # The calls of a connection are queued in order; once in the queue, the first leaves it to run.
            infer(raw_request("mlp", ("x", "FP32", np.zeros((1, 32)))))
            wait_for(lambda: queue_rows(server, "gated") == 0, during=running)
            waiting = [infer.future(request("gated", at), timeout=60) for at in range(QUEUE_ROWS)]
            wait_for(lambda: in_flight(server, "gated") == QUEUE_ROWS + 1, during=running)
            refused = infer.future(request("gated", 8), timeout=60)
            assert refused.code() == grpc.StatusCode.UNAVAILABLE
            waiting[0].cancel()
            wait_for(lambda: in_flight(server, "gated") == QUEUE_ROWS, during=running)
            placed = infer.future(request("gated", 9), timeout=60)
            wait_for(lambda: in_flight(server, "gated") == QUEUE_ROWS + 1, during=placed)
        assert codes([running, *waiting[1:], placed]) == [grpc.StatusCode.OK] * (QUEUE_ROWS + 1)


def test_a_model_that_raises_is_an_internal_error_with_an_id_and_nothing_of_the_model(
    server: ServerProcess,
) -> None:
    with connection(server) as channel:
        with pytest.raises(grpc.RpcError) as failed:
            stub(channel).ModelInfer(request("raises", -1), timeout=60)
        message = failed.value.details()
        assert failed.value.code() == grpc.StatusCode.INTERNAL
        for leak in ("Traceback", "secret", "RuntimeError", "TorchScript", ".py", "/"):
            assert leak not in message
        ids = [word for word in ERROR_ID.findall(message) if any(c.isdigit() for c in word)]
        assert ids, message
        # The answer does not wait for the log.
        wait_for(lambda: any(error_id in server.text() for error_id in ids))
        assert "a secret of the model" in server.text()
        assert outputs(stub(channel).ModelInfer(request("raises", 5), timeout=60))["y"].tolist() == [5]


def test_callers_beside_one_whose_rows_make_the_model_raise_are_answered(server: ServerProcess) -> None:
    with connection(server) as channel:
        infer = stub(channel).ModelInfer
        calls = [infer.future(request("raises", -1 if at % 20 == 7 else at), timeout=60) for at in range(100)]
        for at, call in enumerate(calls):
            if at % 20 == 7:
                assert call.code() == grpc.StatusCode.INTERNAL
            else:
                assert outputs(call.result())["y"].tolist() == [at]


def test_outputs_of_the_wrong_number_of_rows_are_an_internal_error(server: ServerProcess) -> None:
    with connection(server) as channel:
        infer = stub(channel).ModelInfer
        with pytest.raises(grpc.RpcError) as failed:
            infer(request("bad_output", 1, 2, 3), timeout=60)
        assert failed.value.code() == grpc.StatusCode.INTERNAL
        assert outputs(infer(request("bad_output", 1, 2), timeout=60))["y"].tolist() == [1, 2]


def test_after_sigterm_accepted_calls_finish_health_says_so_and_the_exit_code_is_zero(
    server: ServerProcess, gate: Gate
) -> None:
    with grpc.insecure_channel(server.address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == SERVING
        with gate.closed():
            calls = [
                stub(channel).ModelInfer.future(request("gated", at), timeout=60) for at in range(QUEUE_ROWS)
            ]
            wait_for(lambda: in_flight(server, "gated") == QUEUE_ROWS, during=calls[0])
            server.terminate()
            assert next(watch).status == NOT_SERVING
        assert codes(calls) == [grpc.StatusCode.OK] * QUEUE_ROWS
        for at, call in enumerate(calls):
            assert outputs(call.result())["y"] == pytest.approx([at])
    assert server.exit_code() == 0
    assert "Traceback" not in server.text()


def test_calls_after_sigterm_are_refused_unavailable(server: ServerProcess, gate: Gate) -> None:
    with grpc.insecure_channel(server.address, [("grpc.enable_retries", 0)]) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == SERVING
        with gate.closed():
            running = stub(channel).ModelInfer.future(request("gated", 1), timeout=60)
            wait_for(lambda: in_flight(server, "gated") == 1, during=running)
            server.terminate()
            assert [answer.status for answer in watch] == [NOT_SERVING]
            late = stub(channel).ModelInfer.future(request("gated", 2), timeout=60)
            assert late.code() == grpc.StatusCode.UNAVAILABLE
        assert running.code() == grpc.StatusCode.OK
        assert server.exit_code() == 0
        after = stub(channel).ModelInfer.future(request("gated", 3), timeout=60)
        assert after.code() == grpc.StatusCode.UNAVAILABLE


def test_an_interrupt_ends_an_idle_server_with_exit_code_zero(server: ServerProcess) -> None:
    server.process.send_signal(signal.SIGINT)
    assert server.exit_code() == 0
    assert "Traceback" not in server.text()


def test_metrics_count_every_call_by_model_and_code(server: ServerProcess) -> None:
    with connection(server) as channel:
        infer = stub(channel).ModelInfer
        for _ in range(3):
            infer(raw_request("mlp", ("x", "FP32", np.zeros((2, 32)))))
        for _ in range(2):
            with pytest.raises(grpc.RpcError):
                infer(raw_request("mlp", ("x", "FP32", np.zeros((2, 31)))))
        with pytest.raises(grpc.RpcError):
            infer(request("raises", -1))
    metrics = server.metrics()
    assert answered(metrics, "mlp", "OK") == 3
    assert answered(metrics, "mlp", "INVALID_ARGUMENT") == 2
    assert answered(metrics, "mlp") == 5
    assert answered(metrics, "raises", "INTERNAL") == 1
    assert rows_run(metrics, "mlp") == 6
    assert metrics.total("penstock_in_flight_requests") == 0


def test_unknown_models_make_no_metrics_of_their_own(server: ServerProcess) -> None:
    """Names that callers invent must not fill the server's memory with counters."""
    before = len(server.metrics().samples)
    with connection(server) as channel:
        for at in range(50):
            with pytest.raises(grpc.RpcError):
                stub(channel).ModelInfer(request(f"invented{at}", 1))
    # One set of samples for all of them, at most.
    assert len(server.metrics().samples) - before < 50
    assert "invented" not in server.http("/metrics")[1]


def test_metrics_are_prometheus_text(server: ServerProcess) -> None:
    metrics = server.metrics()
    assert set(metrics.types.values()) <= {"counter", "gauge", "histogram"}
    for name, labels, value in metrics.samples:
        family = next(
            (name.removesuffix(end) for end in ("_bucket", "_sum", "_count") if name.endswith(end)), name
        )
        assert name in metrics.types or family in metrics.types, name
        assert value >= 0, (name, labels)


def test_histograms_count_up_to_infinity(server: ServerProcess) -> None:
    with connection(server) as channel:
        for rows in (1, 2, 3):
            stub(channel).ModelInfer(raw_request("mlp", ("x", "FP32", np.zeros((rows, 32)))))
    metrics = server.metrics()
    histograms = [name for name, kind in metrics.types.items() if kind == "histogram"]
    assert histograms
    for name in histograms:
        series: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
        for sample, labels, value in metrics.samples:
            if sample == f"{name}_bucket":
                key = tuple(sorted((k, v) for k, v in labels.items() if k != "le"))
                series.setdefault(key, []).append((float(labels["le"]), value))
        for key, buckets in series.items():
            counts = [count for _, count in buckets]
            assert counts == sorted(counts)
            assert [bound for bound, _ in buckets] == sorted(bound for bound, _ in buckets)
            assert buckets[-1][0] == float("inf")
            assert counts[-1] == metrics.total(f"{name}_count", **dict(key))


def test_the_load_ratio_of_an_idle_server_is_a_share(server: ServerProcess) -> None:
    assert 0 <= server.metrics().total("penstock_load_ratio", model="mlp") <= 1


def test_the_load_ratio_of_a_server_that_refuses_calls_goes_beyond_one(
    server: ServerProcess, gate: Gate
) -> None:
    with connection(server) as channel:
        with gate.closed():
            calls = fill(server, channel)
            # The model's thread comes to be held for the whole window.
            wait_for(lambda: server.metrics().total("penstock_process_load_ratio") > 1, during=calls[0])
        assert grpc.StatusCode.UNAVAILABLE in codes(calls)


def test_probes_say_live_and_ready(server: ServerProcess) -> None:
    assert server.http("/livez")[0] == 200
    assert server.http("/readyz")[0] == 200
    assert server.http("/nothing")[0] == 404


def test_a_draining_server_is_live_and_not_ready(server: ServerProcess, gate: Gate) -> None:
    with grpc.insecure_channel(server.address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == SERVING
        with gate.closed():
            calls = [
                stub(channel).ModelInfer.future(request("gated", at), timeout=60) for at in range(QUEUE_ROWS)
            ]
            wait_for(lambda: in_flight(server, "gated") == QUEUE_ROWS, during=calls[0])
            server.terminate()
            assert next(watch).status == NOT_SERVING
            assert server.http("/livez")[0] == 200
            assert server.http("/readyz")[0] == 503
        assert codes(calls) == [grpc.StatusCode.OK] * QUEUE_ROWS


@pytest.mark.parametrize("name", ["", "mlp"])
def test_health_check_answers_for_the_server_and_for_a_model(server: ServerProcess, name: str) -> None:
    with connection(server) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        assert health.Check(health_pb2.HealthCheckRequest(service=name)).status == SERVING


def test_health_of_an_unknown_name_is_not_found_and_its_watch_says_unknown(server: ServerProcess) -> None:
    with connection(server) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        with pytest.raises(grpc.RpcError) as failed:
            health.Check(health_pb2.HealthCheckRequest(service="nowhere"))
        assert failed.value.code() == grpc.StatusCode.NOT_FOUND
        watch = health.Watch(health_pb2.HealthCheckRequest(service="nowhere"))
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        watch.cancel()
