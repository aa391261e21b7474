"""Vocabularies and their terms; a table may be given by its bare name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML
    from dml.catalog.model import Table
    from dml.catalog.vocabulary import Term


def create_vocabulary(self: DerivaML, name: str, comment: str = "", schema: str | None = None) -> Table:
    """Create a vocabulary table unless it exists. Writes the catalog.

    Args:
        name: ``Table`` or ``schema:Table``.
        comment: Description of the vocabulary, Markdown.
        schema: Schema of a bare table name; the default schema when None.

    Raises:
        UsageError: The name is bare and there is no default schema.
    """
    from dml.catalog.definitions import create_vocabulary as create

    return create(self.catalog, self._new_table_name(name, schema), comment=comment)


def add_term(self: DerivaML, table: str, term_name: str, description: str, synonyms: Sequence[str] = ()) -> Term:
    """Add a term to a vocabulary unless it exists. Writes the catalog."""
    from dml.catalog.vocabulary import add_term as add

    return add(self.catalog, self._table_name(table), term_name, description, synonyms)


def add_synonyms(self: DerivaML, table: str, term_name: str, synonyms: Sequence[str]) -> Term:
    """Add synonyms to a term; those it already has are left alone. Writes the catalog.

    Raises:
        NotFoundError: There is no such term; the message suggests the nearest names.
        UsageError: A synonym is a name or synonym of another term.
    """
    from dml.catalog.vocabulary import add_synonym, find_term

    term = find_term(self.catalog, self._table_name(table), term_name)
    for synonym in synonyms:
        term = add_synonym(self.catalog, self._table_name(table), term.name, synonym)
    return term


def lookup_term(self: DerivaML, table: str, term_name: str) -> Term:
    """The term with this name or synonym.

    Raises:
        NotFoundError: There is no such term; the message suggests the nearest names.
    """
    from dml.catalog.vocabulary import find_term

    return find_term(self.catalog, self._table_name(table), term_name)


def list_vocabulary_terms(self: DerivaML, table: str) -> list[Term]:
    """The terms of a vocabulary, sorted by name."""
    from dml.catalog.vocabulary import terms

    return terms(self.catalog, self._table_name(table))
