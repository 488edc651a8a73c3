"""The process's logging, lent to a test."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_logging() -> Iterator[None]:
    """Leaves it as it was found."""
    root, own = logging.getLogger(), logging.getLogger("penstock")
    kept = root.handlers[:], root.level, own.level
    try:
        yield
    finally:
        root.handlers[:], own.level = kept[0], kept[2]
        root.setLevel(kept[1])
