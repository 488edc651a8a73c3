"""The message encodings of the fast door: how a client packs and opens them, and a bomb of each."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import zstandard

MIB = 1 << 20
BOMB_MIB = 128
# zlib's word for its own format, and for gzip's.
_ZLIB, _GZIP = 15, 31


@dataclass(frozen=True)
class Encoding:
    """One of them, by its name in `grpc-encoding`."""

    name: str
    pack: Callable[[bytes], bytes]
    open: Callable[[bytes], bytes]
    bomb: Callable[[], bytes]

    def __str__(self) -> str:
        return self.name


def zeros() -> Iterator[bytes]:
    return (bytes(MIB) for _ in range(BOMB_MIB))


def _zlib_bomb(form: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, form)
    return b"".join(map(packer.compress, zeros())) + packer.flush()


def _zstd_bomb() -> bytes:
    """A stream that does not say beforehand how long it is."""
    packer = zstandard.ZstdCompressor().compressobj()
    return b"".join(map(packer.compress, zeros())) + packer.flush()


def zstd_of_a_large_window(message: bytes) -> bytes:
    """A frame whose head asks for 128 MiB to be set aside, as encoders do only when they are told to."""
    settings = zstandard.ZstdCompressionParameters.from_level(1, window_log=27, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    return packer.compress(message) + packer.flush()


ENCODINGS = [
    Encoding("gzip", gzip.compress, gzip.decompress, lambda: _zlib_bomb(_GZIP)),
    Encoding("deflate", zlib.compress, zlib.decompress, lambda: _zlib_bomb(_ZLIB)),
    Encoding(
        "zstd",
        zstandard.ZstdCompressor(write_checksum=True).compress,
        lambda packed: zstandard.ZstdDecompressor().decompressobj().decompress(packed),
        _zstd_bomb,
    ),
]
