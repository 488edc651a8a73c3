"""The typed face of the Rust extension: everything that happens once a request.

Every class is safe to use from any thread; methods that wait or work for long release the GIL.
"""

from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from os import PathLike
from types import TracebackType
from typing import Any, ClassVar, Literal, Self, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import CapsuleType

__all__ = [
    "Array",
    "BaselineRecorder",
    "Batch",
    "Batches",
    "Calls",
    "Canary",
    "Channel",
    "ChannelCalls",
    "DamagedModelFile",
    "Door",
    "Engine",
    "HttpPort",
    "HttpReply",
    "LineTrace",
    "LoadOutcome",
    "LoadRun",
    "ManyCalls",
    "ModelFile",
    "ModelParts",
    "ModelSpec",
    "Prediction",
    "ProgramLine",
    "Queue",
    "RequestError",
    "RouteError",
    "SpecError",
    "Table",
    "TensorSpec",
    "VersionPolicy",
    "VersionStatistics",
    "__version__",
    "cores",
    "encode_columns",
    "encode_infer",
    "fit_table",
    "reclaiming_bytes",
    "transform_table",
]

__version__: str

@final
class SpecError(ValueError):
    """A model.toml that cannot be used; the message names file, line, key, and what is allowed."""

@final
class RequestError(ValueError):
    """A request that cannot be decoded, offline; the message names row and feature."""

class RouteError(LookupError):
    """No version answers such a request; its arguments are a gRPC status code and a sentence for the caller."""

    args: tuple[int, str]

@final
class TensorSpec:
    """One argument of `forward`, one output, or one feature as callers send it."""

    name: str
    datatype: str  # an Open Inference Protocol datatype, such as "FP32"
    shape: list[int]  # with the batch axis first; -1: any size
    offsets_of: str | None  # the jagged input whose offsets this is
    lengths_of: str | None  # the jagged or padded input whose lists these are the lengths of
    mask_of: str | None  # the padded input whose values this masks
    weights_of: str | None  # the jagged input whose values this weighs
    # Whether a request that shares its values among its rows has one row of it.
    per_request: bool
    lists: int  # the jagged features whose lists it holds or divides; 0 where it is not jagged
    include_last: bool  # of offsets: whether the end of the last list is there
    is_request_index: bool  # for each row, the place of its request in the inputs that a request has once

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

    def add(self, table: Table) -> None:
        """Looks at the rows of a table, all of them. Raises RequestError."""

    def text(self) -> str:
        """The text of a baseline.json."""

@final
class ProgramLine:
    """One `[[feature]]` or `[[cross]]` as it is compiled."""

    features: list[str]  # its name; the names of a cross
    kind: str  # "float", "int", "bool", "string", "bytes", "timestamp", "timestamp_ms" or "cross"
    list_form: str  # what a list becomes; "": a scalar
    missing: str | None  # the default as model.toml writes it; None: a row without the feature is refused
    operations: list[str]  # a phrase each
    operands: list[str]  # other features that it looks at: those of a cross, the end of an age
    tensor: str | None  # the input that takes the result; None: crosses and ages alone use it
    columns: tuple[int, int] | None  # the first and the one behind the last; None: not in columns, or jagged
    key: int | None  # which of the lists of a jagged input that has several
    padding: list[str]  # the inputs that tell a padded list's values from its padding

@final
class LineTrace:
    """What one line of the program made of a row."""

    defaulted: bool  # the default stood in for a feature that the row lacks
    received: list[int] | list[float] | None  # before any operation; None of text and of a cross
    stages: list[tuple[list[int] | list[float], list[str]]]  # of each operation: values, and a mark for each
    element: bytes | None  # little-endian, in the input's datatype; None where the line fills no tensor
    padding: list[bytes]  # likewise in each of the line's `padding`

@final
class VersionPolicy:
    """Which versions are loaded, beside the canary and those that have a label: one of the three."""

    latest: int | None  # the highest so many
    specific: list[int]  # these; ascending
    all: bool
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...

@final
class Canary:
    """`[canary]` of a model.toml: a version that is tried out, and when it is rolled back by itself."""

    version: int
    weight: float  # its share of the calls that name no version, 0 to 1
    max_error_ratio: float | None  # None: errors do not roll it back
    max_latency_ratio: float | None  # None: latency does not
    min_requests: int
    window_s: float
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...

