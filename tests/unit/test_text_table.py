"""Tables of text: columns line up by what is seen, whatever the letters, and lines stay within the width."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.text_table import table, width_of


@pytest.mark.parametrize(
    ("text", "width"),
    [("amount", 6), ("金額", 4), ("ｱﾏｳﾝﾄ", 5), ("cafe\u0301", 4), ("a\u200db", 2), ("", 0), ("Ａ", 2)],
)
def test_a_text_is_as_wide_as_a_terminal_shows_it(text: str, width: int) -> None:
    assert width_of(text) == width


def test_columns_line_up_behind_wide_letters_and_marks() -> None:
    rows = [["金額", "float"], ["cafe\u0301", "float"], ["amount", "float"]]
    lines = table(["name", "type"], rows, 80).splitlines()[1:]
    assert [width_of(line[: line.index("float")]) for line in lines] == [8, 8, 8]


def test_a_long_cell_is_broken_before_a_phrase_and_its_column_keeps_its_place() -> None:
    phrases = ["clip 0 to 100", "→ log1p", "→ standardize mean 3.1 std 1.7"]
    printed = table(["feature", "operations", "tensor"], [["amount", phrases, "dense[0]"]], 50)
    assert printed == (
        "feature  operations                      tensor\n"
        "amount   clip 0 to 100 → log1p           dense[0]\n"
        "         → standardize mean 3.1 std 1.7\n"
    )


def test_a_word_that_no_line_holds_is_cut_between_letters_not_off_their_marks() -> None:
    lines = table(["a", "b"], [["e\u0301" * 30, "x" * 30]], 40).splitlines()
    assert "".join(line.split()[0] for line in lines[1:]) == "e\u0301" * 30
    assert all(not line.startswith("\u0301") for line in lines)


def test_what_does_not_print_is_escaped() -> None:
    assert table(["a"], [[["x\u202ey\x07"]]], 40) == "a\nx\\u202ey\\x07\n"


def test_a_column_without_a_word_is_left_out() -> None:
    assert table(["a", "b", "c"], [["1", [], "3"]], 40) == "a  c\n1  3\n"


cells = st.lists(st.text(max_size=40).map(lambda text: text.strip() or "x"), max_size=4)


@given(st.lists(st.lists(cells, min_size=4, max_size=4), max_size=5), st.integers(60, 120))
def test_no_line_is_wider_than_asked_for(rows: list[list[list[str]]], width: int) -> None:
    assert all(width_of(line) <= width for line in table(["a", "b", "c", "d"], rows, width).splitlines())
