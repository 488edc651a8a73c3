"""The peers, by the names that `--servers` takes: what each is, what it speaks, how it is set up."""

from __future__ import annotations

from dataclasses import dataclass

from bench.peers.wires import JSON, OIP, TORCHSERVE, Wire

FAST = "fast"
GRPCIO = "grpcio"


@dataclass(frozen=True)
class Peer:
    """A server under load.

    `environment` is the folder under build/peers that it is installed in, from bench/peers/requirements; empty: it runs
    in the project's own. `packages` are those whose versions the report names. `settings` says how it was tuned.
    """

    name: str
    label: str
    environment: str
    packages: tuple[str, ...]
    wire: Wire
    settings: str


_ONE_THREAD = "1 torch thread"

_ALL = (
    Peer(
        FAST,
        "penstock, fast door",
        "",
        ("penstock",),
        OIP,
        "`penstock serve --door fast`, all else as it is by default",
    ),
    Peer(
        GRPCIO,
        "penstock, grpcio door",
        "",
        ("penstock", "grpcio"),
        OIP,
        "`penstock serve --door grpcio`, all else as it is by default",
    ),
    Peer(
        "triton",
        "Triton, Python backend",
        "triton",
        (),
        OIP,
        f"`dynamic_batching {{}}`, which waits for nothing, 1 instance, gRPC alone, no metrics; {_ONE_THREAD}",
    ),
    Peer(
        "torchserve",
        "TorchServe",
        "torchserve",
        ("torchserve",),
        TORCHSERVE,
        "1 worker a model, `batchSize` 64, `maxBatchDelay` 1 ms (0 makes single calls many times slower), metrics and "
        "access log off; its Open Inference calls "
        f"take no raw contents, so `Predictions` with raw bytes; {_ONE_THREAD}",
    ),
    Peer(
        "pytriton",
        "pytriton",
        "pytriton",
        ("nvidia-pytriton",),
        OIP,
        f"`@batch`, dynamic batching without delay, `max_batch_size` 1024, no metrics; {_ONE_THREAD}",
    ),
    Peer(
        "aio",
        "plain grpc.aio, uvloop, batcher",
        "",
        ("grpcio", "uvloop", "protobuf"),
        OIP,
        f"generated classes; what waits when the loop comes to it runs together, at most 64 requests; {_ONE_THREAD}",
    ),
    Peer(
        "threads",
        "plain grpcio, thread pool",
        "",
        ("grpcio", "protobuf"),
        OIP,
        f"generated classes; 4 threads, one run a request; {_ONE_THREAD}",
    ),
    Peer(
        "kserve",
        "KServe, Python server",
        "kserve",
        ("kserve", "grpcio"),
        OIP,
        "a model class, 1 worker, latency log off; it batches in an agent beside it alone, so one run a request; "
        f"{_ONE_THREAD}",
    ),
    Peer(
        "mlserver",
        "MLServer",
        "mlserver",
        ("mlserver", "grpcio"),
        OIP,
        "a custom runtime, `parallel_workers` 0, `debug` off, log at ERROR, no batching, as by default: with batches "
        f"of 1 ms a request cost no less; {_ONE_THREAD}",
    ),
    Peer(
        "litserve",
        "LitServe",
        "litserve",
        ("litserve", "uvicorn", "fastapi"),
        JSON,
        "1 API server, 1 worker a model, `fast_queue`, access log off, no batching: with `batch_timeout` 0 its worker "
        f"spins while it waits, and with 2 ms a request cost more; {_ONE_THREAD}",
    ),
    Peer(
        "ray",
        "Ray Serve",
        "ray",
        ("ray", "grpcio"),
        OIP,
        "the gRPC proxy, 1 replica, `@serve.batch` of 64 without waiting, `RAY_SERVE_THROUGHPUT_OPTIMIZED=1`, "
        f"access log off; {_ONE_THREAD}",
    ),
)

# Rounds go through them in this order.
PEERS = {peer.name: peer for peer in _ALL}
OURS = (FAST, GRPCIO)
