"""Terms: found by name or synonym, suggested when misspelt, added once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dml.catalog.connection import Catalog
from dml.catalog.definitions import create_vocabulary
from dml.catalog.schema import EXECUTION, ML
from dml.catalog.vocabulary import add_synonym, add_term, add_terms, find_term, terms
from dml.errors import NotFoundError, UsageError


@pytest.fixture
def colours(catalog: Catalog, domain: str) -> str:
    table = f"{domain}:Colour"
    create_vocabulary(catalog, table)
    add_term(catalog, table, "Crimson", "A red", ["Carmine", "deep, red"])
    add_term(catalog, table, "Azure", "A blue")
    return table


def test_terms_come_in_order_with_what_the_server_filled_in(catalog: Catalog, colours: str) -> None:
    azure, crimson = terms(catalog, colours)
    assert (azure.name, azure.description, azure.synonyms) == ("Azure", "A blue", ())
    assert (crimson.name, crimson.synonyms) == ("Crimson", ("Carmine", "deep, red"))
    assert crimson.id == f"{colours.partition(':')[0]}:{crimson.rid}"
    assert crimson.uri == f"/id/{crimson.rid}"


def test_a_term_is_found_by_its_name_or_a_synonym(catalog: Catalog, colours: str) -> None:
    assert find_term(catalog, colours, "Crimson").name == "Crimson"
    assert find_term(catalog, colours, "Carmine").name == "Crimson"


@pytest.mark.parametrize(("asked", "near"), [("Crimsn", "Crimson"), ("crimson", "Crimson"), ("Carmin", "Crimson")])
def test_a_misspelt_term_names_the_nearest_and_how_to_add_it(
    catalog: Catalog, colours: str, asked: str, near: str
) -> None:
    with pytest.raises(NotFoundError) as caught:
        find_term(catalog, colours, asked)
    assert f"Did you mean {near}?" in caught.value.hint
    assert f"dml vocab add Colour '{asked}'" in caught.value.hint


def test_a_term_is_added_once(catalog: Catalog, colours: str) -> None:
    first = add_term(catalog, colours, "Ochre", "A yellow", ["Ocher"])
    catalog.traffic.reset()
    assert add_term(catalog, colours, "Ochre", "Something else") == first
    assert catalog.traffic.count("POST") == 0


def test_many_terms_take_one_writing_request(catalog: Catalog, colours: str) -> None:
    catalog.traffic.reset()
    added = add_terms(catalog, colours, {"Azure": "no change", "Lime": "A green", "Teal": "Between"})
    assert sorted(term.name for term in added) == ["Lime", "Teal"]
    assert catalog.traffic.count("POST") == 1
    assert add_terms(catalog, colours, {"Lime": "A green", "Teal": "Between"}) == []
    assert find_term(catalog, colours, "Azure").description == "A blue"


def test_a_synonym_is_added_once_and_finds_one_term_only(catalog: Catalog, colours: str) -> None:
    assert add_synonym(catalog, colours, "Azure", "Sky").synonyms == ("Sky",)
    assert find_term(catalog, colours, "Sky").name == "Azure"
    catalog.traffic.reset()
    add_synonym(catalog, colours, "Azure", "Sky")
    assert catalog.traffic.count("PUT") == 0
    with pytest.raises(UsageError):
        add_synonym(catalog, colours, "Crimson", "Sky")
    with pytest.raises(NotFoundError):
        add_synonym(catalog, colours, "Absent", "Other")


def test_odd_names_are_terms_like_others(catalog: Catalog, colours: str) -> None:
    for name in ("a/b", "x,y;z", "été", "100%", "[/bold]"):
        assert find_term(catalog, colours, add_term(catalog, colours, name, "odd").name).name == name


@pytest.mark.parametrize("name", ["", "  "])
def test_a_term_needs_a_name(catalog: Catalog, colours: str, name: str) -> None:
    with pytest.raises(UsageError):
        add_term(catalog, colours, name, "nameless")


def test_what_is_no_vocabulary_is_refused(catalog: Catalog, unique: Callable[[str], str]) -> None:
    with pytest.raises(UsageError, match="not a vocabulary"):
        terms(catalog, EXECUTION)
    with pytest.raises(NotFoundError):
        terms(catalog, f"{ML}:{unique('None')}")
    assert terms(catalog, "Asset_Role")
