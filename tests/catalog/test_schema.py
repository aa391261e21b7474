"""What a model says: shapes of tables, and what this release or an older one can hold."""

from __future__ import annotations

import copy

import pytest

from catalog.models import documents_of, schema_of
from dml.catalog import ml_tables
from dml.catalog.definitions import asset_associations
from dml.catalog.documents import (
    ColumnDefinition,
    asset_document,
    association_document,
    reference,
    table_document,
    vocabulary_document,
)
from dml.catalog.schema import DATASET, EXECUTION, FEATURE_NAME, ML, Schema
from dml.errors import NotFoundError

DOMAIN = [
    table_document("lab:Subject", [ColumnDefinition("Name")]),
    vocabulary_document("lab:Image_Class", "lab"),
    asset_document(
        "lab:Image",
        [ColumnDefinition("Subject"), ColumnDefinition("Width", "int4")],
        [reference("Subject", "lab:Subject")],
    ),
    *asset_associations("lab:Image"),
    asset_document("lab:Mask"),
    association_document("lab:Dataset_Image", [reference("Dataset", DATASET), reference("Image", "lab:Image")]),
    association_document("lab:Dataset_Subject", [reference("Dataset", DATASET), reference("Subject", "lab:Subject")]),
    association_document(
        "lab:Execution_Image_Label",
        [
            reference("Execution", EXECUTION),
            reference("Image", "lab:Image"),
            reference("Feature_Name", FEATURE_NAME, "Name"),
        ],
        columns=[
            ColumnDefinition("Image_Class", nullok=False),
            ColumnDefinition("Mask"),
            ColumnDefinition("Confidence", "float8"),
        ],
        foreign_keys=[reference("Image_Class", "lab:Image_Class", "Name"), reference("Mask", "lab:Mask")],
        defaults={"Feature_Name": "Label"},
    ),
]


@pytest.fixture(scope="module")
def schema() -> Schema:
    return schema_of([*documents_of("1.54"), *DOMAIN])


def names(tables: object) -> set[str]:
    return {table.qualified_name for table in tables}  # type: ignore[attr-defined]


def test_asset_tables_are_those_with_the_columns_and_the_annotation(schema: Schema) -> None:
    own = {f"{ML}:Execution_Asset", f"{ML}:Execution_Metadata", f"{ML}:File"}
    assert names(schema.asset_tables()) == {*own, "lab:Image", "lab:Mask"}
    plain = copy.deepcopy(asset_document("lab:Bare"))
    for column in plain["column_definitions"]:
        column["annotations"] = {}
    assert not schema_of([plain]).table("lab:Bare").is_asset


def test_an_asset_has_metadata_and_two_associations(schema: Schema) -> None:
    image = schema.table("lab:Image")
    assert [column.name for column in image.metadata_columns] == ["Subject", "Width"]
    executions, types = schema.asset_execution_table(image), schema.asset_type_table(image)
    assert executions is not None
    assert executions.qualified_name == "lab:Image_Execution"
    assert types is not None
    assert types.qualified_name == "lab:Image_Asset_Type"
    assert schema.asset_execution_table(schema.table("lab:Mask")) is None
    own = schema.asset_execution_table(schema.table(f"{ML}:Execution_Asset"))
    assert own is not None
    assert own.qualified_name == f"{ML}:Execution_Asset_Execution"


def test_a_feature_knows_its_target_its_terms_and_its_assets(schema: Schema) -> None:
    (feature,) = schema.feature_tables()
    assert (feature.name, feature.target.qualified_name, feature.target_column) == ("Label", "lab:Image", "Image")
    assert [column.name for column in feature.value_columns] == ["Image_Class", "Mask", "Confidence"]
    assert feature.term_columns == {"Image_Class": "lab:Image_Class"}
    assert feature.asset_columns == {"Mask": "lab:Mask"}


def test_vocabularies(schema: Schema) -> None:
    own = ("Asset_Role", "Asset_Type", "Dataset_Type", "Execution_Status", "Feature_Name", "Workflow_Type")
    assert names(schema.vocabularies()) == {*(f"{ML}:{name}" for name in own), "lab:Image_Class"}


def test_members_of_datasets(schema: Schema) -> None:
    found = schema.element_tables()
    assert set(found) == {DATASET, f"{ML}:File", "lab:Image", "lab:Subject"}
    assert found["lab:Image"].association.qualified_name == "lab:Dataset_Image"
    assert (found["lab:Image"].dataset_column, found["lab:Image"].element_column) == ("Dataset", "Image")
    assert (found[DATASET].dataset_column, found[DATASET].element_column) == ("Dataset", "Nested_Dataset")


def test_domain_schemas(schema: Schema) -> None:
    assert schema.domain_schemas() == ("lab",)


def test_a_table_is_found_by_its_whole_or_its_bare_name(schema: Schema) -> None:
    assert schema.table("Image") is schema.table("lab:Image")
    with pytest.raises(NotFoundError) as caught:
        schema.table("lab:Imge")
    assert "lab:Image" in caught.value.hint
    with pytest.raises(NotFoundError) as caught:
        schema.table("Excution")
    assert EXECUTION in caught.value.hint


def test_a_bare_name_in_two_schemas_is_ambiguous() -> None:
    schema = schema_of([table_document("a:T", []), table_document("b:T", [])])
    with pytest.raises(NotFoundError) as caught:
        schema.table("T")
    assert "a:T, b:T" in caught.value.hint


def test_this_release_has_everything(schema: Schema) -> None:
    able = schema.capabilities
    assert able.version == "1.51.13 or later"
    assert able.durations == ("Execution_Duration", "Download_Duration", "Upload_Duration")
    assert all(
        (
            able.status_vocabulary,
            able.status_detail,
            able.nesting,
            able.workflow_type_table,
            able.dataset_execution_version,
            able.directory_dataset,
            able.minid_spec_hash,
        )
    )
    assert not able.workflow_type_column


def test_release_1_34() -> None:
    able = schema_of(documents_of("1.34")).capabilities
    assert able.version == "1.31 to 1.36"
    assert able.durations == ("Duration",)
    assert able.status_vocabulary
    assert not able.dataset_execution_version
    assert not able.directory_dataset


def without(documents: list[dict], *tables: str) -> list[dict]:  # type: ignore[type-arg]
    return [document for document in documents if document["table_name"] not in tables]


def test_before_nesting_and_the_table_of_workflow_types() -> None:
    documents = without(documents_of("1.34"), "Execution_Execution", "Workflow_Workflow_Type", "Execution_Status")
    workflow = table_document(
        f"{ML}:Workflow",
        [ColumnDefinition("Name"), ColumnDefinition("Workflow_Type")],
        foreign_keys=[reference("Workflow_Type", f"{ML}:Workflow_Type", "Name")],
    )
    able = schema_of([*without(documents, "Workflow"), workflow]).capabilities
    assert able.version == "before 1.17.11"
    assert able.workflow_type_column
    assert not able.nesting
    assert not able.status_vocabulary


def test_a_catalog_without_the_schema_has_nothing() -> None:
    able = schema_of([]).capabilities
    assert not able.ml_schema
    assert able.version == ""
    assert able.durations == ()


def test_every_table_is_defined_after_those_it_refers_to() -> None:
    seen = {"public:ERMrest_Client"}
    for document in ml_tables.tables("demo"):
        own = f"{document['schema_name']}:{document['table_name']}"
        seen.add(own)
        for key in document["foreign_keys"]:
            first = key["referenced_columns"][0]
            assert f"{first['schema_name']}:{first['table_name']}" in seen, own
