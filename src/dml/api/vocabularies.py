"""Vocabularies and their terms; tables may be given by their bare names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.catalog.model import Table
    from dml.catalog.vocabulary import Term


def create_vocabulary(self: DerivaML, name: str, comment: str = "", schema: str | None = None) -> Table:
    """Make a vocabulary, unless it is there. Writes the catalog."""
    from dml.catalog.definitions import create_vocabulary as create

    return create(self.catalog, self.new_table_name(name, schema), comment=comment)


def add_term(self: DerivaML, table: str, term_name: str, description: str, synonyms: Sequence[str] = ()) -> Term:
    """Add a term to a vocabulary, unless it is there. Writes the catalog."""
    from dml.catalog.vocabulary import add_term as add

    return add(self.catalog, self.table_name(table), term_name, description, synonyms)


def add_synonyms(self: DerivaML, table: str, term_name: str, synonyms: Sequence[str]) -> Term:
    """Give a term other names, those it has already aside. Writes the catalog.

    Raises:
        NotFoundError: There is no such term; the nearest are named.
        UsageError: A synonym finds another term.
    """
    from dml.catalog.vocabulary import add_synonym, find_term

    term = find_term(self.catalog, self.table_name(table), term_name)
    for synonym in synonyms:
        term = add_synonym(self.catalog, self.table_name(table), term.name, synonym)
    return term


def lookup_term(self: DerivaML, table: str, term_name: str) -> Term:
    """A term by its name or a synonym.

    Raises:
        NotFoundError: There is none; the nearest are named.
    """
    from dml.catalog.vocabulary import find_term

    return find_term(self.catalog, self.table_name(table), term_name)


def list_vocabulary_terms(self: DerivaML, table: str) -> list[Term]:
    """The terms of a vocabulary, by name."""
    from dml.catalog.vocabulary import terms

    return terms(self.catalog, self.table_name(table))
