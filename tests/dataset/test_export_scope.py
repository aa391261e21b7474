"""The rows that belong to a dataset: the walk agrees with a row-by-row closure on random schemas and rows."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dml.catalog.model import Column, ForeignKey, Table
from dml.catalog.schema import Schema
from dml.dataset.export_scope import collect_rows, references_of

TableRows = dict[str, list[dict[str, Any]]]

DATASET, EXECUTION, WORKFLOW = "deriva-ml:Dataset", "deriva-ml:Execution", "deriva-ml:Workflow"


def table(name: str, references: dict[str, str], *, key: tuple[str, ...] = (), vocabulary: bool = False) -> Table:
    schema, _, bare = name.partition(":")
    columns = ["RID", *references, *(["ID", "URI", "Name", "Description"] if vocabulary else [])]
    return Table(
        schema=schema,
        name=bare,
        columns=tuple(Column(column, "text") for column in columns),
        keys=(("RID",), *((key,) if key else ())),
        foreign_keys=tuple(
            ForeignKey((column,), other, ("Name" if other.endswith("Term") else "RID",))
            for column, other in references.items()
        ),
    )


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Schema, TableRows, list[str]]:
    """A schema around datasets with up to five domain tables, its rows, and the datasets to export."""
    names = [f"lab:T{number}" for number in range(draw(st.integers(1, 5)))]
    fixed = {
        DATASET: table(DATASET, {"Version": "deriva-ml:Dataset_Version"}),
        "deriva-ml:Dataset_Version": table("deriva-ml:Dataset_Version", {"Dataset": DATASET, "Execution": EXECUTION}),
        "deriva-ml:Dataset_Dataset": table(
            "deriva-ml:Dataset_Dataset",
            {"Dataset": DATASET, "Nested_Dataset": DATASET},
            key=("Dataset", "Nested_Dataset"),
        ),
        "deriva-ml:Dataset_Execution": table(
            "deriva-ml:Dataset_Execution", {"Dataset": DATASET, "Execution": EXECUTION}, key=("Dataset", "Execution")
        ),
        EXECUTION: table(EXECUTION, {"Workflow": WORKFLOW}),
        WORKFLOW: table(WORKFLOW, {}),
        "lab:Term": table("lab:Term", {}, vocabulary=True),
    }
    choices = [*names, EXECUTION, "lab:Term"]
    for name in names:
        others = draw(st.lists(st.sampled_from(choices), max_size=3))
        fixed[name] = table(name, {f"F{number}": other for number, other in enumerate(others)})
        if draw(st.booleans()):
            bare = name.partition(":")[2]
            fixed[f"lab:Dataset_{bare}"] = table(
                f"lab:Dataset_{bare}", {"Dataset": DATASET, bare: name}, key=("Dataset", bare)
            )
    schema = Schema(fixed.values(), ["deriva-ml", "lab"], {})
    rids = {
        name: [f"{position}-{number}" for number in range(draw(st.integers(0, 4)))]
        for position, name in enumerate(fixed)
    }
    rows: TableRows = {}
    for name, model in schema.tables.items():
        rows[name] = []
        for rid in rids[name]:
            row: dict[str, Any] = {"RID": rid, "Name": rid} if model.is_vocabulary else {"RID": rid}
            for key in model.foreign_keys:
                row[key.columns[0]] = draw(st.sampled_from([None, *rids[key.table]]))
            rows[name].append(row)
    chosen = draw(st.lists(st.sampled_from(rids[DATASET]), unique=True)) if rids[DATASET] else []
    return schema, rows, chosen


class RowsInMemory:
    """Rows in memory, with the number of requests for each table."""

    def __init__(self, rows: TableRows) -> None:
        self.rows = rows
        self.requests: Counter[str] = Counter()

    def matching(self, table: str, column: str, values: set[str]) -> list[dict[str, Any]]:
        self.requests[table] += 1
        return [row for row in self.rows[table] if row[column] in values]

    def whole(self, table: str) -> list[dict[str, Any]]:
        self.requests[table] += 1
        return self.rows[table]


def closure(schema: Schema, rows: TableRows, datasets: list[str]) -> dict[str, set[str]]:
    """The RIDs by table, found by applying the rules to every row until nothing changes."""
    terminal, usage = {EXECUTION, WORKFLOW}, {"deriva-ml:Dataset_Execution"}
    elements = {m.association.qualified_name: m.element_column for m in schema.element_tables().values()}
    owned = {(DATASET, rid) for rid in datasets if any(row["RID"] == rid for row in rows[DATASET])}
    referenced: set[tuple[str, str]] = set()
    before = -1
    while len(owned) + len(referenced) != before:
        before = len(owned) + len(referenced)
        for name, model in schema.tables.items():
            for row in rows[name]:
                this = (name, row["RID"])
                for key in model.foreign_keys:
                    column, target = key.columns[0], (key.table, row[key.columns[0]])
                    if target[1] is None or key.table == "lab:Term":
                        continue
                    is_member = elements.get(name) == column
                    can_be_owned = name not in {*terminal, *usage, DATASET} and key.table not in terminal
                    if target in owned and not is_member and can_be_owned:
                        owned.add(this)
                    if is_member and this in owned and key.table != DATASET:
                        owned.add(target)
                    if this in owned | referenced and name not in terminal:
                        referenced.add(target)
    found: dict[str, set[str]] = {}
    for name, rid in owned | referenced:
        found.setdefault(name, set()).add(rid)
    if any(key.table == "lab:Term" for name in found for key in schema.tables[name].foreign_keys):
        found["lab:Term"] = {row["RID"] for row in rows["lab:Term"]}
    return {name: rids for name, rids in found.items() if rids}


@settings(max_examples=300, deadline=None)
@given(worlds())
def test_the_walk_equals_the_closure(world: tuple[Schema, TableRows, list[str]]) -> None:
    schema, rows, datasets = world
    found = collect_rows(RowsInMemory(rows), references_of(schema), datasets)
    assert {name: set(part) for name, part in found.items()} == closure(schema, rows, datasets)


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_an_excluded_table_is_not_read(world: tuple[Schema, TableRows, list[str]]) -> None:
    schema, rows, datasets = world
    source = RowsInMemory(rows)
    assert "lab:T0" not in collect_rows(source, references_of(schema, ["T0"]), datasets)
    assert source.requests["lab:T0"] == 0


def test_a_shared_member_does_not_bring_its_other_datasets() -> None:
    image = table("lab:Image", {"Subject": "lab:Subject"})
    members = table("lab:Dataset_Image", {"Dataset": DATASET, "Image": "lab:Image"}, key=("Dataset", "Image"))
    schema = Schema([table(DATASET, {}), image, table("lab:Subject", {}), members], ["deriva-ml", "lab"], {})
    rows: TableRows = {
        DATASET: [{"RID": "D1"}, {"RID": "D2"}],
        "lab:Image": [{"RID": "I1", "Subject": "S1"}, {"RID": "I2", "Subject": "S1"}],
        "lab:Subject": [{"RID": "S1"}],
        "lab:Dataset_Image": [
            {"RID": "M1", "Dataset": "D1", "Image": "I1"},
            {"RID": "M2", "Dataset": "D2", "Image": "I1"},
            {"RID": "M3", "Dataset": "D2", "Image": "I2"},
        ],
    }
    references = references_of(schema)
    assert {name: sorted(part) for name, part in collect_rows(RowsInMemory(rows), references, ["D1"]).items()} == {
        DATASET: ["D1"],
        "lab:Dataset_Image": ["M1"],
        "lab:Image": ["I1"],
        "lab:Subject": ["S1"],
    }
