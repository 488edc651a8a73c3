"""penstock.v1.Traffic: how the calls of a model are shared among its versions. What may be is for `traffic` to say."""
# ruff: noqa: N802 - RPC names come from the protocol

from __future__ import annotations

from collections.abc import Callable

from penstock._fastpath import Engine
from penstock.errors import CallFailed
from penstock.pb import traffic_pb2 as pb
from penstock.pb import traffic_pb2_grpc
from penstock.rpc_handlers import Context, refuse
from penstock.traffic import ModelTraffic, Traffic

SERVICE = pb.DESCRIPTOR.services_by_name["Traffic"]


class TrafficServicer(traffic_pb2_grpc.TrafficServicer):
    """The RPCs, a few lines each."""

    def __init__(self, traffic: Traffic, engine: Engine) -> None:
        self._traffic = traffic
        self._engine = engine

    async def GetTraffic(self, request: pb.GetTrafficRequest, context: Context) -> pb.GetTrafficResponse:
        """How the calls of a model are shared now."""
        now = await _done(context, lambda: self._traffic.of(request.model_name))
        return pb.GetTrafficResponse(traffic=self._message(request.model_name, now))

    async def SetTraffic(self, request: pb.SetTrafficRequest, context: Context) -> pb.SetTrafficResponse:
        """Starts a canary, or gives it another weight."""
        name, version, weight = request.model_name, request.canary_version, request.weight
        now = await _done(context, lambda: self._traffic.set_canary(name, version, weight))
        return pb.SetTrafficResponse(traffic=self._message(name, now))

    async def Promote(self, request: pb.PromoteRequest, context: Context) -> pb.PromoteResponse:
        """Makes the canary the stable version."""
        now = await _done(context, lambda: self._traffic.promote(request.model_name))
        return pb.PromoteResponse(traffic=self._message(request.model_name, now))

    async def RollBack(self, request: pb.RollBackRequest, context: Context) -> pb.RollBackResponse:
        """Gives the canary nothing more."""
        now = await _done(context, lambda: self._traffic.roll_back(request.model_name))
        return pb.RollBackResponse(traffic=self._message(request.model_name, now))

    def _message(self, name: str, now: ModelTraffic) -> pb.ModelTraffic:
        serving = self._engine.serving(name)
        return pb.ModelTraffic(
            model_name=name,
            labels={label: str(version) for label, version in now.labels.items()},
            stable_version=_text(self._engine.stable_version(name)),
            canary_version=_text(now.canary),
            canary_weight=now.weight,
            rolled_back=now.rolled_back,
            set_at_runtime=now.set_at_runtime,
            versions=[
                pb.VersionTraffic(version=str(version), weight=weight) for version, weight in serving.items()
            ],
        )


async def _done(context: Context, work: Callable[[], ModelTraffic]) -> ModelTraffic:
    try:
        return work()
    except CallFailed as failure:
        await refuse(context, failure)


def _text(version: int | None) -> str:
    return "" if version is None else str(version)
