"""HTTP/2 frame by frame: a client that keeps no rule unless the test does, for faults of a whole connection.

What is sent is the test's own. What comes is read on a thread of its own and kept, so that neither side ever waits
for the other to read; with `read=False` nothing is read, as by a client that has stopped.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from hpack import Decoder, Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# For what comes at once on an idle machine.
PATIENCE_S = 30.0
_HEAD_BYTES = 9
# HTTP/2's largest, unless a peer allows more.
_FRAME_BYTES = 1 << 14
Headers = Sequence[tuple[str, str]]


@dataclass
class Stream:
    """What has come on one stream."""

    headers: dict[str, str] = field(default_factory=dict)
    trailers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False
    reset_code: int | None = None

    @property
    def over(self) -> bool:
        return self.ended or self.reset_code is not None

    @property
    def grpc_status(self) -> int | None:
        """None: not a gRPC answer, or not a whole one."""
        status = self.trailers.get("grpc-status", self.headers.get("grpc-status"))
        return None if status is None else int(status)


class FrameConnection:
    """A connection; enter the `with` block to open it.

    Attributes:
        frames: what has come, in order.
        streams: the same by stream.
        ended: whether the server has closed it.

    """

    def __init__(
        self,
        address: str | socket.socket,
        *,
        settings: dict[int, int] | None = None,
        preface: bytes = PREFACE,
        read: bool = True,
        patience_s: float | None = None,
        answer_pings: bool = True,
    ) -> None:
        self._address = address
        self._opening = preface
        self._greets = preface == PREFACE
        self._greeted = False
        if self._greets:
            self._opening += SettingsFrame(0, settings=settings or {}).serialize()
        self._reads = read
        self._answers_pings = answer_pings
        self._patience_s = patience_s or PATIENCE_S
        self._encoder = Encoder()
        self._decoder = Decoder()
        self._block = b""
        self._news = threading.Condition()
        self._sending = threading.Lock()
        self._owed: list[bytes] = []
        self._next_stream = 1
        self.frames: list[Frame] = []
        self.streams: dict[int, Stream] = {}
        self.ended = False

    def __enter__(self) -> Self:
        if isinstance(self._address, socket.socket):
            self._socket = self._address
        else:
            host, port = self._address.rsplit(":", 1)
            self._socket = socket.create_connection((host, int(port)), PATIENCE_S)
        self._socket.settimeout(self._patience_s)
        if self._socket.family != socket.AF_UNIX:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = threading.Thread(target=self._read)
        self.send(self._opening)
        if self._reads:
            self._reader.start()
        if self._reads and self._greets:
            # What follows is the test's alone: no acknowledgement comes in between.
            self.wait(lambda: self._greeted, "the server's SETTINGS")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if self._reads:
            self._reader.join(PATIENCE_S)
        self._socket.close()

    def vanish(self) -> None:
        """Ends the connection with a TCP reset, as a client does whose machine cleans up after it."""
        self._socket.shutdown(socket.SHUT_RD)
        self._reader.join(PATIENCE_S)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def send(self, *frames: Frame | bytes) -> bool:
        """False: the server takes no more."""
        raw = b"".join(frame if isinstance(frame, bytes) else frame.serialize() for frame in frames)
        try:
            with self._sending:
                self._socket.sendall(raw)
            self._acknowledge()
        except OSError:
            return False
        return True

    def _acknowledge(self) -> None:
        """Sends what is owed, unless the other thread is sending, which then does so itself."""
        while self._owed and self._sending.acquire(blocking=False):
            try:
                self._socket.sendall(self._owed.pop(0))
            finally:
                self._sending.release()

    def new_stream(self) -> int:
        """The next stream's number."""
        number = self._next_stream
        self._next_stream += 2
        return number

    def head(self, stream: int, path: str, *, metadata: Headers = (), ends: bool = False) -> Frame:
        """HEADERS of a gRPC call."""
        block = self._encoder.encode(
            [
                (":method", "POST"),
                (":scheme", "http"),
                (":path", path),
                (":authority", "test"),
                ("content-type", "application/grpc"),
                ("te", "trailers"),
                *metadata,
            ]
        )
        flags = ["END_HEADERS"] + (["END_STREAM"] if ends else [])
        return HeadersFrame(stream, data=block, flags=flags)

    def call(self, path: str, body: bytes, *, metadata: Headers = ()) -> int:
        """Sends a whole call of one DATA frame; its stream."""
        stream = self.new_stream()
        self.send(
            self.head(stream, path, metadata=metadata), DataFrame(stream, data=body, flags=["END_STREAM"])
        )
        return stream

    def send_body(self, stream: int, body: bytes) -> None:
        """DATA as the server makes room for it on the stream; of the connection's room nothing is known here."""
        sent = 0
        while sent < len(body):
            self.wait(lambda sent=sent: self._room(stream) > sent, "room for the request")
            piece = body[sent : min(sent + _FRAME_BYTES, self._room(stream))]
            sent += len(piece)
            self.send(DataFrame(stream, data=piece, flags=["END_STREAM"] if sent == len(body) else []))

    def _room(self, stream: int) -> int:
        """How many bytes of a request the server has made room for."""
        frames = list(self.frames)
        initial = frames[0].settings[SettingsFrame.INITIAL_WINDOW_SIZE]
        updates = [frame for frame in frames if isinstance(frame, WindowUpdateFrame)]
        return int(initial + sum(frame.window_increment for frame in updates if frame.stream_id == stream))

    def answer(self, stream: int) -> Stream:
        """Waits for the end of a stream."""
        self.wait(lambda: self.stream(stream).over, f"the end of stream {stream}")
        return self.stream(stream)

    def stream(self, number: int) -> Stream:
        """What has come so far."""
        return self.streams.setdefault(number, Stream())

    def goaways(self) -> list[tuple[int, int]]:
        """Error code and last stream of each GOAWAY so far."""
        return [
            (frame.error_code, frame.last_stream_id)
            for frame in self.frames
            if isinstance(frame, GoAwayFrame)
        ]

    def wait(self, condition: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
        """Waits until it is so; a connection that ends before that fails the test."""
        with self._news:
            self._news.wait_for(lambda: condition() or self.ended, patience_s)
            assert condition(), f"{what} did not come; the connection {'ended' if self.ended else 'stands'}"

    def wait_for_end(self, patience_s: float = PATIENCE_S) -> None:
        """Waits until the server has closed the connection."""
        with self._news:
            assert self._news.wait_for(lambda: self.ended, patience_s), "the connection still stands"

    def round_trip(self) -> None:
        """Waits until the server has read all that was sent; its answer to SETTINGS tells."""
        before = self._acknowledgements()
        self.send(SettingsFrame(0))
        self.wait(lambda: self._acknowledgements() > before, "the acknowledgement of SETTINGS")

    def _acknowledgements(self) -> int:
        return sum(isinstance(frame, SettingsFrame) and "ACK" in frame.flags for frame in self.frames)

    def answer_pings(self) -> None:
        """Answers those that have come, where they were not to be answered by themselves."""
        self._answers_pings = True
        pings = [frame for frame in self.frames if isinstance(frame, PingFrame) and "ACK" not in frame.flags]
        self.send(*map(acknowledgement, pings))

    def _is_to_answer(self, frame: Frame) -> bool:
        return isinstance(frame, SettingsFrame) or (isinstance(frame, PingFrame) and self._answers_pings)

    def _read(self) -> None:
        data = b""
        until = time.monotonic() + 10 * PATIENCE_S
        while time.monotonic() < until:
            try:
                more = self._socket.recv(65_536)
            except TimeoutError:
                continue
            except OSError:
                break
            if not more:
                break
            data = self._take_all(data + more)
        with self._news:
            self.ended = True
            self._news.notify_all()

    def _take_all(self, data: bytes) -> bytes:
        with self._news:
            while len(data) >= _HEAD_BYTES:
                frame, size = Frame.parse_frame_header(memoryview(data[:_HEAD_BYTES]))
                if len(data) < _HEAD_BYTES + size:
                    break
                frame.parse_body(memoryview(data[_HEAD_BYTES : _HEAD_BYTES + size]))
                data = data[_HEAD_BYTES + size :]
                self._take(frame)
            self._news.notify_all()
        with contextlib.suppress(OSError):
            self._acknowledge()
        with self._news:
            self._greeted |= bool(self.frames) and not self._owed
            self._news.notify_all()
        return data

    def _take(self, frame: Frame) -> None:
        self.frames.append(frame)
        stream = self.stream(frame.stream_id)
        if isinstance(frame, HeadersFrame | ContinuationFrame):
            self._block += frame.data
            if "END_HEADERS" in frame.flags:
                headers = {str(name): str(value) for name, value in self._decoder.decode(self._block)}
                self._block = b""
                if stream.headers:
                    stream.trailers = headers
                else:
                    stream.headers = headers
        elif isinstance(frame, DataFrame):
            stream.body += bytes(frame.data)
        elif isinstance(frame, RstStreamFrame):
            # What is on the way meanwhile may earn a second one.
            stream.reset_code = frame.error_code if stream.reset_code is None else stream.reset_code
        elif "ACK" not in frame.flags and self._is_to_answer(frame):
            # A peer that leaves these unanswered is taken for dead; everything else is the test's.
            self._owed.append(acknowledgement(frame).serialize())
        stream.ended |= "END_STREAM" in frame.flags


def acknowledgement(frame: Frame) -> Frame:
    """The answer that HTTP/2 demands to SETTINGS and PING."""
    if isinstance(frame, PingFrame):
        return PingFrame(0, opaque_data=frame.opaque_data, flags=["ACK"])
    return SettingsFrame(0, flags=["ACK"])