@final
class ModelSpec:
    """A model.toml, validated, with its feature program compiled for one version. Immutable."""

    @staticmethod
    def load(
        model_folder: str | PathLike[str], version: int | None = None, *, unfitted: bool = False
    ) -> ModelSpec:
        """Reads `model.toml` and the vocabularies it names. Raises SpecError.

        A model with operations that are still to be fitted is refused unless `unfitted`.
        """

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
    unfitted: list[str]  # a sentence for each feature with an operation that is still to be fitted
    batch_buckets: list[int]  # 1, 2, 4, … max_batch_rows
    version_policy: VersionPolicy
    labels: dict[str, int]  # names that callers may send → versions
    canary: Canary | None
    def wanted_versions(self, there: Sequence[int]) -> list[int]:
        """Of the versions that are there, those to load, ascending: by the policy, the labels and the canary.

        Raises SpecError where one that is named is not there, or the canary would be alone.
        """

    def check_baseline(self) -> int | None:
        """The training rows of the model's baseline.json, None where it has none. Raises SpecError."""

    def baseline_recorder(self) -> BaselineRecorder:
        """Raises RequestError where the model has no features."""

    lines: list[ProgramLine]  # the features in the order of the program, then the crosses
    def explain(self, predict_request: bytes) -> list[LineTrace]:
        """The only row of a serialized PredictRequest, a trace for each of `lines`. Raises RequestError.

        Costs a compilation of the feature for each operation, with its vocabulary.
        """

    def transform(self, predict_request: bytes) -> list[Array]:
        """The tensors of a serialized PredictRequest, in forward's order. Raises RequestError."""

@final
class Table:
    """Rows of training data, in the memory of those who hold them. Added to by one thread, read by any number."""

    def __new__(cls, rows: int) -> Self:
        """A table without columns yet."""

    @staticmethod
    def of_arrow(data: object) -> Table:
        """Of what offers `__arrow_c_stream__` or `__arrow_c_array__`: a struct, whose fields are the features."""

    @staticmethod
    def of_records(records: Sequence[bytes]) -> Table:
        """Of a serialized tf.Example a row."""

    rows: int
    def add_arrow(self, name: str, parts: Sequence[object]) -> None:
        """A feature in arrays that follow each other, each offering `__arrow_c_array__`."""

    def add_array(
        self,
        name: str,
        dtype: str,
        values: NDArray[np.uint8],
        *,
        row_lengths: NDArray[np.uint32] | None = None,
        validity: bytes | None = None,
    ) -> None:
        """A feature of numbers: `values` is the memory of a contiguous array of `dtype`, numpy's name of it.

        One value a row, or lists of `row_lengths` values; "none" is the dtype of lists that are all empty. A row whose
        bit in `validity` (the lowest of the first byte is row 0) is not set lacks the feature.
        """

    def add_texts(
        self,
        name: str,
        values: Sequence[str] | Sequence[bytes],
        *,
        row_lengths: NDArray[np.uint32] | None = None,
        validity: bytes | None = None,
    ) -> None:
        """A feature of text or bytes, which are copied once."""

def fit_table(
    model_folder: str | PathLike[str],
    version: int | None,
    table: Table,
    *,
    threads: int = 1,
    watch: Callable[[int], object] | None = None,
) -> None:
    """Fits every operation that says `fit` and writes model.toml and vocabularies.

    Raises RequestError for rows, SpecError for operations, OSError for files; then nothing was written.
    """

def transform_table(
    spec: ModelSpec,
    table: Table,
    allocate: Callable[[str, str, tuple[int, ...]], NDArray[np.uint8]],
    *,
    context: bytes | None = None,
    threads: int = 1,
    watch: Callable[[int], object] | None = None,
) -> None:
    """Builds the tensors of all rows in arrays that `allocate(name, datatype, shape)` makes.

    `allocate` gives the new array's memory as bytes. `context` is a serialized Example. `watch` is called on this
    thread now and then, with the rows that are done; what it raises ends the work. Raises RequestError.
    """

@final
class DamagedModelFile(ValueError):  # noqa: N818 - it names what was found
    """A TorchScript file that is cut, altered or none; the message goes on from "model.pt does not load: "."""

