"""Many calls of one thread, by ends that answer as a test says; nothing is sent."""

from collections.abc import Callable, Iterator

import pytest

from penstock.call_error import CallError
from penstock.calls import UnaryCall
from penstock.many import Many
from penstock.retry import RetryBudget

Reply = bytes | CallError


class ScriptedEnd:
    """Answers a call by its message and how often it came, the last one first; remembers how many were under way."""

    def __init__(self, answer: Callable[[bytes, int], Reply]) -> None:
        self.answer = answer
        self.sent: list[bytes] = []
        self.under_way: list[tuple[int, bytes]] = []
        self.most_under_way = 0
        self.closed = False

    def submit(self, method: str, token: int, message: bytes, timeout_s: float) -> None:
        assert method == "/m"
        assert 0 < timeout_s <= 60.0
        self.sent.append(message)
        self.under_way.append((token, message))
        self.most_under_way = max(self.most_under_way, len(self.under_way))

    def wait(self, at_most_s: float | None = None) -> list[tuple[int, Reply]]:
        if not self.under_way:
            return []
        # Whoever waits for a call that is due again says for how long.
        assert at_most_s is None or at_most_s > 0
        token, message = self.under_way.pop()
        return [(token, self.answer(message, self.sent.count(message)))]

    def close(self) -> None:
        self.closed = True


def echo(message: bytes, _attempt: int) -> Reply:
    return message


def calls(count: int) -> Iterator[UnaryCall[str]]:
    return (UnaryCall("/m", str(number).encode(), bytes.decode) for number in range(count))


def many(end: ScriptedEnd, in_flight: int = 4) -> Many[str]:
    return Many(end, RetryBudget(), 60.0, in_flight)


@pytest.mark.parametrize("count", [0, 1, 4, 5, 100])
def test_answers_are_in_the_order_of_the_calls(count: int) -> None:
    end = ScriptedEnd(echo)
    assert many(end).run(calls(count), keep_failures=False) == [str(number) for number in range(count)]
    assert end.most_under_way == min(count, 4)
    assert end.closed


def test_a_refused_call_is_sent_again_while_others_go_on() -> None:
    def answer(message: bytes, attempt: int) -> Reply:
        return CallError("UNAVAILABLE", "full", pushback_ms=1) if message == b"3" and attempt < 3 else message

    end = ScriptedEnd(answer)
    assert many(end).run(calls(10), keep_failures=False) == [str(number) for number in range(10)]
    assert end.sent.count(b"3") == 3
    assert len(end.sent) == 12


def test_a_failure_is_raised_and_ends_the_others() -> None:
    def answer(message: bytes, _attempt: int) -> Reply:
        return CallError("INVALID_ARGUMENT", "no") if message == b"3" else message

    end = ScriptedEnd(answer)
    with pytest.raises(CallError, match="INVALID_ARGUMENT: no"):
        many(end).run(calls(10), keep_failures=False)
    assert end.closed
    assert len(end.sent) < 10


def test_a_failure_that_is_kept_stands_in_its_place() -> None:
    def answer(message: bytes, _attempt: int) -> Reply:
        return CallError("INTERNAL", message.decode()) if message in {b"0", b"7"} else message

    answers = many(ScriptedEnd(answer)).run(calls(10), keep_failures=True)
    assert [str(answer) for answer in answers] == [
        "INTERNAL: 0",
        *(str(number) for number in range(1, 7)),
        "INTERNAL: 7",
        *("8", "9"),
    ]


def test_a_call_that_is_refused_five_times_has_failed() -> None:
    end = ScriptedEnd(lambda _message, _attempt: CallError("UNAVAILABLE", "full", pushback_ms=0))
    (failure,) = many(end).run(calls(1), keep_failures=True)
    assert isinstance(failure, CallError)
    assert end.sent == [b"0"] * 5


def test_a_request_that_cannot_be_made_ends_the_others() -> None:
    def made() -> Iterator[UnaryCall[str]]:
        yield from calls(6)
        raise ValueError("row 6 is none")

    end = ScriptedEnd(echo)
    with pytest.raises(ValueError, match="row 6 is none"):
        many(end).run(made(), keep_failures=True)
    assert end.closed
