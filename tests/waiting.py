"""Waiting for what a server comes to by itself, without a guess how long it takes."""

from collections.abc import Callable

import grpc


def wait_for(condition: Callable[[], bool], *, during: grpc.Future | None = None) -> None:
    """Asks until it is so; a test that waits in vain ends by its own timeout.

    Once the call `during` has ended it is too late.
    """
    while not condition():
        assert during is None or not during.done(), during
