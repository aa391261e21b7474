"""Tables of a domain: made once, alike to deriva-ml's, and never changed behind anyone's back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from catalog.models import described
from dml.catalog.connection import Catalog
from dml.catalog.definitions import (
    ColumnDefinition,
    add_dataset_element_type,
    create_asset_table,
    create_feature,
    create_schema,
    create_table,
    create_vocabulary,
    reference,
)
from dml.catalog.rows import count, insert
from dml.catalog.schema import ASSET_TYPE, FEATURE_NAME, ML
from dml.catalog.vocabulary import add_term, find_term
from dml.errors import ConflictError, NotFoundError, UsageError


def writes(catalog: Catalog) -> int:
    return sum(catalog.traffic.count(method) for method in ("POST", "PUT", "DELETE"))


def test_a_schema_is_made_once(catalog: Catalog, domain: str) -> None:
    assert domain in catalog.schema().domain_schemas()
    assert not create_schema(catalog, domain)


def test_a_vocabulary_has_its_columns_and_keys(catalog: Catalog, domain: str) -> None:
    table = create_vocabulary(catalog, f"{domain}:Colour", comment="Colours", curie_prefix="lab")
    assert table.is_vocabulary
    assert table.comment == "Colours"
    assert described(table) == {
        "columns": [
            {"name": "ID", "type": "ermrest_curie", "nullok": False, "default": "lab:{RID}"},
            {"name": "URI", "type": "ermrest_uri", "nullok": False, "default": "/id/{RID}"},
            {"name": "Name", "type": "text", "nullok": False},
            {"name": "Description", "type": "markdown", "nullok": False},
            {"name": "Synonyms", "type": "text[]", "nullok": True},
        ],
        "keys": [["ID"], ["Name"], ["URI"]],
        "foreign_keys": [],
    }


def test_an_asset_table_comes_with_its_associations_and_its_term(
    catalog: Catalog, domain: str, unique: Callable[[str], str]
) -> None:
    name = unique("Image")
    create_table(catalog, f"{domain}:Subject", [ColumnDefinition("Name")])
    arguments = {
        "columns": [ColumnDefinition("Subject"), ColumnDefinition("Width", "int4")],
        "foreign_keys": [reference("Subject", f"{domain}:Subject")],
        "comment": "Pictures",
    }
    asset = create_asset_table(catalog, f"{domain}:{name}", **arguments)  # type: ignore[arg-type]
    schema = catalog.schema()
    executions, types = schema.asset_execution_table(asset), schema.asset_type_table(asset)
    assert asset.is_asset
    assert executions is not None
    assert types is not None
    assert described(executions)["keys"] == [["Execution", name] if name > "Execution" else [name, "Execution"]]
    assert {key["on_delete"] for key in described(executions)["foreign_keys"]} == {"CASCADE"}
    assert [key["referenced_columns"] for key in described(types)["foreign_keys"]] == [["Name"], ["RID"]]
    assert find_term(catalog, ASSET_TYPE, name).description == "Pictures"
    catalog.traffic.reset()
    assert create_asset_table(catalog, f"{domain}:{name}", **arguments) == asset  # type: ignore[arg-type]
    assert writes(catalog) == 0


def test_a_different_table_of_the_name_is_a_conflict(catalog: Catalog, domain: str) -> None:
    name = f"{domain}:Sample"
    create_table(catalog, name, [ColumnDefinition("A"), ColumnDefinition("B", "int4")], keys=[["A"]])
    create_table(catalog, name, [ColumnDefinition("A"), ColumnDefinition("B", "int4")], keys=[["A"]])
    for columns, keys, what in (
        ([ColumnDefinition("A"), ColumnDefinition("B", "int8")], [["A"]], "B is int4"),
        ([ColumnDefinition("A"), ColumnDefinition("B", "int4", False)], [["A"]], "B is int4"),
        ([ColumnDefinition("A")], [["A"]], "an extra column B"),
        ([ColumnDefinition("A"), ColumnDefinition("B", "int4"), ColumnDefinition("C")], [["A"]], "no column C"),
        ([ColumnDefinition("A"), ColumnDefinition("B", "int4")], [["B"]], "no key on B"),
    ):
        with pytest.raises(ConflictError, match=what):
            create_table(catalog, name, columns, keys=keys)
    with pytest.raises(ConflictError, match="no column URL"):
        create_asset_table(catalog, name)


def test_a_schema_must_be_there(catalog: Catalog, unique: Callable[[str], str]) -> None:
    with pytest.raises(NotFoundError, match="no schema"):
        create_vocabulary(catalog, f"{unique('none')}:Colour")


def test_a_feature_has_its_table_and_its_term(catalog: Catalog, domain: str, unique: Callable[[str], str]) -> None:
    image, mask, name = unique("Image"), unique("Mask"), unique("Quality")
    create_asset_table(catalog, f"{domain}:{image}")
    create_asset_table(catalog, f"{domain}:{mask}")
    create_vocabulary(catalog, f"{domain}:Grade")
    arguments = {
        "terms": [f"{domain}:Grade"],
        "assets": [f"{domain}:{mask}"],
        "columns": [ColumnDefinition("Confidence", "float8")],
        "optional": [mask],
        "comment": "How good it is",
    }
    feature = create_feature(catalog, f"{domain}:{image}", name, **arguments)  # type: ignore[arg-type]
    assert feature.table.name.startswith("Execution_")
    assert (feature.name, feature.target.name, feature.target_column) == (name, image, image)
    assert feature.term_columns == {"Grade": f"{domain}:Grade"}
    assert feature.asset_columns == {mask: f"{domain}:{mask}"}
    assert {key.columns for key in feature.table.association} == {("Execution",), (image,), ("Feature_Name",)}
    assert {(key.on_delete, key.on_update) for key in feature.table.association} == {("CASCADE", "CASCADE")}
    assert find_term(catalog, FEATURE_NAME, name).description == "How good it is"
    catalog.traffic.reset()
    assert create_feature(catalog, f"{domain}:{image}", name, **arguments) == feature  # type: ignore[arg-type]
    assert writes(catalog) == 0


def test_a_feature_needs_values_and_tables_of_the_right_kind(
    catalog: Catalog, domain: str, unique: Callable[[str], str]
) -> None:
    create_table(catalog, f"{domain}:Subject", [ColumnDefinition("Name")])
    target = f"{domain}:Subject"
    with pytest.raises(UsageError, match="needs values"):
        create_feature(catalog, target, unique("Empty"))
    with pytest.raises(UsageError, match="needs values"):
        create_feature(catalog, target, unique("Twice"), columns=[ColumnDefinition("Execution")])
    with pytest.raises(UsageError, match="not a vocabulary"):
        create_feature(catalog, target, unique("Wrong"), terms=[target])
    with pytest.raises(UsageError, match="not an asset table"):
        create_feature(catalog, target, unique("Wrong"), assets=[target])
    with pytest.raises(NotFoundError):
        create_feature(catalog, f"{domain}:Absent", unique("Wrong"), columns=[ColumnDefinition("Value")])


def test_rows_become_members_of_datasets(catalog: Catalog, domain: str) -> None:
    create_table(catalog, f"{domain}:Subject", [ColumnDefinition("Name")])
    made = add_dataset_element_type(catalog, f"{domain}:Subject")
    assert made.association.qualified_name == f"{domain}:Dataset_Subject"
    catalog.traffic.reset()
    assert add_dataset_element_type(catalog, f"{domain}:Subject") == made
    assert writes(catalog) == 0
    (subject,) = insert(catalog, f"{domain}:Subject", [{"Name": "ann"}])
    (dataset,) = insert(catalog, f"{ML}:Dataset", [{"Description": "d"}])
    member = {"Dataset": dataset["RID"], "Subject": subject["RID"]}
    insert(catalog, made.association.qualified_name, [member])
    with pytest.raises(ConflictError):
        insert(catalog, made.association.qualified_name, [member])
    assert count(catalog, made.association.qualified_name) == 1


def test_files_of_derivaml_itself_are_elements_already(catalog: Catalog) -> None:
    catalog.schema()
    catalog.traffic.reset()
    assert add_dataset_element_type(catalog, f"{ML}:File").association.name == "Dataset_File"
    assert catalog.traffic.requests == 0


def test_a_long_name_is_cut_as_the_server_wants_it(catalog: Catalog, domain: str) -> None:
    name = "A_" + "very_" * 10 + "long_name"
    asset = create_asset_table(catalog, f"{domain}:{name}")
    executions = catalog.schema().asset_execution_table(asset)
    assert executions is not None
    assert len(executions.name.encode()) <= 63
    add_term(catalog, ASSET_TYPE, name, "again")
