"""The typed face of the Rust extension: everything that happens once a request.

Every class is safe to use from any thread; methods that wait or work for long release the GIL.
"""

from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, Literal, Self, final

from numpy.typing import NDArray
from typing_extensions import CapsuleType

__all__ = [
    "Array",
    "BaselineRecorder",
    "Batch",
    "Batches",
    "Calls",
    "Channel",
    "ChannelCalls",
    "Door",
    "Engine",
    "ManyCalls",
    "ModelSpec",
    "Prediction",
    "Queue",
    "RequestError",
    "SpecError",
    "TensorSpec",
    "__version__",
    "cores",
    "encode_columns",
    "encode_infer",
]

__version__: str

@final
class SpecError(ValueError):
    """A model.toml that cannot be used; the message names file, line, key, and what is allowed."""

@final
class RequestError(ValueError):
    """A request that cannot be decoded, offline; the message names row and feature."""

@final
class TensorSpec:
    """One argument of `forward`, one output, or one feature as callers send it."""

    name: str
    datatype: str  # an Open Inference Protocol datatype, such as "FP32"
    shape: list[int]  # with the batch axis first; -1: any size
    offsets_of: str | None  # the jagged input whose offsets this is

@final
class Array:
    """A tensor in memory that Rust owns, row-major. Offers DLPack; never copied, and not to be written to."""

    name: str
    datatype: str
    shape: list[int]
    def __dlpack__(self, *, stream: None = None, **_options: object) -> CapsuleType: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...
    def tobytes(self) -> bytes: ...

@final
class BaselineRecorder:
    """Looks at training rows for the baseline that statistics of features are compared with."""

    @property
    def rows(self) -> int:
        """Rows so far."""

    def add(self, predict_request: bytes) -> None:
        """Looks at the rows of a serialized PredictRequest. Raises RequestError."""

    def text(self) -> str:
        """The text of a baseline.json."""

@final
class ModelSpec:
    """A model.toml, validated, with its feature program compiled for one version. Immutable."""

    @staticmethod
    def load(model_folder: str | PathLike[str], version: int | None = None) -> ModelSpec:
        """Reads `model.toml` and the vocabularies it names. Raises SpecError or OSError."""

    name: str
    platform: str
    description: str
    instances: int
    max_batch_rows: int
    max_queue_delay_us: int
    queue_capacity_rows: int
    inputs: list[TensorSpec]  # the arguments of forward, in order
    outputs: list[TensorSpec]
    takes: list[TensorSpec]  # what callers send: the features where there are any, else the inputs
    # Feature name → "float", "int", "bool", "string", "bytes", "timestamp" or "timestamp_ms", with "[]" behind a list.
    feature_kinds: dict[str, str]
    batch_buckets: list[int]  # 1, 2, 4, … max_batch_rows
    def check_baseline(self) -> int | None:
        """The training rows of the model's baseline.json, None where it has none. Raises SpecError."""

    def baseline_recorder(self) -> BaselineRecorder:
        """Raises RequestError where the model has no features."""

    def describe(self) -> str:
        """The compiled program as a table: feature → operations → tensor and columns."""

    def transform(self, predict_request: bytes) -> list[Array]:
        """The tensors of a serialized PredictRequest, in forward's order. Raises RequestError."""

@final
class Engine:
    """Routes, queues and counts for all models of a process."""

    def __new__(
        cls,
        *,
        default_timeout_ms: int = 30_000,
        max_timeout_ms: int = 300_000,
        max_send_bytes: int = ...,
        server_version: str = "",
        linger: bool = False,
        feature_statistics_every: int = 0,
    ) -> Self:
        """`max_send_bytes` is 16 MiB unless given.

        `linger`: model threads wait a moment for more requests where that pays, behind the grpcio door, which
        shares the interpreter's lock with them. `feature_statistics_every`: statistics of features look at one row
        in so many, at none where it is 0.
        """

    def add_version(self, spec: ModelSpec, version: int) -> Queue:
        """The queue of a version that does not serve yet (its state is LOADING)."""

    def route(self, queue: Queue) -> None:
        """Lets a version serve; the highest routed version of a model is its default."""

    def unroute(self, name: str, version: int) -> None:
        """Takes a version out of service: what it accepted is finished, then its queue ends."""

    def set_unavailable(self, name: str, version: int | None, reason: str) -> None:
        """Calls for it are refused UNAVAILABLE with this reason instead of NOT_FOUND."""

    def drain(self) -> None:
        """Refuses new calls UNAVAILABLE; accepted ones finish."""

    def in_flight(self) -> int:
        """Accepted calls that have not been answered."""

    def fail_all(self, reason: str) -> int:
        """Answers every unanswered call UNAVAILABLE and says how many there were."""

    def calls(self, make_error: Callable[[int, str, bytes | None, int | None], BaseException]) -> Calls:
        """One end for one event loop. `make_error(code, message, status_details, pushback_ms)`."""

    def set_ready(self, ready: bool) -> None: ...
    def metrics_text(self) -> str:
        """Prometheus text, version 0.0.4."""

    def feature_statistics(self, name: str, version: int, features: Sequence[str]) -> bytes:
        """A serialized GetFeatureStatisticsResponse of a version that serves; no features: all of them.

        Raises RequestError for a feature that the model does not have, LookupError where the model has no features
        or statistics are switched off; either with a sentence for the caller.
        """

    def serve_metrics(self, host: str, port: int) -> int:
        """Serves /metrics, /livez and /readyz on a thread of its own; gives the port. Raises OSError."""

    def open_door(
        self,
        host: str,
        port: int,
        *,
        upstream: str | tuple[str, int],
        settings: Mapping[str, Any],
        tls: tuple[bytes, bytes, bytes | None] | None = None,
    ) -> Door:
        """Opens the fast door: hot methods are answered, all other calls go to `upstream`.

        `upstream` is where the grpcio server listens: a Unix socket's path, or a loopback address and port. `settings`
        holds io_threads, pin_threads, max_receive_bytes, max_concurrent_streams, max_stream_in_flight,
        max_connections, max_connection_age_s and response_compression ("none", "gzip" or "zstd"). `tls` is the
        certificate chain, the private key and who signs clients' certificates, as PEM; without it plaintext is spoken.
        Raises OSError where the address cannot be bound, ValueError for certificates that cannot be used.
        """

