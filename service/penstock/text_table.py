"""Tables of text for terminals and pipes: columns as wide as they look, cells wrapped where the line ends.

Plain text, without colour or frames, so that grep, diff and a pipe read what a person reads.
"""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Iterator, Sequence

# Of a line that no terminal asks for.
_PIPED_WIDTH = 100
# Beyond it eyes lose the row; below it no table is left.
_MOST_WIDTH, _LEAST_WIDTH = 120, 60
_GAP = "  "
_NARROWEST_COLUMN = 8
# East Asian characters, which take two cells (Unicode's UAX #11).
_WIDE = frozenset("WF")
# Marks and format characters, which take none.
_NO_WIDTH = frozenset({"Mn", "Me", "Cf"})

# What a cell holds: phrases, each kept on one line where it fits.
Cell = Sequence[str]


def output_width() -> int:
    """The columns to use: the terminal's within reason, 100 for a pipe."""
    return min(max(shutil.get_terminal_size((_PIPED_WIDTH, 24)).columns, _LEAST_WIDTH), _MOST_WIDTH)


def printable(text: str) -> str:
    """The text with what does not print written as an escape."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def table(head: Sequence[str], rows: Sequence[Sequence[Cell | str]], width: int) -> str:
    """Lines that end in a newline. The widest columns give way where the whole is wider than `width`.

    A column without a word in any row is left out.
    """
    cells = [[_phrases(cell) for cell in row] for row in rows]
    used = [place for place in range(len(head)) if any(row[place] for row in cells)]
    cells = [[row[place] for place in used] for row in cells]
    titles = [[head[place]] for place in used]
    fitted = _fitted([titles, *cells], width)
    wrapped = [[_wrapped(cell, w) for cell, w in zip(row, fitted, strict=True)] for row in (titles, *cells)]
    # Where lines break early, less than was given is needed.
    widths = [max(width_of(line) for row in wrapped for line in row[place]) for place in range(len(used))]
    return "".join(f"{line}\n" for row in wrapped for line in _lines(row, widths))


def width_of(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(_width_of_character(character) for character in text)


def _width_of_character(character: str) -> int:
    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def _phrases(cell: Cell | str) -> list[str]:
    phrases = cell.split() if isinstance(cell, str) else cell
    return [printable(phrase) for phrase in phrases]


def _fitted(rows: Sequence[Sequence[Cell]], width: int) -> list[int]:
    widths = [max(width_of(" ".join(row[place])) for row in rows) for place in range(len(rows[0]))]
    room = width - len(_GAP) * (len(widths) - 1)
    while sum(widths) > room:
        widest = widths.index(max(widths))
        if widths[widest] <= _NARROWEST_COLUMN:
            break
        widths[widest] -= 1
    return widths


def _lines(columns: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    for at in range(max(map(len, columns), default=0)):
        cells = [column[at] if at < len(column) else "" for column in columns]
        padded = (cell + " " * (width - width_of(cell)) for cell, width in zip(cells, widths, strict=True))
        yield _GAP.join(padded).rstrip()


def _wrapped(phrases: Cell, width: int) -> list[str]:
    lines: list[str] = []
    for phrase in phrases:
        if lines and width_of(lines[-1]) + 1 + width_of(phrase) <= width:
            lines[-1] += f" {phrase}"
        elif width_of(phrase) <= width:
            lines.append(phrase)
        elif " " in phrase:
            lines += _wrapped(phrase.split(), width)
        else:
            lines += _cut(phrase, width)
    return lines


def _cut(word: str, width: int) -> Iterator[str]:
    """A word that no line holds, in pieces; a mark stays with the character that it is on."""
    piece, taken = "", 0
    for character in word:
        needed = _width_of_character(character)
        if taken + needed > width and piece:
            yield piece
            piece, taken = "", 0
        piece, taken = piece + character, taken + needed
    yield piece
