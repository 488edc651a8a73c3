"""grpc.health.v1: what this server says of itself and of each model; Check, List and Watch.

A state is set by whoever knows it (the server, the repository); nothing here asks. Everything runs on
the event loop's thread.

The messages and the servicer's form are grpcio-health-checking's. Its aio servicer is not used: it holds
a lock while it writes to a watcher, so that one watcher that does not read (a flow-control window of
zero) keeps every later change of state, and so the drain, waiting for good.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NewType

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from penstock.names import unknown_model
from penstock.rpc_handlers import rpc_handlers

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
_SERVICE = health_pb2.DESCRIPTOR.services_by_name["Health"]

Name = NewType("Name", str)
"""What a caller asks about."""

SERVER = Name("")
READINESS = Name("readiness")
LIVENESS = Name("liveness")


def model(name: str, version: int | None = None) -> Name:
    """A model as a caller asks about it, or one version of it: `fraud`, `fraud/2`.

    Raises ValueError for a model whose name is that of a probe.
    """
    if name in (SERVER, READINESS, LIVENESS):
        raise ValueError(
            f"a model cannot be called {name!r}: grpc.health.v1 answers that name for the server"
        )
    return Name(name if version is None else f"{name}/{version}")


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """The states of all names. A new one is alive and not ready, and knows no model."""

    def __init__(self) -> None:
        self._states = {SERVER: NOT_SERVING, READINESS: NOT_SERVING, LIVENESS: SERVING}
        self._draining = False
        self._closed = False
        # Set at each change and replaced by a new one, so that no watcher misses a change that comes
        # while it writes.
        self._changed = asyncio.Event()

    def add_to(self, server: grpc.aio.Server) -> None:
        """Registers the service; before the server starts."""
        server.add_generic_rpc_handlers((rpc_handlers(_SERVICE, self),))

    def set(self, name: Name, *, serving: bool) -> None:
        """Makes a name known in this state. While draining only liveness can be serving."""
        possible = serving and (name == LIVENESS or not self._draining)
        self._states[name] = SERVING if possible else NOT_SERVING
        self._announce()

    def set_ready(self, ready: bool) -> None:
        """Whether the server as a whole can be called."""
        self.set(SERVER, serving=ready)
        self.set(READINESS, serving=ready)

    def set_models(self, states: Mapping[Name, bool]) -> None:
        """The models and versions that there are, and whether each serves; other names become unknown."""
        gone = self._states.keys() - states.keys() - {SERVER, READINESS, LIVENESS}
        for name in gone:
            del self._states[name]
        for name, serving in states.items():
            self._states[name] = SERVING if serving and not self._draining else NOT_SERVING
        self._announce()

    def drain(self) -> None:
        """Says from now on that nothing can be called but that the process lives."""
        self._draining = True
        for name in self._states:
            if name != LIVENESS:
                self._states[name] = NOT_SERVING
        self._announce()

    def close(self) -> None:
        """Ends every Watch after its last state: a stopping server waits for the calls it has."""
        self._closed = True
        self._announce()

    def _announce(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def Check(
        self,
        request: health_pb2.HealthCheckRequest,
        context: grpc.aio.ServicerContext[health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse],
    ) -> health_pb2.HealthCheckResponse:
        """The state of a name; NOT_FOUND for an unknown one."""
        status = self._states.get(request.service)
        if status is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, unknown_model(request.service))
        return health_pb2.HealthCheckResponse(status=status)

    async def List(
        self,
        request: health_pb2.HealthListRequest,  # noqa: ARG002 - gRPC passes it
        context: grpc.aio.ServicerContext[  # noqa: ARG002 - gRPC passes it
            health_pb2.HealthListRequest, health_pb2.HealthListResponse
        ],
    ) -> health_pb2.HealthListResponse:
        """The states of all names; served where the installed grpcio-health-checking has this newer RPC."""
        return health_pb2.HealthListResponse(
            statuses={
                name: health_pb2.HealthCheckResponse(status=status) for name, status in self._states.items()
            }
        )

    async def Watch(
        self,
        request: health_pb2.HealthCheckRequest,
        context: grpc.aio.ServicerContext[health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse],
    ) -> None:
        """The state of a name, and each one after it; SERVICE_UNKNOWN while the name is unknown.

        A watcher that reads slowly gets the latest state and may miss those between.
        """
        told = None
        while True:
            changed = self._changed
            status = self._states.get(request.service, SERVICE_UNKNOWN)
            if status != told:
                await context.write(health_pb2.HealthCheckResponse(status=status))
                # It may have changed, and been closed, meanwhile.
                told = status
            elif self._closed:
                return
            else:
                await changed.wait()
