"""Terms of controlled vocabularies: listing, finding (with suggestions) and adding them.

Rows refer to a term by its Name; synonyms are only used to find it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dml.catalog.rows import Row, insert, select, update
from dml.catalog.url import table_path
from dml.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

_SERVER_FILLS = ("ID", "URI", "RID", "RCT", "RMT", "RCB", "RMB")


@dataclass(frozen=True)
class Term:
    """A term of a vocabulary.

    Attributes:
        name: The name by which rows refer to it.
        description: What it means, Markdown.
        synonyms: Other names by which it is found.
        id: The compact URI (CURIE).
        uri: The URI, often a path on the catalog's host.
        rid: The RID of its row.
    """

    name: str
    description: str
    synonyms: tuple[str, ...]
    id: str
    uri: str
    rid: str


def terms(catalog: Catalog, table: str) -> list[Term]:
    """All terms of a vocabulary, sorted by name. Sends one request.

    Raises:
        NotFoundError: There is no such table.
        UsageError: The table is not a vocabulary.
    """
    name = _vocabulary(catalog, table)
    return sorted((_term(row) for row in select(catalog, name)), key=lambda term: term.name)


def first_terms(catalog: Catalog, table: str, limit: int | None) -> tuple[list[Term], bool]:
    """The first terms of a vocabulary by name, and whether there are more. Sends one request.

    Raises:
        NotFoundError: There is no such table.
        UsageError: The table is not a vocabulary.
    """
    from dml.catalog.paging import page

    path = f"/entity/{table_path(_vocabulary(catalog, table))}"
    rows, more = page(catalog, path, sort=("Name", "RID"), limit=limit)
    return [_term(row) for row in rows], more


def _vocabulary(catalog: Catalog, table: str) -> str:
    """``schema:Table`` of a vocabulary."""
    found = catalog.schema().table(table)
    if not found.is_vocabulary:
        names = ", ".join(part.name for part in catalog.schema().vocabularies())
        raise UsageError(f"{table} is not a vocabulary", hint=f"Vocabularies: {names}.")
    return found.qualified_name


def find_term(catalog: Catalog, table: str, name: str) -> Term:
    """The term with this name, or else with this synonym.

    Raises:
        NotFoundError: There is none; the hint has the nearest names and the command to add it.
    """
    return match_term(terms(catalog, table), table, name)


def match_term(known: Sequence[Term], table: str, name: str) -> Term:
    """As ``find_term``, among terms that were read before; sends no request."""
    for term in known:
        if term.name == name:
            return term
    for term in known:
        if name in term.synonyms:
            return term
    bare = table.rpartition(":")[2]
    near = _nearest(known, name)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    raise NotFoundError(
        f"{bare} has no term {name!r}",
        hint=f"{hint}Add it with `dml vocab add {bare} {name!r} --description TEXT`.",
    )


def _nearest(known: Sequence[Term], name: str) -> list[str]:
    spelled: dict[str, str] = {}
    for term in known:
        for form in (term.name, *term.synonyms):
            spelled.setdefault(form.casefold(), term.name)
    close = difflib.get_close_matches(name.casefold(), list(spelled), 5, 0.5)
    return list(dict.fromkeys(spelled[form] for form in close))[:3]


def add_term(catalog: Catalog, table: str, name: str, description: str, synonyms: Sequence[str] = ()) -> Term:
    """Add a term unless it exists, and return it.

    Args:
        catalog: The catalog.
        table: The vocabulary.
        name: The term's name; an existing term keeps its description and synonyms.
        description: What it means.
        synonyms: Other names.

    Raises:
        UsageError: The name is empty, or the table is not a vocabulary.
    """
    added = add_terms(catalog, table, {name: description}, {name: synonyms})
    return added[0] if added else find_term(catalog, table, name)


def add_terms(
    catalog: Catalog, table: str, described: Mapping[str, str], synonyms: Mapping[str, Sequence[str]] | None = None
) -> list[Term]:
    """Add the terms that do not exist yet, in one request, or none if all exist. Writes the catalog.

    Args:
        catalog: The catalog.
        table: The vocabulary.
        described: Name → description.
        synonyms: Name → other names.

    Returns:
        The terms that were added.
    """
    if any(not name.strip() for name in described):
        raise UsageError("a term needs a name")
    existing = {term.name for term in terms(catalog, table)}
    return insert_terms(catalog, table, {n: text for n, text in described.items() if n not in existing}, synonyms)


def insert_terms(
    catalog: Catalog, table: str, described: Mapping[str, str], synonyms: Mapping[str, Sequence[str]] | None = None
) -> list[Term]:
    """As ``add_terms``, without reading first; the server leaves existing terms unchanged."""
    others = synonyms or {}
    rows = [
        {"Name": name, "Description": text, "Synonyms": list(others.get(name, ()))} for name, text in described.items()
    ]
    name = catalog.schema().table(table).qualified_name
    return [_term(row) for row in insert(catalog, name, rows, on_conflict="skip", defaults=_SERVER_FILLS)]


def add_synonym(catalog: Catalog, table: str, name: str, synonym: str) -> Term:
    """Add a synonym to a term, unless it already has it. Writes the catalog.

    Raises:
        NotFoundError: There is no such term.
        UsageError: The synonym is empty, or already belongs to another term.
    """
    known = terms(catalog, table)
    term = match_term(known, table, name)
    if synonym == term.name or synonym in term.synonyms:
        return term
    taken = [other.name for other in known if synonym == other.name or synonym in other.synonyms]
    if not synonym.strip() or taken:
        raise UsageError(f"{synonym!r} cannot be a synonym of {name!r}: {'it finds ' + taken[0] if taken else 'empty'}")
    row = {"RID": term.rid, "Synonyms": [*term.synonyms, synonym]}
    update(catalog, catalog.schema().table(table).qualified_name, [row], columns=["Synonyms"])
    return Term(term.name, term.description, (*term.synonyms, synonym), term.id, term.uri, term.rid)


def _term(row: Row) -> Term:
    other: Iterable[str] = row.get("Synonyms") or ()
    return Term(
        name=str(row["Name"]),
        description=str(row.get("Description") or ""),
        synonyms=tuple(map(str, other)),
        id=str(row.get("ID") or ""),
        uri=str(row.get("URI") or ""),
        rid=str(row["RID"]),
    )
