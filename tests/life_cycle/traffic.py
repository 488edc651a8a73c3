"""Callers who never pause, and who hold each answer against what was routed while they waited for it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

import grpc

from penstock.pb import inference_pb2 as oip
from penstock.pb import inference_pb2_grpc
from tests.connection import OPTIONS
from tests.integration.calls import infer_request
from tests.life_cycle import calls
from tests.server_process import ServerProcess

# No version: calls may be refused.
NONE = None
UNARY_CALLERS = 2


class Routed:
    """What may be routed: at each time a set of versions with what they add, the last one now."""

    def __init__(self) -> None:
        self._epochs: list[frozenset[calls.Answer | None]] = [frozenset({NONE})]

    @property
    def now(self) -> int:
        """The number of the present epoch."""
        return len(self._epochs) - 1

    def may_be(self, *answers: calls.Answer | None) -> None:
        """From now on one of these answers."""
        self._epochs.append(frozenset(answers))

    def since(self, epoch: int) -> frozenset[calls.Answer | None]:
        """Whatever may have been routed since an epoch began."""
        return frozenset().union(*self._epochs[epoch:])

    def fault(self, epoch: int, answer: calls.Answer | calls.Refusal) -> str:
        """What is wrong with an answer to a call that was sent in an epoch; "" where nothing is."""
        possible = self.since(epoch)
        if isinstance(answer, calls.Refusal):
            allowed = answer.code in (calls.NOT_FOUND, calls.UNAVAILABLE) and NONE in possible
            return "" if allowed else f"refused with {answer} while {set(possible)} were routed"
        return "" if answer in possible else f"answered by {answer} while {set(possible)} were routed"


class Traffic:
    """Callers of one model while the `with` block lasts: some with ModelInfer, one with ModelStreamInfer.

    Leaving it fails with the first wrong answers. No call is sent twice, and each one is answered.
    """

    def __init__(self, server: ServerProcess, model: str) -> None:
        self.routed = Routed()
        self._model = model
        self._ended = threading.Event()
        self._news = threading.Condition()
        self._answers: list[int] = []
        self._faults: list[str] = []
        self._channel = grpc.insecure_channel(server.address, OPTIONS)
        self._stub = inference_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        callers: list[Callable[[int], None]] = [*[self._call] * UNARY_CALLERS, self._stream]
        self._threads = [
            threading.Thread(target=self._safely, args=(caller, number))
            for number, caller in enumerate(callers)
        ]
        self._answers = [0] * len(self._threads)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._channel.close()
        if error is None:
            self.check()

    def check(self) -> None:
        """Fails if an answer was wrong."""
        assert not self._faults, self._faults[:5]

    def flows(self) -> None:
        """Waits until every caller has sent a call after this moment and has had its answer."""
        with self._news:
            # The answer after the next is to a call that was sent after now.
            goals = [count + 2 for count in self._answers]
            self._news.wait_for(
                lambda: (
                    self._faults
                    or all(count >= goal for count, goal in zip(self._answers, goals, strict=True))
                ),
                calls.TIMEOUT_S,
            )
        self.check()

    def _safely(self, caller: Callable[[int], None], number: int) -> None:
        try:
            caller(number)
        except BaseException as error:  # noqa: BLE001 - a lost call is told by the test's thread
            self._tell(number, f"caller {number}: {error!r}")

    def _call(self, number: int) -> None:
        request = infer_request(self._model, calls.X)
        while not self._ended.is_set():
            epoch = self.routed.now
            answer = calls.outcome(self._stub.ModelInfer, request)
            if not isinstance(answer, calls.Refusal):
                answer = calls.answer_of(answer)
            self._tell(number, self.routed.fault(epoch, answer))

    def _stream(self, number: int) -> None:
        requests: queue.SimpleQueue[oip.ModelInferRequest | None] = queue.SimpleQueue()
        answers: Iterator[oip.ModelStreamInferResponse] = self._stub.ModelStreamInfer(
            iter(requests.get, None)
        )
        while not self._ended.is_set():
            epoch = self.routed.now
            requests.put(infer_request(self._model, calls.X))
            self._tell(number, self.routed.fault(epoch, _of_stream(next(answers))))
        requests.put(None)
        assert list(answers) == []

    def _tell(self, number: int, fault: str) -> None:
        with self._news:
            self._answers[number] += 1
            if fault:
                self._faults.append(fault)
            self._news.notify_all()


def _of_stream(answer: oip.ModelStreamInferResponse) -> calls.Answer | calls.Refusal:
    if not answer.error_message:
        return calls.answer_of(answer.infer_response)
    known = {
        "is not in the repository": calls.NOT_FOUND,
        "has no version": calls.NOT_FOUND,
        "is not ready": calls.UNAVAILABLE,
    }
    codes = [code for words, code in known.items() if words in answer.error_message]
    return calls.Refusal(codes[0] if codes else grpc.StatusCode.UNKNOWN, answer.error_message)
