"""Floods: what one connection can send without end, in pieces, and how the door ends it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from h2.errors import ErrorCodes
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from tests.door.requests import INFER, WATCH, echo_body
from tests.frame_connection import FrameConnection

Pieces = Iterator[list[Frame | bytes]]
# Frames in a piece: few enough that the door reads all of one before it ends the connection, which would otherwise be
# reset, and the reset may overtake the GOAWAY.
BURST = 100
FEW = 20
# Pieces at most: a flood that goes on for longer than this was not ended.
PIECES = 400


@dataclass(frozen=True)
class Flood:
    """One of them. `code` is the GOAWAY's; None: it is not ended, but costs no more than its reading."""

    name: str
    pieces: Callable[[FrameConnection], Pieces]
    code: ErrorCodes | None
    read: bool = True

    def __str__(self) -> str:
        return self.name


def rapid_reset(client: FrameConnection) -> Pieces:
    """CVE-2023-44487: calls that are reset before anybody has looked at them, more at once than there may be open."""
    while True:
        yield _reset_calls(client, 300)


def resets_of_few(client: FrameConnection) -> Pieces:
    """The same with as many calls at once as there may be open: a proxy does so once, and not again and again."""
    while True:
        yield _reset_calls(client, 100)


def _reset_calls(client: FrameConnection, calls: int) -> list[Frame | bytes]:
    streams = [client.new_stream() for _ in range(calls)]
    return [
        frame
        for stream in streams
        for frame in (client.head(stream, INFER), RstStreamFrame(stream, error_code=ErrorCodes.CANCEL))
    ]


def made_you_reset(client: FrameConnection) -> Pieces:
    """CVE-2025-8671: faults that make the server reset the calls, so that they do not count as the client's."""
    while True:
        piece: list[Frame | bytes] = []
        for _ in range(BURST // 2):
            stream = client.new_stream()
            # A window of more than 2^31-1 bytes.
            piece += [client.head(stream, WATCH), WindowUpdateFrame(stream, window_increment=2**31 - 1)]
        yield piece


def continuations(client: FrameConnection) -> Pieces:
    """A header block that never ends."""
    stream = client.new_stream()
    head = client.head(stream, INFER)
    head.flags.discard("END_HEADERS")
    yield [head]
    while True:
        yield [ContinuationFrame(stream, data=b"\x00\x01a\x01b") for _ in range(FEW)]


def empty_continuations(client: FrameConnection) -> Pieces:
    """The same, without a byte in it."""
    stream = client.new_stream()
    head = client.head(stream, INFER)
    head.flags.discard("END_HEADERS")
    yield [head]
    while True:
        yield [ContinuationFrame(stream, data=b"") for _ in range(FEW)]


def empty_data(client: FrameConnection) -> Pieces:
    """A body that never gets anywhere and costs no window."""
    stream = client.new_stream()
    yield [client.head(stream, INFER)]
    while True:
        yield [DataFrame(stream, data=b"") for _ in range(BURST)]


def data_of_one_byte(client: FrameConnection) -> Pieces:
    """Calls whose message comes byte by byte."""
    while True:
        stream = client.new_stream()
        yield [client.head(stream, INFER)]
        body = echo_body()
        yield [DataFrame(stream, data=body[at : at + 1]) for at in range(len(body))]
        yield [RstStreamFrame(stream, error_code=ErrorCodes.CANCEL)]


def padding(client: FrameConnection) -> Pieces:
    """DATA that is padding alone."""
    stream = client.new_stream()
    yield [client.head(stream, INFER)]
    while True:
        yield [DataFrame(stream, data=b"", pad_length=200, flags=["PADDED"]) for _ in range(BURST)]


def pings(client: FrameConnection) -> Pieces:
    while True:
        yield [PingFrame(0, opaque_data=b"pingpong")] * FEW


def settings(client: FrameConnection) -> Pieces:
    while True:
        yield [SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 65_535})] * FEW


def window_updates(client: FrameConnection) -> Pieces:
    """Windows opened byte by byte: lawful, and never used."""
    while True:
        yield [WindowUpdateFrame(0, window_increment=1)] * BURST


def priorities(client: FrameConnection) -> Pieces:
    """Priorities of streams that there are not; RFC 9113 has given them up."""
    while True:
        yield [PriorityFrame(client.new_stream(), depends_on=0, stream_weight=16) for _ in range(BURST)]


def unknown_frames(client: FrameConnection) -> Pieces:
    """Frames of a kind that nobody knows, which must be passed over."""
    while True:
        yield [b"\x00\x00\x08\xfa\x00\x00\x00\x00\x00" + bytes(8)] * BURST


def hpack_bomb(client: FrameConnection) -> Pieces:
    """Headers that expand to four thousand times what they are."""
    encoder = Encoder()
    large = encoder.encode([("x", "a" * 4000)])
    stream = client.new_stream()
    yield [HeadersFrame(stream, data=large, flags=["END_HEADERS"])]
    # The entry that was just made, again and again: a byte each.
    again = b"\xbe" * 16_000
    while True:
        yield [HeadersFrame(client.new_stream(), data=again, flags=["END_HEADERS"]) for _ in range(20)]


def unread_answers(client: FrameConnection) -> Pieces:
    """Calls without end by a client that reads nothing."""
    while True:
        piece: list[Frame | bytes] = []
        for _ in range(BURST // 2):
            stream = client.new_stream()
            body = DataFrame(stream, data=echo_body(1000), flags=["END_STREAM"])
            piece += [client.head(stream, INFER), body]
        yield piece


CALM = ErrorCodes.ENHANCE_YOUR_CALM
FLOODS = [
    Flood("rapid_reset", rapid_reset, CALM),
    Flood("resets_of_few", resets_of_few, CALM),
    Flood("made_you_reset", made_you_reset, CALM),
    Flood("continuations", continuations, CALM),
    Flood("empty_continuations", empty_continuations, CALM),
    Flood("empty_data", empty_data, CALM),
    Flood("data_of_one_byte", data_of_one_byte, None),
    Flood("padding", padding, CALM),
    Flood("pings", pings, CALM),
    Flood("settings", settings, CALM),
    Flood("window_updates", window_updates, None),
    Flood("priorities", priorities, None),
    Flood("unknown_frames", unknown_frames, None),
    Flood("hpack_bomb", hpack_bomb, CALM),
    Flood("unread_answers", unread_answers, None, read=False),
]
