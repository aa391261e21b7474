"""The vocabulary terms that an execution needs, checked before anything is written, and cached for the process.

A known term is not looked up again; an unknown one is, so that a term added meanwhile is found. A term deleted
meanwhile is refused by the catalog's foreign key.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

ASSET_TYPE = "deriva-ml:Asset_Type"
WORKFLOW_TYPE = "deriva-ml:Workflow_Type"

_seen: WeakKeyDictionary[Catalog, dict[str, dict[str, str]]] = WeakKeyDictionary()


def require(catalog: Catalog, table: str, names: Iterable[str]) -> list[str]:
    """The names of terms, in order and each once, with synonyms replaced by names. Sends at most one request.

    Args:
        catalog: The catalog.
        table: The vocabulary, ``schema:Table``.
        names: Names or synonyms.

    Raises:
        NotFoundError: A name is not a term; the message names the nearest.
    """
    from dml.catalog.vocabulary import find_term

    requested = list(dict.fromkeys(names))
    known = _known(catalog, table)
    if any(name not in known for name in requested):
        known = _known(catalog, table, fresh=True)
    missing = [name for name in requested if name not in known]
    if missing:
        return [find_term(catalog, table, missing[0]).name]
    return list(dict.fromkeys(known[name] for name in requested))


def available(catalog: Catalog, table: str, names: Iterable[str]) -> list[str]:
    """The names that are terms; older catalogs do not have all of today's terms. Sends one request per process."""
    known = _known(catalog, table)
    return [known[name] for name in dict.fromkeys(names) if name in known]


def all_names(catalog: Catalog, table: str) -> list[str]:
    """The names of all terms, sorted. Sends one request per process."""
    return sorted(set(_known(catalog, table).values()))


def _known(catalog: Catalog, table: str, *, fresh: bool = False) -> dict[str, str]:
    """Every spelling of every term of a vocabulary, with the term's name."""
    from dml.catalog.vocabulary import terms

    tables = _seen.setdefault(catalog, {})
    if fresh or table not in tables:
        spellings: dict[str, str] = {}
        found = terms(catalog, table)
        for term in found:
            spellings.update(dict.fromkeys(term.synonyms, term.name))
        spellings.update((term.name, term.name) for term in found)
        tables[table] = spellings
    return tables[table]
