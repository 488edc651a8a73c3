"""README's table of the doors, between two comments: the summary, as it was written to bench/results."""

from __future__ import annotations

import re
from pathlib import Path

_README = Path(__file__).parents[2] / "README.md"
_TABLE = re.compile(r"(?P<begin><!-- doors: [^\n]*-->\n)(?P<table>.*?)(?P<end><!-- /doors -->)", re.DOTALL)


def table() -> str:
    """What README shows. Raises ValueError where the comments are gone."""
    return _found(_README.read_text())["table"]


def write(summary: str) -> None:
    """Puts a summary in the table's place. Raises ValueError where the comments are gone."""
    text = _README.read_text()
    found = _found(text)
    _README.write_text(text[: found.start("table")] + summary + text[found.end("table") :])


def _found(text: str) -> re.Match[str]:
    found = _TABLE.search(text)
    if found is None:
        raise ValueError(f"{_README}: no table between <!-- doors: … --> and <!-- /doors -->")
    return found
