"""Creating the tables of a domain: schemas, vocabularies, asset tables, features and dataset membership.

Every function may be called again: an existing equal table is success and costs no write, a different one is a
ConflictError that names the differences. ERMrest creates each table in one request, completely or not at all, so the
next call finishes an interrupted one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dml.catalog.documents import (
    ColumnDefinition,
    Document,
    asset_document,
    association_document,
    association_name,
    reference,
    table_document,
    vocabulary_document,
)
from dml.catalog.model import ForeignKey, Table, table_from_document
from dml.catalog.schema import ASSET_TYPE, DATASET, EXECUTION, FEATURE_NAME, ML, Feature, Membership
from dml.catalog.url import quote
from dml.catalog.vocabulary import add_term
from dml.errors import ConflictError, NotFoundError, UsageError

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog

__all__ = [
    "ColumnDefinition",
    "add_dataset_element_type",
    "create_asset_table",
    "create_feature",
    "create_schema",
    "create_table",
    "create_vocabulary",
    "reference",
]


def create_schema(catalog: Catalog, name: str, *, comment: str = "") -> bool:
    """Create a schema unless it exists. Writes the catalog.

    Returns:
        Whether it was created.
    """
    if name in catalog.schema().schemas or name in catalog.refresh_schema().schemas:
        return False
    document: Document = {"schema_name": name, "comment": comment or None, "annotations": {}, "tables": {}}
    try:
        catalog.post_json("/schema", [document])
    except ConflictError:
        if name not in catalog.refresh_schema().schemas:
            raise
        return False
    catalog.refresh_schema()
    return True


def create_table(
    catalog: Catalog,
    table: str,
    columns: Sequence[ColumnDefinition],
    *,
    keys: Sequence[Sequence[str]] = (),
    foreign_keys: Sequence[ForeignKey] = (),
    comment: str = "",
) -> Table:
    """Create a plain table (``schema:Table``) with the system columns, unless it exists. Writes the catalog."""
    make_tables(catalog, [table_document(table, columns, keys, foreign_keys, comment=comment)])
    return catalog.schema().table(table)


def create_vocabulary(catalog: Catalog, table: str, *, comment: str = "", curie_prefix: str | None = None) -> Table:
    """Create a vocabulary unless it exists. Writes the catalog.

    Args:
        catalog: The catalog.
        table: ``schema:Table``.
        comment: What its terms are for.
        curie_prefix: The prefix of its terms' compact URIs; the name of the schema by default.
    """
    prefix = curie_prefix or table.partition(":")[0]
    make_tables(catalog, [vocabulary_document(table, prefix, comment)])
    return catalog.schema().table(table)


def create_asset_table(
    catalog: Catalog,
    table: str,
    *,
    columns: Sequence[ColumnDefinition] = (),
    foreign_keys: Sequence[ForeignKey] = (),
    comment: str = "",
) -> Table:
    """Create an asset table with its associations to types and executions, unless they exist.

    Writes the catalog: three tables in the asset's schema, and a term of Asset_Type with the name of the table.

    Args:
        catalog: The catalog.
        table: ``schema:Table``.
        columns: Metadata columns, in addition to URL, Filename, Description, Length and MD5.
        foreign_keys: Foreign keys of metadata columns.
        comment: What the files are.
    """
    asset = asset_document(table, columns, foreign_keys, comment=comment)
    make_tables(catalog, [asset, *asset_associations(table)])
    add_term(catalog, ASSET_TYPE, table.partition(":")[2], comment or "A table of files")
    return catalog.schema().table(table)


def asset_associations(table: str) -> list[Document]:
    """The two associations of an asset table: with its types, and with executions and their roles."""
    schema, _, name = table.partition(":")
    types = association_document(
        f"{schema}:{association_name(name, 'Asset_Type')}",
        [reference(name, table), reference("Asset_Type", ASSET_TYPE, "Name")],
        comment="Types of each file",
    )
    executions = association_document(
        f"{schema}:{association_name(name, 'Execution')}",
        [reference(name, table), reference("Execution", EXECUTION)],
        columns=[ColumnDefinition("Asset_Role", "text", False)],
        foreign_keys=[reference("Asset_Role", f"{ML}:Asset_Role", "Name")],
        comment="Executions that read or wrote each file",
    )
    return [types, executions]


def create_feature(
    catalog: Catalog,
    target: str,
    name: str,
    *,
    terms: Sequence[str] = (),
    assets: Sequence[str] = (),
    columns: Sequence[ColumnDefinition] = (),
    optional: Sequence[str] = (),
    schema: str | None = None,
    comment: str = "",
) -> Feature:
    """Create a feature of a table (values that executions attach to its rows), unless it exists.

    Writes the catalog: the table ``Execution_TARGET_NAME`` and the term of Feature_Name.

    Args:
        catalog: The catalog.
        target: The table that is described, ``schema:Table``.
        name: The feature's name.
        terms: Vocabularies; each adds a column of its name for a term.
        assets: Asset tables; each adds a column of its name for a RID.
        columns: Plain columns.
        optional: Names of term and asset columns that may be null.
        schema: The schema of the new table; the target's schema by default.
        comment: What the values mean.

    Raises:
        NotFoundError: The target, a vocabulary or an asset table does not exist.
        UsageError: The feature would have no value, or two columns with the same name.
    """
    known = catalog.schema()
    described = known.table(target)
    references = []
    for listed, referenced, fits in ((terms, "Name", "is_vocabulary"), (assets, "RID", "is_asset")):
        for other in listed:
            table = known.table(other)
            if not getattr(table, fits):
                raise UsageError(f"{other} is not {'a vocabulary' if referenced == 'Name' else 'an asset table'}")
            references.append(reference(table.name, table.qualified_name, referenced))
    values = [ColumnDefinition(key.columns[0], "text", key.columns[0] in optional) for key in references] + [*columns]
    names = [column.name for column in values]
    if not names or len({*names, "Execution", "Feature_Name", described.name}) < len(names) + 3:
        raise UsageError(f"the feature {name} needs values, in columns with different names, not: {', '.join(names)}")
    document = association_document(
        f"{schema or described.schema}:{association_name('Execution', described.name, name)}",
        [
            reference("Execution", EXECUTION),
            reference(described.name, described.qualified_name),
            reference("Feature_Name", FEATURE_NAME, "Name"),
        ],
        columns=values,
        foreign_keys=references,
        defaults={"Feature_Name": name},
        comment=comment,
    )
    add_term(catalog, FEATURE_NAME, name, comment or f"A feature of {described.name}")
    make_tables(catalog, [document])
    created = f"{document['schema_name']}:{document['table_name']}"
    for feature in catalog.schema().feature_tables():
        if feature.table.qualified_name == created:
            return feature
    raise NotFoundError(f"the feature table {created} was not created")


def add_dataset_element_type(catalog: Catalog, table: str) -> Membership:
    """Allow rows of a table as members of datasets, by the association ``Dataset_TABLE``, unless they are allowed."""
    element = catalog.schema().table(table)
    membership = catalog.schema().element_tables().get(element.qualified_name)
    if membership is None:
        document = association_document(
            f"{element.schema}:{association_name('Dataset', element.name)}",
            [reference("Dataset", DATASET), reference(element.name, element.qualified_name)],
            comment=f"Members of datasets among {element.name}",
        )
        make_tables(catalog, [document])
        membership = catalog.schema().element_tables()[element.qualified_name]
    return membership


def make_tables(catalog: Catalog, documents: Sequence[Document], *, exact: bool = True) -> list[str]:
    """Create the tables that do not exist, in the given order. Writes the catalog.

    Args:
        catalog: The catalog.
        documents: The definitions of the tables.
        exact: Whether an existing table must have the same columns; otherwise it may have more.

    Returns:
        The created tables, as ``schema:Table``.

    Raises:
        ConflictError: A table with that name exists and differs.
        NotFoundError: The schema does not exist.
    """
    made = []
    for document in documents:
        name = f"{document['schema_name']}:{document['table_name']}"
        schema = catalog.schema()
        if not schema.has_table(name):
            if document["schema_name"] not in schema.schemas:
                raise NotFoundError(
                    f"the catalog has no schema {document['schema_name']}", hint="Create it with create_schema first."
                )
            try:
                catalog.post_json(f"/schema/{quote(document['schema_name'])}/table", document)
                made.append(name)
            except ConflictError:
                if not catalog.refresh_schema().has_table(name):
                    raise
        if name not in made:
            refuse_difference(catalog.schema().table(name), document, exact=exact)
    if made:
        catalog.refresh_schema()
    return made


def refuse_difference(existing: Table, document: Document, *, exact: bool) -> None:
    """Raise a ConflictError with the differences between a table and a definition, if there are any."""
    differences = table_differences(existing, table_from_document(document), exact=exact)
    if differences:
        raise ConflictError(
            f"{existing.qualified_name} already exists and differs: {'; '.join(differences[:5])}",
            hint="Choose another name, or change the table first.",
        )


def table_differences(existing: Table, required: Table, *, exact: bool) -> list[str]:
    """The differences in columns, keys and foreign keys; comments are not compared."""
    differences: list[str] = []
    for column in required.columns:
        other = existing.column(column.name)
        if other is None:
            differences.append(f"no column {column.name}")
        elif (other.type, other.nullok) != (column.type, column.nullok):
            differences.append(f"{column.name} is {other.type}{'' if other.nullok else ' not null'}")
    if exact:
        known = set(required.column_names)
        differences += [f"has an extra column {name}" for name in existing.column_names if name not in known]
    keys = {frozenset(key) for key in existing.keys}
    differences += [f"no key on {', '.join(key)}" for key in required.keys if frozenset(key) not in keys]
    rules = {(k.columns, k.table, k.referenced, k.on_delete, k.on_update) for k in existing.foreign_keys}
    for key in required.foreign_keys:
        if key.columns[0] in ("RCB", "RMB"):  # tables of older releases do not have these two
            continue
        if (key.columns, key.table, key.referenced, key.on_delete, key.on_update) not in rules:
            differences.append(f"no such foreign key from {', '.join(key.columns)} to {key.table}")
    if required.is_asset and not existing.is_asset:
        differences.append("is not annotated as an asset table")
    return differences
