"""Makes a catalog a DERIVA-ML catalog, and says what one holds.

``initialise`` creates what is missing of the ``deriva-ml`` schema: tables, terms, and the stand-ins for
unknown provenance. Each step looks first, so that it may be cut short and called again, and a second call
writes nothing. ``describe`` reads what `dml catalog show` shows.
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
    """What ``initialise`` made; all empty when everything was there.

    Attributes:
        tables: Tables, as ``schema:Table``.
        terms: Names of terms by vocabulary.
        sentinels: RIDs of stand-in rows by table.
    """

    tables: tuple[str, ...]
    terms: Mapping[str, tuple[str, ...]]
    sentinels: Mapping[str, str]

    @property
    def nothing_to_do(self) -> bool:
        """Whether everything was there already."""
        return not (self.tables or self.terms or self.sentinels)


def initialise(catalog: Catalog, *, project_name: str = ML) -> InitReport:
    """Create the ``deriva-ml`` schema of release 1.54 with its terms and stand-ins. Writes the catalog.

    Args:
        catalog: The catalog; one needs the right to create schemas there.
        project_name: What the compact URIs of terms begin with.

    Raises:
        ConflictError: There is a ``deriva-ml`` schema of another form (an older release's).
        ForbiddenError: One may not create schemas there.
    """
    tables = _make_schema(catalog, project_name)
    return InitReport(tuple(tables), _seed_terms(catalog), _make_sentinels(catalog))


def _make_schema(catalog: Catalog, project_name: str) -> list[str]:
    documents = ml_tables.tables(project_name)
    made: list[str] = []
    if ML not in catalog.refresh_schema().schemas:
        made = _make_all_at_once(catalog, documents)
    if not made:
        # Refused before anything is written: a schema of an older release is not half converted.
        for document in documents:
            there = catalog.schema().tables.get(f"{ML}:{document['table_name']}")
            if there is not None:
                refuse_difference(there, document, exact=False)
        made = make_tables(catalog, documents, exact=False)
    _close_cycle(catalog)
    return made


def _make_all_at_once(catalog: Catalog, documents: Sequence[Document]) -> list[str]:
    """The schema with all its tables in one request; nothing when someone else has made it meanwhile."""
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
    there = gather([partial(select, catalog, name, columns=["Name"]) for name in names])
    wanted = {}
    for name, rows in zip(names, there, strict=True):
        known = {row["Name"] for row in rows}
        missing = {term: text for term, text in ml_tables.TERMS[name].items() if term not in known}
        if missing:
            wanted[name] = missing
    for name, missing in wanted.items():  # one after the other: a server aborts one of two writes that overlap
        insert_terms(catalog, name, missing)
    return {name: tuple(missing) for name, missing in wanted.items()}


_SENTINELS: Mapping[str, Row] = {
    WORKFLOW: ml_tables.UNKNOWN_WORKFLOW,
    _FILE: ml_tables.UNKNOWN_FILE,
    EXECUTION: ml_tables.UNKNOWN_EXECUTION,
}
_TELLING = {WORKFLOW: "URL", _FILE: "URL", EXECUTION: "Description"}


def sentinels(catalog: Catalog) -> dict[str, str]:
    """The RIDs of the stand-in rows for unknown provenance, by table; without those that are not there.

    One concurrent request for each of Workflow, File and Execution. Catalogs older than 1.51.5 have none.
    """
    tables = [table for table in _SENTINELS if catalog.schema().has_column(table, _TELLING[table])]
    conditions = [{_TELLING[table]: _SENTINELS[table][_TELLING[table]]} for table in tables]
    found = gather(
        [
            partial(select, catalog, table, where=where, columns=["RID"])
            for table, where in zip(tables, conditions, strict=True)
        ]
    )
    return {table: min(row["RID"] for row in rows) for table, rows in zip(tables, found, strict=True) if rows}


def _make_sentinels(catalog: Catalog) -> dict[str, str]:
    """Insert the stand-in rows that are missing, under leased RIDs, so that a repeat makes no second one."""
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
        snaptime: Its latest snapshot.
        capabilities: Which optional tables and columns it has, and the release they point to.
        domain_schemas: Its schemas besides DERIVA-ML's and the server's.
        executions, datasets, workflows: Counts of rows.
        assets: Counts of files by asset table, ``schema:Table``.
        features: How many features there are.
        vocabularies: How many vocabularies there are.
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
    """What the catalog holds: the schema, one request for its snapshot, and concurrently one count a table."""
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
