"""`AsyncClient`: `Client` for asyncio, in the same words."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from numpy.typing import NDArray

from penstock import calls
from penstock.call_error import CallError
from penstock.channel import DEFAULT_TIMEOUT_S, ChannelOptions, Tls, Transport, checked_timeout_s
from penstock.fast_transport import AsyncFastTransport, fast_channel
from penstock.grpcio_transport import AsyncGrpcioTransport
from penstock.pb import feature_statistics_pb2, inference_pb2, traffic_pb2
from penstock.predict_request import PredictOptions
from penstock.prediction import Prediction
from penstock.retry import RetryAttempts, RetryBudget
from penstock.rows import Rows

Answer = TypeVar("Answer")


class AsyncClient:
    """`Client` for asyncio, method by method; make it and use it in one running event loop."""

    def __init__(
        self,
        target: str,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        tls: Tls | bool = False,
        options: ChannelOptions = (),
        transport: Transport = "auto",
    ) -> None:
        self._timeout_s = checked_timeout_s(timeout_s)
        self._budget = RetryBudget()
        self._grpcio = AsyncGrpcioTransport(target, tls, options)
        channel = fast_channel(target, tls, options, transport)
        self._hot: AsyncFastTransport | AsyncGrpcioTransport = (
            self._grpcio if channel is None else AsyncFastTransport(channel)
        )

    async def predict(  # noqa: PLR0913 - as Client.predict
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
        """As `Client.predict`."""
        asked = PredictOptions(model, version, request_id, outputs, receipt, routing_key=routing_key)
        return await self._run(calls.predict(asked, rows, context), timeout_s, self._hot)

    async def infer(  # noqa: PLR0913 - as Client.infer
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
        """As `Client.infer`."""
        call = calls.infer(model, inputs, version, request_id, outputs, routing_key)
        return await self._run(call, timeout_s, self._hot)

    async def server_live(self, *, timeout_s: float | None = None) -> bool:
        """As `Client.server_live`."""
        return await self._run(calls.server_live(), timeout_s)

    async def server_ready(self, *, timeout_s: float | None = None) -> bool:
        """As `Client.server_ready`."""
        return await self._run(calls.server_ready(), timeout_s)

    async def model_ready(self, model: str, version: str = "", *, timeout_s: float | None = None) -> bool:
        """As `Client.model_ready`."""
        return await self._run(calls.model_ready(model, version), timeout_s)

    async def model_metadata(
        self, model: str, version: str = "", *, timeout_s: float | None = None
    ) -> inference_pb2.ModelMetadataResponse:
        """As `Client.model_metadata`."""
        return await self._run(calls.model_metadata(model, version), timeout_s)

    async def feature_statistics(
        self, model: str, version: str = "", features: Sequence[str] = (), *, timeout_s: float | None = None
    ) -> feature_statistics_pb2.GetFeatureStatisticsResponse:
        """As `Client.feature_statistics`."""
        return await self._run(calls.feature_statistics(model, version, features), timeout_s)

    async def repository_index(
        self, *, timeout_s: float | None = None
    ) -> inference_pb2.RepositoryIndexResponse:
        """As `Client.repository_index`."""
        return await self._run(calls.repository_index(), timeout_s)

    async def load_model(self, model: str, *, timeout_s: float | None = None) -> None:
        """As `Client.load_model`."""
        await self._run(calls.load_model(model), timeout_s)

    async def unload_model(self, model: str, *, timeout_s: float | None = None) -> None:
        """As `Client.unload_model`."""
        await self._run(calls.unload_model(model), timeout_s)

    async def traffic(self, model: str, *, timeout_s: float | None = None) -> traffic_pb2.ModelTraffic:
        """As `Client.traffic`."""
        return await self._run(calls.traffic(model), timeout_s)

    async def set_traffic(
        self, model: str, canary: str, weight: float, *, timeout_s: float | None = None
    ) -> traffic_pb2.ModelTraffic:
        """As `Client.set_traffic`."""
        return await self._run(calls.set_traffic(model, canary, weight), timeout_s)

    async def promote(self, model: str, *, timeout_s: float | None = None) -> traffic_pb2.ModelTraffic:
        """As `Client.promote`."""
        return await self._run(calls.promote(model), timeout_s)

    async def roll_back(self, model: str, *, timeout_s: float | None = None) -> traffic_pb2.ModelTraffic:
        """As `Client.roll_back`."""
        return await self._run(calls.roll_back(model), timeout_s)

    async def health(self, service: str = "", *, timeout_s: float | None = None) -> str:
        """As `Client.health`."""
        return await self._run(calls.health(service), timeout_s)

    async def close(self) -> None:
        """Ends the channels; calls under way are cancelled."""
        await self._hot.close()
        await self._grpcio.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(
        self,
        call: calls.UnaryCall[Answer],
        timeout_s: float | None,
        transport: AsyncFastTransport | AsyncGrpcioTransport | None = None,
    ) -> Answer:
        remaining_s = self._timeout_s if timeout_s is None else checked_timeout_s(timeout_s)
        deadline_s = time.monotonic() + remaining_s
        transport = transport or self._grpcio
        attempts: RetryAttempts | None = None
        while True:
            pending = transport.send(call.method, call.request, remaining_s)
            try:
                answer = await pending
            except asyncio.CancelledError:
                transport.gone(pending)
                raise
            except CallError as failure:
                attempts = attempts or RetryAttempts(self._budget, deadline_s - time.monotonic())
                wait_s = attempts.wait_s(failure.code, failure.pushback_ms)
                if wait_s is None:
                    raise
            else:
                self._budget.succeeded()
                return call.read(answer)
            await asyncio.sleep(wait_s)
            remaining_s = attempts.remaining_s()
