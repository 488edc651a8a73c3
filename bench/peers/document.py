"""The place in docs/performance.md that a whole run fills: between its two marks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bench.peers.figures import Results
from bench.peers.report import summary

_DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"
_RESULTS = "../bench/results"
_BEGIN = "<!-- peers: written by make bench-peers -->"
_END = "<!-- /peers -->"


def write(circumstances: Mapping[str, str], results: Results) -> None:
    """Raises ValueError where the document has no such place."""
    text = _DOCUMENT.read_text()
    _DOCUMENT.write_text(filled(text, summary(circumstances, results, _RESULTS)))


def filled(text: str, between: str) -> str:
    """The text with something else between the marks. Raises ValueError where it has not both of them, once."""
    made, found = re.subn(
        f"{re.escape(_BEGIN)}\n.*?{re.escape(_END)}",
        lambda _: f"{_BEGIN}\n{between}\n{_END}",
        text,
        flags=re.DOTALL,
    )
    if found != 1:
        raise ValueError(f"{_DOCUMENT.name} must have {_BEGIN} and {_END} once, and has them {found} times")
    return made
