"""The exception tree."""

import inspect

import pytest

from penstock import errors

KINDS = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_a_penstock_error(kind: type[Exception]) -> None:
    assert issubclass(kind, errors.PenstockError)


def test_a_failed_call_says_what_a_caller_may_know() -> None:
    failure = errors.CallFailed(14, "the queue is full", b"details", 25)
    assert str(failure) == failure.message == "the queue is full"
    assert (failure.code, failure.status_details, failure.pushback_ms) == (14, b"details", 25)


def test_details_and_pushback_of_a_failed_call_may_be_left_out() -> None:
    failure = errors.CallFailed(5, 'Model "x" is not in the repository.')
    assert (failure.status_details, failure.pushback_ms) == (None, None)
