"""Creating the ``deriva-ml`` schema of a catalog, and describing a catalog.

``initialise`` creates what is missing: tables, terms, and the sentinel rows for unknown provenance. Each step reads
first, so an interrupted call can be repeated and a second call writes nothing. ``describe`` reads what
`dml catalog show` shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dml.catalog import ml_tables
from dml.catalog.concurrency import gather
from dml.catalog.definitions import make_tables, refuse_difference
from dml.catalog.documents import Document, foreign_key_document
from dml.catalog.rows import Row, count, insert, lease_rids, select
from dml.catalog.schema import DATASET, EXECUTION, ML, WORKFLOW, Capabilities
from dml.catalog.vocabulary import insert_terms
from dml.errors import ConflictError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

_FILE = f"{ML}:File"


@dataclass(frozen=True)
class InitReport:
    """What ``initialise`` created; all empty when everything existed.

    Attributes:
        tables: Tables, as ``schema:Table``.
        terms: Names of terms by vocabulary.
        sentinels: RIDs of sentinel rows by table.
    """

    tables: tuple[str, ...]
    terms: Mapping[str, tuple[str, ...]]
    sentinels: Mapping[str, str]

    @property
    def nothing_to_do(self) -> bool:
        """Whether everything was there already."""
        return not (self.tables or self.terms or self.sentinels)


def initialise(catalog: Catalog, *, project_name: str = ML) -> InitReport:
    """Create the ``deriva-ml`` schema of release 1.54 with its terms and sentinel rows. Writes the catalog.

    Args:
        catalog: The catalog, in which the user may create schemas.
        project_name: The prefix of the terms' compact URIs.

    Raises:
        ConflictError: The catalog has a different ``deriva-ml`` schema, of an older release.
        ForbiddenError: The user may not create schemas in the catalog.
    """
    tables = _make_schema(catalog, project_name)
    return InitReport(tuple(tables), _seed_terms(catalog), _make_sentinels(catalog))


def _make_schema(catalog: Catalog, project_name: str) -> list[str]:
    documents = ml_tables.tables(project_name)
    made: list[str] = []
    if ML not in catalog.refresh_schema().schemas:
        made = _make_all_at_once(catalog, documents)
    if not made:
        # Check all tables before writing any, so that a schema of an older release is not partly converted.
        for document in documents:
            existing = catalog.schema().tables.get(f"{ML}:{document['table_name']}")
            if existing is not None:
                refuse_difference(existing, document, exact=False)
        made = make_tables(catalog, documents, exact=False)
    _close_cycle(catalog)
    return made


def _make_all_at_once(catalog: Catalog, documents: Sequence[Document]) -> list[str]:
    """Create the schema with all its tables in one request; returns no tables if another process created it."""
    whole = {
        "schema_name": ML,
        "comment": "DERIVA-ML: executions, workflows, datasets, files and their provenance",
        "annotations": {},
        "tables": {document["table_name"]: document for document in documents},
    }
    try:
        catalog.post_json("/schema", [whole])
    except ConflictError:
        if ML not in catalog.refresh_schema().schemas:
            raise
        return []
    catalog.refresh_schema()
    return [f"{ML}:{document['table_name']}" for document in documents]


def _close_cycle(catalog: Catalog) -> None:
    if catalog.schema().table(DATASET).foreign_key_of("Version") is not None:
        return
    document = foreign_key_document(DATASET, ml_tables.CURRENT_VERSION)
    try:
        catalog.post_json(f"/schema/{ML}/table/Dataset/foreignkey", document)
    except ConflictError:
        if catalog.refresh_schema().table(DATASET).foreign_key_of("Version") is None:
            raise
    catalog.refresh_schema()


def _seed_terms(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    names = list(ml_tables.TERMS)
    existing = gather([partial(select, catalog, name, columns=["Name"]) for name in names])
    missing_by_table = {}
    for name, rows in zip(names, existing, strict=True):
        known = {row["Name"] for row in rows}
        missing = {term: text for term, text in ml_tables.TERMS[name].items() if term not in known}
        if missing:
            missing_by_table[name] = missing
    for name, missing in missing_by_table.items():  # sequentially: a server aborts one of two concurrent writes
        insert_terms(catalog, name, missing)
    return {name: tuple(missing) for name, missing in missing_by_table.items()}


_SENTINELS: Mapping[str, Row] = {
    WORKFLOW: ml_tables.UNKNOWN_WORKFLOW,
    _FILE: ml_tables.UNKNOWN_FILE,
    EXECUTION: ml_tables.UNKNOWN_EXECUTION,
}
_IDENTIFYING_COLUMN = {WORKFLOW: "URL", _FILE: "URL", EXECUTION: "Description"}


def sentinels(catalog: Catalog) -> dict[str, str]:
    """The RIDs of the existing sentinel rows for unknown provenance, by table.

    Sends one concurrent request for each of Workflow, File and Execution. Catalogs before 1.51.5 have no such rows.
    """
    tables = [table for table in _SENTINELS if catalog.schema().has_column(table, _IDENTIFYING_COLUMN[table])]
    conditions = [{_IDENTIFYING_COLUMN[table]: _SENTINELS[table][_IDENTIFYING_COLUMN[table]]} for table in tables]
    found = gather(
        [
            partial(select, catalog, table, where=where, columns=["RID"])
            for table, where in zip(tables, conditions, strict=True)
        ]
    )
    return {table: min(row["RID"] for row in rows) for table, rows in zip(tables, found, strict=True) if rows}


def _make_sentinels(catalog: Catalog) -> dict[str, str]:
    """Insert the missing sentinel rows with leased RIDs, so that a repeated call does not insert them twice."""
    known = sentinels(catalog)
    tokens = {table: f"dml-unknown-provenance-{table}" for table in _SENTINELS if table not in known}
    leased = lease_rids(catalog, list(tokens.values())) if tokens else {}
    made = {table: leased[token] for table, token in tokens.items()}
    for table, rid in made.items():  # the workflow comes before the execution that names it
        row = {"RID": rid, **_SENTINELS[table]}
        if table == EXECUTION:
            row["Workflow"] = known.get(WORKFLOW) or made[WORKFLOW]
        insert(catalog, table, [row], on_conflict="skip", keep_rids=True)
    return made


@dataclass(frozen=True)
class CatalogDescription:
    """What a catalog holds.

    Attributes:
        snaptime: The latest snapshot.
        capabilities: The optional tables and columns, and the releases that have them.
        domain_schemas: The schemas other than DERIVA-ML's and the server's.
        executions, datasets, workflows: Numbers of rows.
        assets: Numbers of files by asset table, ``schema:Table``.
        features: The number of features.
        vocabularies: The number of vocabularies.
    """

    snaptime: str
    capabilities: Capabilities
    domain_schemas: tuple[str, ...]
    executions: int
    datasets: int
    workflows: int
    assets: Mapping[str, int]
    features: int
    vocabularies: int


def describe(catalog: Catalog) -> CatalogDescription:
    """The contents of a catalog, by its schema, one request for its snapshot, and one concurrent count per table."""
    schema = catalog.schema()
    assets = [table.qualified_name for table in schema.asset_tables()]
    counted = [name for name in (EXECUTION, DATASET, WORKFLOW) if schema.has_table(name)] + assets
    numbers = dict(zip(counted, gather([partial(count, catalog, name) for name in counted]), strict=True))
    return CatalogDescription(
        snaptime=catalog.snaptime(),
        capabilities=schema.capabilities,
        domain_schemas=schema.domain_schemas(),
        executions=numbers.get(EXECUTION, 0),
        datasets=numbers.get(DATASET, 0),
        workflows=numbers.get(WORKFLOW, 0),
        assets={name: numbers[name] for name in assets},
        features=len(schema.feature_tables()),
        vocabularies=len(schema.vocabularies()),
    )
