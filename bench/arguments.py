"""What arguments of the benchmarks' command lines are read by."""

from __future__ import annotations

import argparse
from collections.abc import Iterable


class Names:
    """A list of known names, separated by commas, in the order in which they are known; argparse calls it as a type."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = list(known)

    def __call__(self, text: str) -> list[str]:
        """Raises ArgumentTypeError for a name that is not known."""
        names = text.split(",")
        unknown = [name for name in names if name not in self._known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(self._known)}")
        return [name for name in self._known if name in names]
