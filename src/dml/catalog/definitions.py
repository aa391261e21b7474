"""Makes the tables of a domain: schemas, vocabularies, tables of files, features, dataset membership.

Every function may be called again: what is there and equal is success and costs no write; what is there
and different is a ConflictError that names the difference. Each table is one request of ERMrest, whole or
not at all, so a call that was cut short is finished by the next.
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
    """Make a schema unless it is there. Writes the catalog.

    Returns:
        Whether it was made now.
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
    """A plain table (``schema:Table``) with the system columns, made unless it is there. Writes the catalog."""
    make_tables(catalog, [table_document(table, columns, keys, foreign_keys, comment=comment)])
    return catalog.schema().table(table)


def create_vocabulary(catalog: Catalog, table: str, *, comment: str = "", curie_prefix: str | None = None) -> Table:
    """A vocabulary, made unless it is there. Writes the catalog.

    Args:
        catalog: Where to make it.
        table: ``schema:Table``.
        comment: What its terms are for.
        curie_prefix: What its terms' compact URIs begin with; the schema's name by default.
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
    """A table of files with its associations to types and executions, made unless they are there.

    Writes the catalog: three tables in the asset's schema, and the term of Asset_Type that is named after it.

    Args:
        catalog: Where to make it.
        table: ``schema:Table``.
        columns: Metadata columns, besides URL, Filename, Description, Length and MD5.
        foreign_keys: Of metadata columns.
        comment: What the files are.
    """
    asset = asset_document(table, columns, foreign_keys, comment=comment)
    make_tables(catalog, [asset, *asset_associations(table)])
    add_term(catalog, ASSET_TYPE, table.partition(":")[2], comment or "A table of files")
    return catalog.schema().table(table)


def asset_associations(table: str) -> list[Document]:
    """The two associations of an asset table: with its types, and with executions in a role."""
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
    """A feature of a table: values that executions attach to its rows; made unless it is there.

    Writes the catalog: the table ``Execution_TARGET_NAME`` and the term of Feature_Name.

    Args:
        catalog: Where to make it.
        target: The table that is described, ``schema:Table``.
        name: The feature's name.
        terms: Vocabularies; each gives a column of its name that holds a term.
        assets: Asset tables; each gives a column of its name that holds a RID.
        columns: Plain columns.
        optional: Names of term and asset columns that may be null.
        schema: Where the table goes; the target's own schema by default.
        comment: What the values mean.

    Raises:
        NotFoundError: The target, a vocabulary or an asset table does not exist.
        UsageError: The feature would have no value, or two columns of one name.
    """
    known = catalog.schema()
    described = known.table(target)
    references = []
    for listed, referenced, fits in ((terms, "Name", "is_vocabulary"), (assets, "RID", "is_asset")):
        for other in listed:
            table = known.table(other)
            if not getattr(table, fits):
                raise UsageError(f"{other} is not {'a vocabulary' if referenced == 'Name' else 'a table of files'}")
            references.append(reference(table.name, table.qualified_name, referenced))
    values = [ColumnDefinition(key.columns[0], "text", key.columns[0] in optional) for key in references] + [*columns]
    names = [column.name for column in values]
    if not names or len({*names, "Execution", "Feature_Name", described.name}) < len(names) + 3:
        raise UsageError(f"the feature {name} needs values, each in a column of its own name: {', '.join(names)}")
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
    made = f"{document['schema_name']}:{document['table_name']}"
    for feature in catalog.schema().feature_tables():
        if feature.table.qualified_name == made:
            return feature
    raise NotFoundError(f"the feature table {made} was not made")


def add_dataset_element_type(catalog: Catalog, table: str) -> Membership:
    """Let rows of a table be members of datasets; makes the association ``Dataset_TABLE`` unless it is there."""
    element = catalog.schema().table(table)
    there = catalog.schema().element_tables().get(element.qualified_name)
    if there is None:
        document = association_document(
            f"{element.schema}:{association_name('Dataset', element.name)}",
            [reference("Dataset", DATASET), reference(element.name, element.qualified_name)],
            comment=f"Members of datasets among {element.name}",
        )
        make_tables(catalog, [document])
        there = catalog.schema().element_tables()[element.qualified_name]
    return there


def make_tables(catalog: Catalog, documents: Sequence[Document], *, exact: bool = True) -> list[str]:
    """Make those tables that are not there, in the order given. Writes the catalog.

    Args:
        catalog: Where to make them.
        documents: Their definitions.
        exact: A table that is there must have the same columns; else it may have more.

    Returns:
        The tables made, as ``schema:Table``.

    Raises:
        ConflictError: A table of that name is there and differs.
        NotFoundError: The schema does not exist.
    """
    made = []
    for document in documents:
        name = f"{document['schema_name']}:{document['table_name']}"
        schema = catalog.schema()
        if not schema.has_table(name):
            if document["schema_name"] not in schema.schemas:
                raise NotFoundError(
                    f"the catalog has no schema {document['schema_name']}", hint="Make it with create_schema first."
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


def refuse_difference(there: Table, document: Document, *, exact: bool) -> None:
    """Raise a ConflictError that says how a table differs from a definition, if it does."""
    differences = table_differences(there, table_from_document(document), exact=exact)
    if differences:
        raise ConflictError(
            f"{there.qualified_name} is there and differs: {'; '.join(differences[:5])}",
            hint="Choose another name, or bring the table into that form first.",
        )


def table_differences(there: Table, wanted: Table, *, exact: bool) -> list[str]:
    """How a table differs from what is wanted: columns, keys, foreign keys; comments do not count."""
    found: list[str] = []
    for column in wanted.columns:
        other = there.column(column.name)
        if other is None:
            found.append(f"no column {column.name}")
        elif (other.type, other.nullok) != (column.type, column.nullok):
            found.append(f"{column.name} is {other.type}{'' if other.nullok else ' not null'}")
    if exact:
        known = set(wanted.column_names)
        found += [f"has a column {name} besides" for name in there.column_names if name not in known]
    keys = {frozenset(key) for key in there.keys}
    found += [f"no key on {', '.join(key)}" for key in wanted.keys if frozenset(key) not in keys]
    rules = {(k.columns, k.table, k.referenced, k.on_delete, k.on_update) for k in there.foreign_keys}
    for key in wanted.foreign_keys:
        if key.columns[0] in ("RCB", "RMB"):  # older tables do without these two
            continue
        if (key.columns, key.table, key.referenced, key.on_delete, key.on_update) not in rules:
            found.append(f"no such reference of {', '.join(key.columns)} to {key.table}")
    if wanted.is_asset and not there.is_asset:
        found.append("is not marked as a table of files")
    return found
