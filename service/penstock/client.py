"""The client for other Python services, for threads; `async_client` has that for asyncio.

Here live the attempts of a call. What a call says is `calls`, when it is tried again is `retry`, what
carries it is `fast_transport` or `grpcio_transport`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, overload

from numpy.typing import NDArray

from penstock import calls
from penstock.call_error import CallError
from penstock.channel import DEFAULT_TIMEOUT_S, ChannelOptions, Tls, Transport, checked_timeout_s
from penstock.fast_transport import FastTransport, fast_channel
from penstock.grpcio_transport import GrpcioTransport
from penstock.many import Many
from penstock.pb import feature_statistics_pb2, inference_pb2, traffic_pb2
from penstock.predict_request import PredictOptions
from penstock.prediction import Prediction
from penstock.retry import RetryAttempts, RetryBudget
from penstock.rows import Rows

Answer = TypeVar("Answer")

# Enough to fill a server's batches, and few enough to leave room in its queue for others.
_IN_FLIGHT = 64


class Client:
    """Calls a server over one channel that all threads share.

    Every call has a deadline: `timeout_s` of the call, or else that of the client. A call that is
    refused UNAVAILABLE, or finds no server, is tried again, five attempts in all and only before its
    deadline, after the server's `grpc-retry-pushback-ms` or else after a growing, jittered
    backoff. All calls share a budget of retries, so that they never multiply the load.

    Every failure of a call is a CallError.

    Example:
        with Client("localhost:8001") as client:
            rows = [{"amount": 12.5, "merchant": "m1"}, {"amount": 3.0}]
            scores = client.predict("fraud", rows).outputs["score"]

    """

    def __init__(
        self,
        target: str,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        tls: Tls | bool = False,
        options: ChannelOptions = (),
        transport: Transport = "auto",
    ) -> None:
        """`target` is a grpc target, such as "localhost:8001"; nothing is connected before the first call.

        `tls=True` trusts grpc's root certificates. `options` are grpc channel options beside
        penstock's, or instead of them. `transport` carries `predict` and `infer`: "fast" is the
        extension's own channel, "grpcio" is grpcio's, which all other methods use anyway; "auto" is
        "fast" unless `options` are given or the target needs one of grpc's resolvers. The fast
        transport heeds no proxy that the environment names.
        """
        self._timeout_s = checked_timeout_s(timeout_s)
        self._budget = RetryBudget()
        self._grpcio = GrpcioTransport(target, tls, options)
        channel = fast_channel(target, tls, options, transport)
        self._hot: FastTransport | GrpcioTransport = (
            self._grpcio if channel is None else FastTransport(channel)
        )

    def predict(  # noqa: PLR0913 - a keyword for each field of the request
        self,
        model: str,
        rows: Rows | Sequence[bytes],
        context: Mapping[str, object] | None = None,
        *,
        version: str = "",
        request_id: str = "",
        outputs: Sequence[str] = (),
        receipt: bool = False,
        routing_key: str = "",
        timeout_s: float | None = None,
    ) -> Prediction:
        """Scores rows of features; `penstock.rows` says which forms of rows are taken, and how.

        `rows` may also be a list of serialized tf.Example records. `context` holds features that
        all rows share; its floats are rounded to 32 bits. `version` is a number or a label; an empty one asks
        for the stable version, or its canary, and then calls with the same `routing_key` meet the same. An
        empty `outputs` asks for all of them.

        Raises RowsError for rows that cannot be sent, CallError for a call that fails.
        """
        asked = PredictOptions(model, version, request_id, outputs, receipt, routing_key=routing_key)
        return self._run(calls.predict(asked, rows, context), timeout_s, self._hot)

    def infer(  # noqa: PLR0913 - as predict
        self,
        model: str,
        inputs: Mapping[str, NDArray[Any]],
        *,
        version: str = "",
        request_id: str = "",
        outputs: Sequence[str] = (),
        routing_key: str = "",
        timeout_s: float | None = None,
    ) -> Prediction:
        """Runs a model on tensors by the Open Inference Protocol; the first axis is the rows.

        An array's dtype gives its datatype; str, bytes and object arrays are BYTES. BYTES outputs
        are object arrays of bytes, BF16 outputs uint16 bit patterns.

        Raises ValueError for an array without a datatype, CallError for a call that fails.
        """
        call = calls.infer(model, inputs, version, request_id, outputs, routing_key)
        return self._run(call, timeout_s, self._hot)

    @overload
    def predict_many(
        self,
        model: str,
        requests: Iterable[Rows | Sequence[bytes]],
        context: Mapping[str, object] | None = None,
        *,
        version: str = "",
        outputs: Sequence[str] = (),
        timeout_s: float | None = None,
        in_flight: int = _IN_FLIGHT,
        return_exceptions: Literal[False] = False,
    ) -> list[Prediction]: ...

    @overload
    def predict_many(
        self,
        model: str,
        requests: Iterable[Rows | Sequence[bytes]],
        context: Mapping[str, object] | None = None,
        *,
        version: str = "",
        outputs: Sequence[str] = (),
        timeout_s: float | None = None,
        in_flight: int = _IN_FLIGHT,
        return_exceptions: Literal[True],
    ) -> list[Prediction | CallError]: ...

    def predict_many(  # noqa: PLR0913 - as predict
        self,
        model: str,
        requests: Iterable[Rows | Sequence[bytes]],
        context: Mapping[str, object] | None = None,
        *,
        version: str = "",
        outputs: Sequence[str] = (),
        timeout_s: float | None = None,
        in_flight: int = _IN_FLIGHT,
        return_exceptions: bool = False,
    ) -> Any:
        """`predict` for each of `requests`, in one thread, as `infer_many` does it."""
        asked = PredictOptions(model, version, "", outputs)
        made = (calls.predict(asked, rows, context) for rows in requests)
        return self._run_many(made, timeout_s, in_flight, return_exceptions)

    @overload
    def infer_many(
        self,
        model: str,
        requests: Iterable[Mapping[str, NDArray[Any]]],
        *,
        version: str = "",
        outputs: Sequence[str] = (),
        timeout_s: float | None = None,
        in_flight: int = _IN_FLIGHT,
        return_exceptions: Literal[False] = False,
    ) -> list[Prediction]: ...

    @overload
    def infer_many(
        self,
        model: str,
        requests: Iterable[Mapping[str, NDArray[Any]]],
        *,
        version: str = "",
        outputs: Sequence[str] = (),
        timeout_s: float | None = None,
        in_flight: int = _IN_FLIGHT,
        return_exceptions: Literal[True],
    ) -> list[Prediction | CallError]: ...

    def infer_many(  # noqa: PLR0913 - as infer
        self,
        model: str,
        requests: Iterable[Mapping[str, NDArray[Any]]],
        *,
        version: str = "",
        outputs: Sequence[str] = (),
        timeout_s: float | None = None,
        in_flight: int = _IN_FLIGHT,
        return_exceptions: bool = False,
    ) -> Any:
        """`infer` for each of `requests`, a call each, with `in_flight` of them under way; answers in their order.

        For a thread that has much to ask and nothing else to do: a future for each call would cost
        more than the call. Whoever has other work meanwhile takes AsyncClient and `asyncio.gather`,
        whose `return_exceptions` this is: the first failure is raised and cancels what is under way,
        or else stands among the answers. `requests` are read as calls are sent. `timeout_s` is each
        call's, retries included, from when it is sent.
        """
        made = (calls.infer(model, inputs, version, "", outputs) for inputs in requests)
        return self._run_many(made, timeout_s, in_flight, return_exceptions)

    def server_live(self, *, timeout_s: float | None = None) -> bool:
        """Whether the server's process is alive; one that cannot be reached is a CallError."""
        return self._run(calls.server_live(), timeout_s)

    def server_ready(self, *, timeout_s: float | None = None) -> bool:
        """Whether the server takes inference calls."""
        return self._run(calls.server_ready(), timeout_s)

    def model_ready(self, model: str, version: str = "", *, timeout_s: float | None = None) -> bool:
        """Whether the model, or this version of it, takes inference calls."""
        return self._run(calls.model_ready(model, version), timeout_s)

    def model_metadata(
        self, model: str, version: str = "", *, timeout_s: float | None = None
    ) -> inference_pb2.ModelMetadataResponse:
        """Versions, platform, and what callers send and get: name, datatype and shape."""
        return self._run(calls.model_metadata(model, version), timeout_s)

    def feature_statistics(
        self, model: str, version: str = "", features: Sequence[str] = (), *, timeout_s: float | None = None
    ) -> feature_statistics_pb2.GetFeatureStatisticsResponse:
        """What the model's features are like, since load and in the last hour; an empty `features` is all of them."""
        return self._run(calls.feature_statistics(model, version, features), timeout_s)

    def repository_index(self, *, timeout_s: float | None = None) -> inference_pb2.RepositoryIndexResponse:
        """Every version that the server knows, with its state and why it has that."""
        return self._run(calls.repository_index(), timeout_s)

    def load_model(self, model: str, *, timeout_s: float | None = None) -> None:
        """Loads what a model's folder holds now, and gives when that serves.

        A CallError UNIMPLEMENTED where the server lets callers load nothing, FAILED_PRECONDITION with what is wrong,
        ABORTED while the model is being loaded or unloaded.
        """
        self._run(calls.load_model(model), timeout_s)

    def unload_model(self, model: str, *, timeout_s: float | None = None) -> None:
        """Takes a model out of service. Errors as of `load_model`."""
        self._run(calls.unload_model(model), timeout_s)

    def traffic(self, model: str, *, timeout_s: float | None = None) -> traffic_pb2.ModelTraffic:
        """Which versions answer the model's calls; UNIMPLEMENTED where the server lets nobody control models."""
        return self._run(calls.traffic(model), timeout_s)

    def set_traffic(
        self, model: str, canary: str, weight: float, *, timeout_s: float | None = None
    ) -> traffic_pb2.ModelTraffic:
        """Gives the version or label `canary`, or the present canary where it is empty, this share of the calls."""
        return self._run(calls.set_traffic(model, canary, weight), timeout_s)

    def promote(self, model: str, *, timeout_s: float | None = None) -> traffic_pb2.ModelTraffic:
        """Makes the model's canary its stable version."""
        return self._run(calls.promote(model), timeout_s)

    def roll_back(self, model: str, *, timeout_s: float | None = None) -> traffic_pb2.ModelTraffic:
        """Gives the model's canary nothing more, until its weight is set again."""
        return self._run(calls.roll_back(model), timeout_s)

    def health(self, service: str = "", *, timeout_s: float | None = None) -> str:
        """The state by grpc.health.v1, "SERVING" or "NOT_SERVING"; an empty `service` is the whole server.

        A service that the server does not know is a CallError NOT_FOUND.
        """
        return self._run(calls.health(service), timeout_s)

    def close(self) -> None:
        """Ends the channels; calls under way, and calls that come later, fail CANCELLED."""
        self._hot.close()
        self._grpcio.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(
        self,
        call: calls.UnaryCall[Answer],
        timeout_s: float | None,
        transport: FastTransport | GrpcioTransport | None = None,
    ) -> Answer:
        remaining_s = self._checked_timeout_s(timeout_s)
        deadline_s = time.monotonic() + remaining_s
        transport = transport or self._grpcio
        attempts: RetryAttempts | None = None
        while True:
            try:
                answer = transport.send(call.method, call.request, remaining_s)
            except CallError as failure:
                attempts = attempts or RetryAttempts(self._budget, deadline_s - time.monotonic())
                wait_s = attempts.wait_s(failure.code, failure.pushback_ms)
                if wait_s is None:
                    raise
            else:
                self._budget.succeeded()
                return call.read(answer)
            time.sleep(wait_s)
            remaining_s = attempts.remaining_s()

    def _run_many(
        self, made: Iterator[calls.UnaryCall[Prediction]], timeout_s: float | None, in_flight: int, keep: bool
    ) -> list[Prediction | CallError]:
        if in_flight < 1:
            raise ValueError(f"in_flight is {in_flight}; at least one call must be under way")
        checked_s = self._checked_timeout_s(timeout_s)
        return Many[Prediction](self._hot.many(), self._budget, checked_s, in_flight).run(
            made, keep_failures=keep
        )

    def _checked_timeout_s(self, timeout_s: float | None) -> float:
        return self._timeout_s if timeout_s is None else checked_timeout_s(timeout_s)
