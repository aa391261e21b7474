"""Tables: nothing is cut, RIDs stay whole, lines fit where they can."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dml.cli.app.tables import Column, fold, layout, width_of
from dml.safe_text import safe

RID = Column("RID", whole=True)
WHAT = Column("what")


def lines(columns: list[Column], rows: list[tuple[object, ...]], width: int = 80) -> list[str]:
    return ["".join(safe(piece.text) for piece in line) for line in layout(columns, rows, width)]


def test_columns_are_aligned() -> None:
    found = lines([RID, Column("n", right=True), WHAT], [("1-ABC", 5, "one"), ("1-ABCD-EFGH", 12480, "two")])
    assert found == ["RID              n  what", "1-ABC            5  one", "1-ABCD-EFGH  12480  two"]


def test_without_headings_there_is_no_line_of_them() -> None:
    assert lines([Column(""), Column("")], [("a", "b")]) == ["a  b"]


def test_long_text_folds_and_rids_do_not() -> None:
    found = lines([RID, WHAT], [("1-ABCD-EFGH", "word " * 10 + "x" * 40)], 30)
    assert all(width_of(line) <= 30 for line in found)
    assert found[1].startswith("1-ABCD-EFGH  ")
    assert "".join(found).count("x") == 40


def test_a_terminal_too_narrow_cuts_nothing() -> None:
    found = lines([RID, WHAT], [("1-ABCD-EFGH", "abcdefghijkl")], 5)
    assert found[1:] == ["1-ABCD-EFGH  abcdefgh", "             ijkl"]


def test_wide_and_combining_characters_are_measured() -> None:
    assert width_of("日本") == 4
    assert width_of("e\u0301") == 1
    assert lines([WHAT, RID], [("日本", "x"), ("abcd", "y")])[1:] == ["日本  x", "abcd  y"]


def test_the_widest_column_gives_way_first() -> None:
    found = lines([WHAT, Column("more")], [("a" * 60, "short text")], 50)
    assert all("short text" in line or "short" not in line for line in found)
    assert all(width_of(line) <= 50 for line in found)


words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=30)


@given(st.lists(words, min_size=1, max_size=12), st.integers(2, 40))
def test_folding_loses_nothing_and_fits(parts: list[str], width: int) -> None:
    text = " ".join(parts)
    folded = fold(text, width)
    assert "".join(folded).replace(" ", "") == text.replace(" ", "")
    assert all(width_of(line) <= width for line in folded)


@given(st.lists(st.tuples(words, words, words), min_size=1, max_size=6), st.integers(10, 100))
def test_every_line_fits_unless_whole_columns_forbid_it(rows: list[tuple[str, str, str]], width: int) -> None:
    columns = [Column("a", whole=True), Column("b"), Column("c")]
    whole = max(width_of(safe(row[0])) for row in rows)
    if whole + 2 * 8 + 4 <= width:
        assert all(width_of(line) <= width for line in lines(columns, rows, width))


def test_an_empty_table_is_its_heading() -> None:
    assert lines([RID, WHAT], []) == ["RID  what"]