@final
class Door:
    """The HTTP/2 listener in Rust, on threads of its own."""

    @property
    def port(self) -> int:
        """The port that it listens on, chosen by the system where 0 was asked for."""

    @property
    def connections(self) -> int:
        """Connections that stand."""

    def set_tls(self, tls: tuple[bytes, bytes, bytes | None]) -> None:
        """New handshakes use these; connections that stand keep theirs. Raises ValueError."""

    def drain(self) -> None:
        """Tells every connection to go (GOAWAY, twice); calls finish. The port stays open."""

    def stop(self, grace_s: float) -> None:
        """Waits at most so long for connections to end, then closes the port and ends the threads."""

@final
class Calls:
    """Where an asyncio loop hands in raw requests and gets raw answers back, in bulk."""

    def fileno(self) -> int:
        """Readable when answers wait: `loop.add_reader(calls.fileno(), calls.deliver)`."""

    def infer(self, raw: bytes, timeout_s: float | None, future: Any) -> int:
        """Decodes and queues a ModelInferRequest; the future gets the bytes of a ModelInferResponse.

        A request that is refused sets the future's exception before this returns. Gives the
        ticket for `cancel`.
        """

    def predict(self, raw: bytes, timeout_s: float | None, future: Any) -> int:
        """The same for PredictRequest and PredictResponse."""

    def cancel(self, ticket: int) -> None:
        """The caller is gone: a queued request is dropped before packing, a running one unanswered."""

    def deliver(self) -> None:
        """Settles the futures of all answers that wait; on the loop's thread."""

@final
class Queue:
    """A model version's queue. Iterate it in a model thread."""

    name: str
    version: int
    def batches(
        self,
        from_dlpack: Callable[[object], object],
        to_dlpack: Callable[[object], object],
        on_error: Callable[[str, BaseException], None],
    ) -> Batches:
        """Batches until the queue is closed and empty. Waits in Rust with the GIL released.

        `from_dlpack` makes a tensor of a DLPack capsule and `to_dlpack` the reverse;
        `on_error(error_id, exception)` logs what callers only see as an error id.
        """

    def warmup_batch(
        self, rows: int, from_dlpack: Callable[[object], object], to_dlpack: Callable[[object], object]
    ) -> Batch:
        """A batch of default rows whose reply is checked against the outputs and thrown away; its errors propagate."""

    def close(self) -> None:
        """Ends the iteration once the queue is empty."""

@final
class Batches(Iterator[Batch]):
    """What `Queue.batches` gives."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> Batch: ...

@final
class Batch:
    """Rows that run together. Leaving its `with` block settles every caller, whatever happened."""

    rows: int
    def tensors(self) -> tuple[Any, ...]:
        """The arguments of forward; views of memory that Rust owns."""

    def reply(self, outputs: object) -> None:
        """Takes forward's result (a tensor, or a tuple of tensors) and answers every caller."""

    def __enter__(self) -> Batch: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool: ...

def cores() -> int:
    """Cores that this process may use: by its affinity and its cgroup's CPU limit, at least 1."""

