"""A relay that makes gRPC calls of the GETs that h2spec asks with, and touches nothing else.

The door answers 405 to a GET at once, before what most cases look at has come. With `:method: POST`, content-type
and te the request is a call, which lives until its body has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_PREFACE_BYTES = 24
_HEAD_BYTES = 9
_HEADERS, _CONTINUATION = 1, 9
_END_HEADERS, _PADDED, _PRIORITY = 0x4, 0x8, 0x20
# HPACK: two entries of the static table; content-type and te as literals that no table remembers.
_GET, _POST = b"\x82", b"\x83"
_GRPC = b"\x0f\x10\x10application/grpc" + b"\x00\x02te\x08trailers"
_LARGEST_FRAGMENT = (1 << 14) - len(_GRPC)


@asynccontextmanager
async def post_relay(host: str, port: int) -> AsyncIterator[int]:
    """Relays connections to that address; gives the port."""
    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.create_task(_connection(reader, writer, (host, port))))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])
        for connection in connections:
            connection.cancel()
        await asyncio.wait(connections)


async def _connection(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: tuple[str, int]
) -> None:
    up_reader, up_writer = await asyncio.open_connection(*address)
    requests = asyncio.create_task(_requests(reader, up_writer))
    try:
        with suppress(OSError):
            while data := await up_reader.read(65_536):
                writer.write(data)
                await writer.drain()
    finally:
        requests.cancel()
        up_writer.close()
        writer.close()


async def _requests(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.IncompleteReadError):
        writer.write(await reader.readexactly(_PREFACE_BYTES))
        while True:
            head = await reader.readexactly(_HEAD_BYTES)
            payload = await reader.readexactly(int.from_bytes(head[:3]))
            writer.write(_posted(head, payload))
    if writer.can_write_eof():
        with suppress(OSError):
            writer.write_eof()


def _posted(head: bytes, payload: bytes) -> bytes:
    """The frame; of one that begins or ends a header block, as that of a call."""
    kind, flags = head[3], head[4]
    if kind not in {_HEADERS, _CONTINUATION}:
        return head + payload
    start = (1 if flags & _PADDED else 0) + (5 if flags & _PRIORITY else 0) if kind == _HEADERS else 0
    end = len(payload) - (payload[0] if kind == _HEADERS and flags & _PADDED and payload else 0)
    before, block, padding = payload[:start], payload[start:end], payload[end:]
    if kind == _HEADERS and block[:1] == _GET:
        block = _POST + block[1:]
    if flags & _END_HEADERS and 0 < len(block) <= _LARGEST_FRAGMENT:
        block += _GRPC
    payload = before + block + padding
    return len(payload).to_bytes(3) + head[3:] + payload