@final
class ModelFile:
    """A TorchScript file, its archive's directory read and checked. Raises DamagedModelFile, and so do its methods.

    Content is read on a thread of low priority, with the GIL released; every checksum is compared.
    """

    def __new__(cls, fileno: int) -> Self:
        """Duplicates the descriptor: the file may be closed afterwards."""

    @property
    def weights_bytes(self) -> int:
        """The memory that the loaded model will hold, by the directory."""

    def read(self, *, digest: bool = False, gently: bool = False) -> ModelParts:
        """Everything in one pass; with `digest`, the pass's SHA-256 too. Nothing is looked at but checksums.

        `gently` rests after each quarter of a megabyte: a quarter of a core is used.
        """

    def read_whole(self, *, gently: bool = False) -> tuple[bytes, str]:
        """The file as it is, and its SHA-256; `gently` as in `read`."""

@final
class ModelParts:
    """What a file holds, in memory."""

    @property
    def sha256(self) -> str | None:
        """Of the whole file, in lower-case hexadecimal digits; None unless asked for."""

    def unpack(self) -> tuple[bytes | None, list[tuple[str, CapsuleType]]]:
        """A small archive for torch, and the storages by key, as DLPack tensors of bytes that are freed by torch.

        Once. None for the archive: the file is one that `torch.jit.load` itself has to load.
        """

def reclaiming_bytes() -> int:
    """The memory of weights that were let go of and that a thread of low priority still has to give back."""

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
        """Lets a version serve."""

    def unroute(self, queue: Queue) -> bool:
        """Takes a version out of service: what it accepted is finished, then its queue ends.

        Says whether it was in service; another version that has taken its number is left alone.
        """

    def resolve(self, name: str, version: str) -> int:
        """The version that answers a request with this name and version. Raises RouteError."""

    def set_state(self, name: str, version: int, state: str) -> None:
        """What metrics say of a version: UNAVAILABLE, LOADING, WARMING, READY or DRAINING. Raises ValueError."""

    def count_load(self, name: str, ok: bool, took: timedelta) -> None:
        """A version was loaded and warmed up, or could not be."""

    def set_unavailable(self, name: str, version: int | None, reason: str) -> None:
        """Calls for it are refused UNAVAILABLE with this reason instead of NOT_FOUND."""

    def forget(self, name: str, version: int | None) -> None:
        """Calls for it are refused NOT_FOUND, unless it serves, and its metrics end; no version: the whole model."""

    def set_traffic(
        self, name: str, labels: Mapping[str, int], canary: tuple[int, float] | None = None
    ) -> None:
        """How the calls of a model are shared from now on; its versions need not serve yet.

        Calls that name no version go to the version of the label `stable`, else to the highest that serves and is no
        canary; `canary` is a version and its share of them, 0 to 1, which it gets while it serves.
        """

    def forget_traffic(self, name: str) -> None:
        """Nothing is said any more of a model that is gone; its series end."""

    def serving(self, name: str) -> dict[int, float]:
        """The versions of a model that serve, ascending, and of each its share of the calls that name none."""

    def stable_version(self, name: str) -> int | None:
        """The version that answers calls which name none and meet no canary; None where it does not serve."""

    def count_rollback(self, name: str) -> None:
        """Counts that a model's canary was rolled back by its rule."""

    def statistics(self, name: str, version: int) -> VersionStatistics | None:
        """What a version has done so far; None for one that was never added."""

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

    def open_http(
        self,
        host: str,
        port: int,
        *,
        settings: Mapping[str, Any],
        tls: tuple[bytes, bytes, bytes | None] | None = None,
        servicer: Callable[..., None] | None = None,
    ) -> HttpPort:
        """Opens the HTTP port: the Open Inference Protocol's REST form, and rows of features as JSON.

        `settings` holds max_receive_bytes, max_send_bytes, max_connections and max_connection_age_s; `tls` and
        the errors are those of `open_door`. `servicer(method, repository, name, version, body, timeout_s, reply)` is
        called on a thread of the port's, and returns at once: it answers the RPC that a path stands for by its
        HttpReply.
        """