@final
class Channel:
    """A client's channel to one server: unary gRPC calls on a thread of its own. Connects at the first call.

    A call while the server cannot be reached fails UNAVAILABLE at once. A call is sent again by the
    channel only where the server surely did not see it.
    """

    def __new__(
        cls,
        target: str,
        make_error: Callable[[str, str, bytes | None, int | None], BaseException],
        *,
        root_certificates: bytes | None = None,
        private_key: bytes | None = None,
        certificate_chain: bytes | None = None,
        max_receive_bytes: int = ...,
        max_send_bytes: int = ...,
        keepalive_time_ms: int = 320_000,
        keepalive_timeout_ms: int = 20_000,
    ) -> Self:
        """`make_error(code, message, status_details, pushback_ms)` makes what a failed call raises.

        Plaintext without `root_certificates`; certificates and key are PEM. `max_receive_bytes` is 4
        MiB unless given. Raises ValueError.
        """

    @staticmethod
    def takes(target: str) -> bool:
        """Whether a grpc target is one that this channel can reach: host:port, or unix:path."""

    def call(self, method: str, message: bytes, timeout_s: float) -> bytes:
        """One call, waited for; `method` is "/package.Service/Method"."""

    def many(self) -> ManyCalls:
        """An end for one thread that has many calls under way."""

    def loop_calls(self, event_loop: AbstractEventLoop) -> ChannelCalls:
        """An end for one event loop."""

    def close(self) -> None:
        """Calls under way, and calls that come later, fail CANCELLED."""

@final
class ManyCalls:
    """Calls that one thread hands in together. Dropping it cancels what is under way."""

    def submit(self, method: str, token: int, message: bytes, timeout_s: float) -> None:
        """A call, sent by the next `wait` at the latest; `token` names the reply, and no other call under way."""

    def wait(self, at_most_s: float | None = None) -> list[tuple[int, Any]]:
        """The replies that are there, once there is one: token, and bytes or what `make_error` gave.

        Empty where no call is under way, or none ended in time.
        """

    def close(self) -> None:
        """Cancels what is under way."""

@final
class ChannelCalls:
    """Where an asyncio loop hands in calls and gets replies back, in bulk."""

    def fileno(self) -> int:
        """Readable when replies wait: `loop.add_reader(calls.fileno(), calls.deliver)`."""

    def call(self, method: str, message: bytes, timeout_s: float) -> Future[bytes]:
        """Sends a call in the loop's next iteration; the future gets the answer's bytes."""

    def flush(self) -> None:
        """Sends what has been handed in; the loop calls it by itself."""

    def cancel(self, future: Future[bytes]) -> None:
        """Nobody waits for the future any more: the call's stream is reset."""

    def deliver(self) -> None:
        """Settles the futures of all calls that have ended; on the loop's thread."""

    def close(self) -> None:
        """Cancels the futures of all calls under way, and the calls."""

@final
class Prediction:
    """A model's answer.

    `outputs` are in the model's order, or in that asked for, with the rows on the first axis;
    numeric arrays are read-only views of the answer.
    After `predict` FP16 and BF16 outputs are float32, integers and bools int64, as Predict carries
    them; after `infer` each has its own dtype. `receipt` holds the times of the request in
    nanoseconds, and the rows of its batch, where it was asked for (see Receipt in
    prediction.proto).
    """

    model: str
    version: str
    id: str
    outputs: Mapping[str, NDArray[Any]]
    receipt: Mapping[str, int] | None
    def __new__(
        cls,
        model: str,
        version: str,
        id: str,  # noqa: A002 - the field's name in the protocol
        outputs: Mapping[str, NDArray[Any]],
        receipt: Mapping[str, int] | None = None,
    ) -> Self: ...
    @staticmethod
    def of_infer(response: bytes) -> Prediction | None:
        """From a serialized ModelInferResponse; None where it has typed contents or outputs that are no numbers.

        Raises ValueError for bytes that are no such message, or contents that do not fill their shape.
        """

    @staticmethod
    def of_predict(response: bytes) -> Prediction:
        """From a serialized PredictResponse. Raises ValueError for bytes that are none."""

def encode_infer(
    model_name: str, model_version: str, request_id: str, inputs: dict[str, Any], outputs: Sequence[str]
) -> bytes | None:
    """A serialized ModelInferRequest with raw contents.

    None unless all inputs are numpy arrays of plain numbers, row-major.
    """

def encode_columns(
    model_name: str,
    model_version: str,
    request_id: str,
    columns: Sequence[
        tuple[
            str,
            Literal["none", "floats", "doubles", "ints", "strings", "bytes"],
            Any,
            Any | None,
            bytes | None,
        ]
    ],
    *,
    context: bytes | None = None,
    outputs: Sequence[str] = ...,
    receipt: bool = False,
) -> bytes:
    """A serialized PredictRequest in the column form.

    A column is (name, kind, values, row_lengths, validity): values is a contiguous buffer of
    float32, float64 or int64, or a list of str or bytes; row_lengths a buffer of uint32; validity
    a bit mask (see prediction.proto). The kind "none" is a list column that is empty in every row.
    `context` is a serialized Example.
    """
