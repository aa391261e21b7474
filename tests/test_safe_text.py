"""Untrusted text as one harmless line."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dml.safe_text import ELLIPSIS, safe

_BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_ZERO_WIDTH = set("\u200b\u200c\u200d\u2060\ufeff\u180e\u00ad\u034f\u3164")
_ANYTHING = st.text(st.characters()) | st.text(
    st.sampled_from(
        [*_BIDI, *_ZERO_WIDTH, "\x00", "\x1b", "[", "m", "\x9b", "\x9d", "\n", "\r", "\u2028", "\x7f", "a", "\ud800"]
    )
)


@given(_ANYTHING)
def test_nothing_that_moves_the_cursor_or_reorders_text_is_left(text: str) -> None:
    shown = safe(text)
    assert not [character for character in shown if unicodedata.category(character) in ("Cc", "Cs", "Co", "Zl", "Zp")]
    assert not set(shown) & (_BIDI | _ZERO_WIDTH)
    shown.encode("utf-8")


@given(_ANYTHING, st.integers(1, 50))
def test_a_limit_is_kept_and_a_cut_is_marked(text: str, limit: int) -> None:
    shown = safe(text, limit=limit)
    assert len(shown) <= limit
    whole = safe(text)
    assert shown == whole if len(whole) <= limit else shown.endswith(ELLIPSIS)


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=200))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    hidden = {"\u034f", "\u115f", "\u1160", "\u3164", "\uffa0", "\u2800"}
    assert safe(text) == "".join(character for character in text if character not in hidden)


@given(_ANYTHING)
def test_what_is_safe_stays_the_same(text: str) -> None:
    assert safe(safe(text)) == safe(text)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("one\ntwo\r\nthree", "one⏎two⏎three"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("\x9b31m", "�31m"),
        ("file\u202egnp.exe", "filegnp.exe"),
        ("a\tb", "a b"),
        (None, ""),
        (17, "17"),
        (b"caf\xc3\xa9\xff", "café�"),
        ("[red]markup[/x]", "[red]markup[/x]"),
    ],
)
def test_examples(value: object, shown: str) -> None:
    assert safe(value) == shown


def test_a_megabyte_is_cut() -> None:
    assert len(safe("x" * 1_000_000)) <= 100_000
    assert safe("x" * 1_000_000, limit=10) == "x" * 9 + ELLIPSIS


def test_many_hidden_characters_do_not_hide_that_text_was_cut() -> None:
    assert safe("\u200b" * 500_000 + "end", limit=5).endswith(ELLIPSIS)


def test_an_object_that_cannot_be_shown_is_named_by_its_type() -> None:
    class Silent:
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert safe(Silent()) == "<Silent>"


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="limit"):
        safe("x", limit=0)
