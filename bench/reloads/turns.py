"""Reloads, one after the other, and calls beside them whose answers are looked into."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from bench.reloads import model
from penstock.pb import inference_pb2 as oip
from penstock.pb import inference_pb2_grpc

_TIMEOUT_S = 60.0
# Between two calls of the one who looks into answers.
_LOOK_S = 0.01


@dataclass
class Answers:
    """What was seen in answers: latencies in µs, and what was wrong."""

    latencies_us: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    # Answers whose content is not that of the version that they name.
    mixed: int = 0

    def ask(self, stub: Any, request: oip.ModelInferRequest) -> int:
        """One call; gives the version that answered, 0 where none did."""
        began = time.perf_counter()
        try:
            answer = stub.ModelInfer(request, timeout=_TIMEOUT_S)
        except grpc.RpcError as error:
            self.failed.append(str(error))
            return 0
        self.latencies_us.append(1e6 * (time.perf_counter() - began))
        said, proven = model.version_of(answer)
        self.mixed += said != proven
        return said


class Turns:
    """Has the versions of the large model take turns. `first_us`: the latency of each first call behind a load."""

    def __init__(self, address: str, repository: Path) -> None:
        self._repository = repository
        self._channel = grpc.insecure_channel(address)
        self._stub: Any = inference_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        self._serving = model.VERSIONS[0]
        self.first = Answers()
        self.load_s: list[float] = []

    def reload(self) -> None:
        """Loads the other version, and calls it at once."""
        self._serving = next(version for version in model.VERSIONS if version != self._serving)
        model.want(self._repository, self._serving)
        began = time.perf_counter()
        self.load()
        self.load_s.append(time.perf_counter() - began)
        request = oip.ModelInferRequest.FromString(model.request(model.LARGE, str(self._serving)))
        self.first.ask(self._stub, request)

    @contextmanager
    def going_on(self, pause_s: float) -> Iterator[None]:
        """Reloads, one after the other with a pause between them, until the block ends."""
        over = threading.Event()

        def reload() -> None:
            self.reload()
            while not over.wait(pause_s):
                self.reload()

        thread = threading.Thread(target=reload)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def answer_bytes(self, asked: str) -> int:
        """The size of an answer."""
        request = oip.ModelInferRequest.FromString(model.request(asked))
        return int(self._stub.ModelInfer(request, timeout=_TIMEOUT_S).ByteSize())

    def load(self) -> None:
        """As the folder is."""
        request = oip.RepositoryModelLoadRequest(model_name=model.LARGE)
        self._stub.RepositoryModelLoad(request, timeout=_TIMEOUT_S)

    def unload(self) -> None:
        """Takes the large model out of service."""
        request = oip.RepositoryModelUnloadRequest(model_name=model.LARGE)
        self._stub.RepositoryModelUnload(request, timeout=_TIMEOUT_S)

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()


@contextmanager
def watched(address: str, asked: str) -> Iterator[Answers]:
    """Asks a model all the time, a hundred times a second, and looks into the answers."""
    answers, over = Answers(), threading.Event()
    request = oip.ModelInferRequest.FromString(model.request(asked))

    def look() -> None:
        with grpc.insecure_channel(address) as channel:
            stub = inference_pb2_grpc.GRPCInferenceServiceStub(channel)
            while not over.wait(_LOOK_S):
                answers.ask(stub, request)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join()
