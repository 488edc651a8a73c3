"""A fast door in this process, without models, and a servicer of the test's own behind it.

Everything but the door's I/O threads runs on the test's event loop.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc

from penstock._fastpath import Door, Engine

# As a server has them by default, but for one I/O thread: fewer threads make a fault's effect on others plainer.
SETTINGS: dict[str, Any] = {
    "io_threads": 1,
    "pin_threads": False,
    "max_receive_bytes": 4 << 20,
    "max_concurrent_streams": 100,
    "max_stream_in_flight": 64,
    "max_connections": 1024,
    "max_connection_age_s": 600,
    "response_compression": "none",
}
# Behind the door nothing is refused that the door let through.
_SERVER_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", 64 << 10),
    ("grpc.absolute_max_metadata_size", 64 << 10),
]


class FastDoor:
    """The door, and where its servicer is expected."""

    def __init__(
        self, folder: Path, tls: tuple[bytes, bytes, bytes | None] | None = None, **settings: Any
    ) -> None:
        self._socket = str(folder / "grpc")
        self.engine = Engine()
        self.door: Door = self.engine.open_door(
            "127.0.0.1", 0, upstream=self._socket, settings=SETTINGS | settings, tls=tls
        )
        self._servers: list[grpc.aio.Server] = []

    @property
    def address(self) -> str:
        """Where clients call."""
        return f"127.0.0.1:{self.door.port}"

    async def start_servicer(self, *handlers: grpc.GenericRpcHandler) -> None:
        """Has a servicer listen behind the door."""
        server = grpc.aio.server(options=_SERVER_OPTIONS)
        server.add_generic_rpc_handlers(handlers)
        server.add_insecure_port(f"unix:{self._socket}")
        await server.start()
        self._servers.append(server)

    async def stop_servicer(self) -> None:
        """Ends it at once, with what it works on; another may be started."""
        await self._servers.pop().stop(None)

    async def close(self) -> None:
        """Ends all of it."""
        self.door.stop(0)
        for server in self._servers:
            await server.stop(None)


@asynccontextmanager
async def fast_door(*handlers: grpc.GenericRpcHandler, **settings: Any) -> AsyncIterator[FastDoor]:
    """A door before a servicer with these handlers; before none where none are given.

    `tls` among the settings: chain, key and client authorities, as PEM.
    """
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        door = FastDoor(Path(folder), **settings)
        try:
            if handlers:
                await door.start_servicer(*handlers)
            yield door
        finally:
            await door.close()