@final
class VersionStatistics:
    """Sums over a version's calls and batches since it was first added.

    Each pair is how often, and for how many nanoseconds together. penstock.model_statistics says from when to when.
    """

    last_inference_ms: int  # since 1970; 0: none yet
    rows: int
    batches: int
    success: tuple[int, int]
    fail: tuple[int, int]
    queue: tuple[int, int]
    compute_input: tuple[int, int]
    compute_infer: tuple[int, int]
    compute_output: tuple[int, int]
    # Rows a batch, batches, and their nanoseconds of packing, run and encoding; the fewest rows first.
    by_batch_rows: list[tuple[int, int, int, int, int]]
    judged: int  # calls that were decoded and answered, those whose caller went away left out
    failed: int  # of those, INTERNAL, DEADLINE_EXCEEDED and UNAVAILABLE

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
class HttpReply:
    """Where the answer to one call goes. The first counts; one that is dropped unused answers INTERNAL."""

    def send(self, json: bytes) -> None:
        """The answer's body."""

    def refuse(self, code: int, message: str, pushback_ms: int | None = None) -> None:
        """GRPC's code, a sentence, and when to try again."""

@final
class HttpPort:
    """The HTTP/1 listener in Rust, on a thread of its own."""

    @property
    def port(self) -> int:
        """The port that it listens on, chosen by the system where 0 was asked for."""

    def set_tls(self, tls: tuple[bytes, bytes, bytes | None]) -> None:
        """New handshakes use these; connections that stand keep theirs. Raises ValueError."""

    def drain(self) -> None:
        """Closes connections that wait for a request, and others with their answer. The port stays open."""

    def stop(self, grace_s: float) -> None:
        """Waits at most so long for connections to end, then closes the port and ends the thread."""

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
        self,
        rows: int,
        turn: int,
        from_dlpack: Callable[[object], object],
        to_dlpack: Callable[[object], object],
    ) -> Batch:
        """A batch whose reply is checked against the outputs and thrown away; its errors propagate.

        Its rows are those of requests that the model had of late, others in each `turn`, and default ones where there
        are not as many.
        """

    def warmup_request(
        self,
        body: bytes,
        from_dlpack: Callable[[object], object],
        to_dlpack: Callable[[object], object],
    ) -> Batch:
        """The same with the rows of a request, as JSON that the HTTP port would take.

        Raises ValueError with what is wrong with it.
        """

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
class LoadRun:
    """A load on a server: connects, and begins. Dropping it ends the run.

    The arguments are `penstock.load.run`'s Server, Calls and Amount. Raises ValueError for what cannot be sent, and
    RuntimeError where the server cannot be reached.
    """

    def __new__(cls, server: Any, calls: Any, amount: Any) -> Self: ...
    def counts(self) -> tuple[int, int, float]:
        """Calls that are over, those among them that failed, and seconds since the start."""

    def wait(self, timeout_s: float) -> bool:
        """Waits for the end; false where the run goes on."""

    def stop(self) -> None:
        """Ends the run early; calls under way are treated as at its end."""

    def samples(self) -> list[tuple[int, list[bytes]]]:
        """Answers that were kept since the last time, also once the run is over: the call's number, the messages."""

    def outcome(self) -> LoadOutcome:
        """Waits for the end, and gives what came of it; once."""

@final
class LoadOutcome:
    """What a run has seen. Latencies are those of calls that were answered, or of all where errors count."""

    ended: Literal["normal", "timeout", "cancel"]
    took_ns: int
    count: int  # calls that are over
    sum_ns: int  # of the latencies of all calls
    fastest_ns: int
    slowest_ns: int
    latencies: int  # how many there are
    answer_bytes: int
    unsent: int  # calls that were due when the run was stopped
    statuses: dict[str, int]  # calls by the name of their status
    errors: list[tuple[str, str, int]]  # status, message, calls

    def latency_ns(self, quantile: float) -> int:
        """The latency that a share of calls stayed below, to three digits."""

    def lag_ns(self, quantile: float) -> int:
        """How late calls with a schedule were sent, in the same way."""

    def buckets(self, edges_ns: Sequence[int]) -> list[int]:
        """Calls up to each of ascending edges and above the one before; the last has all others too."""

    def details(self) -> list[tuple[int, int, str, int]]:
        """When each call ended (ns from the start), its latency (ns), its status, its place in `errors` or -1."""

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
