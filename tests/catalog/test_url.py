"""Quoting and splitting: every value comes back, no path grows too long."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dml.catalog.object_info import LONGEST_NAME, object_path
from dml.catalog.url import PATH_LIMIT, condition, literal, quote, split_values, table_path
from dml.errors import UsageError

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60)
values = st.one_of(texts, st.none(), st.integers(), st.booleans())


@given(texts)
def test_quoted_text_is_plain_and_comes_back(text: str) -> None:
    assert re.fullmatch(r"(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})*", quote(text))
    assert unquote(quote(text)) == text


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_what_no_server_stores_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        quote(text)


def values_of(text: str, column: str) -> list[str | None]:
    """Read a condition back, as a server would."""
    found: list[str | None] = []
    for part in text.split(";"):
        if part == f"{column}::null::":
            found.append(None)
            continue
        value = part.removeprefix(f"{column}=")
        inner = re.fullmatch(r"any\((.*)\)", value)
        found += [unquote(one) for one in (inner[1].split(",") if inner else [value])]
    return found


@given(st.lists(values, min_size=1, max_size=200), st.integers(1_200, 3_900))
def test_every_value_is_asked_for_once_and_no_condition_is_too_long(given_values: list[object], room: int) -> None:
    runs = split_values("Name", given_values, room)
    assert all(runs)
    conditions = [condition("Name", run) for run in runs]
    assert all(len(text) <= room for text in conditions)
    asked = [value for text in conditions for value in values_of(text, "Name")]
    wanted = {None if value is None else unquote(literal(value)) for value in given_values}
    assert len(asked) == len(set(asked))
    assert set(asked) == wanted


def test_a_value_too_long_for_any_path_is_refused() -> None:
    with pytest.raises(UsageError, match="too long"):
        split_values("Name", ["x" * PATH_LIMIT], 3_000)


def test_one_value_has_the_plain_form() -> None:
    assert condition("Age", [31]) == "Age=31"
    assert condition("Name", ["a,b", "c"]) == "Name=any(a%2Cb,c)"
    assert condition("Name", ["", None, "x"]) == "Name=x;Name=;Name::null::"
    assert condition("Deleted", [True]) == "Deleted=true"


@pytest.mark.parametrize("name", ["Image", ":Image", "demo:", ""])
def test_a_table_needs_its_schema(name: str) -> None:
    with pytest.raises(UsageError):
        table_path(name)


@given(texts.filter(bool))
def test_object_names_hold_nothing_that_hatrac_refuses(filename: str) -> None:
    name = object_path("Image", "d41d8cd98f00b204e9800998ecf8427e", filename).removeprefix("/hatrac/Image/")
    assert re.fullmatch(r"(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+", name)
    assert len(name) <= LONGEST_NAME
    assert unquote(name).endswith(filename) or len(quote(filename)) > LONGEST_NAME - 33
