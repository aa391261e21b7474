"""A catalog becomes a DERIVA-ML catalog, exactly, once, and in few requests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from catalog.models import described, recorded
from catalog.scripted import Script, patient, reset, reset_after
from dml.catalog import ml_tables
from dml.catalog.administration import create_catalog
from dml.catalog.concurrency import gather
from dml.catalog.connection import Catalog, connect
from dml.catalog.ml_schema import describe, initialise, sentinels
from dml.catalog.rows import count, select
from dml.catalog.schema import EXECUTION, ML, WORKFLOW
from dml.catalog.vocabulary import terms
from dml.embedded.application import open_application
from dml.embedded.transport import WsgiAdapter
from dml.errors import ConflictError, RetryableError


def without_prefix(table: dict) -> dict:  # type: ignore[type-arg]
    """Compact URIs begin with the project's name, which is the catalog's own choice."""
    for column in table["columns"]:
        if column["name"] == "ID" and column["type"] == "ermrest_curie":
            column["default"] = "{prefix}:" + column["default"].partition(":")[2]
    table["columns"] = sorted(table["columns"], key=lambda column: column["name"])
    table["keys"] = sorted(sorted(key) for key in table["keys"])
    table["foreign_keys"] = sorted(table["foreign_keys"], key=lambda key: str(key["columns"]))
    return table


@pytest.mark.parametrize("name", sorted(recorded("1.54")))
def test_each_table_is_as_the_release_makes_it(catalog: Catalog, name: str) -> None:
    expected = recorded("1.54")[name]
    assert without_prefix(described(catalog.schema().table(f"{ML}:{name}"))) == without_prefix(expected)


def test_there_is_no_table_besides(catalog: Catalog) -> None:
    own = {table.name for table in catalog.schema().tables.values() if table.schema == ML}
    assert own == set(recorded("1.54"))


def test_compact_uris_begin_with_the_projects_name() -> None:
    fresh = connect(create_catalog("local"))
    initialise(fresh, project_name="demo-project")
    for name, table in recorded("1.54").items():
        for column in table["columns"]:
            if "default" in column:
                made = fresh.schema().table(f"{ML}:{name}").column(column["name"])
                assert made is not None
                assert made.default == column["default"], name


def test_the_terms_are_there(catalog: Catalog) -> None:
    for vocabulary, expected in ml_tables.TERMS.items():
        assert set(expected) <= {term.name for term in terms(catalog, vocabulary)}


def test_the_stand_ins_are_there_once(catalog: Catalog) -> None:
    (workflow,) = select(catalog, WORKFLOW, where={"URL": "tag:deriva-ml,unknown-provenance:workflow"})
    (file,) = select(catalog, f"{ML}:File", where={"URL": "tag:deriva-ml,unknown-provenance:file"})
    (execution,) = select(catalog, EXECUTION, where={"Description": "deriva-ml unknown-provenance sentinel execution"})
    assert (workflow["Name"], workflow["Checksum"]) == ("Unknown Provenance", "0" * 40)
    assert (file["MD5"], file["Length"]) == ("0" * 32, 0)
    assert (execution["Status"], execution["Workflow"]) == ("Aborted", workflow["RID"])


def test_the_stand_ins_are_found(catalog: Catalog) -> None:
    found = sentinels(catalog)
    assert set(found) == {WORKFLOW, EXECUTION, f"{ML}:File"}
    (workflow,) = select(catalog, WORKFLOW, where={"RID": found[WORKFLOW]})
    assert workflow["Name"] == "Unknown Provenance"
    assert sentinels(connect(create_catalog("local"))) == {}


def test_a_second_time_writes_nothing(catalog: Catalog) -> None:
    catalog.traffic.reset()
    report = initialise(catalog)
    assert report.nothing_to_do
    assert {method for method, _, _ in catalog.traffic.log} == {"GET"}
    assert catalog.traffic.requests <= 9


def test_a_new_catalog_takes_few_requests() -> None:
    fresh = connect(create_catalog("local"))
    report = initialise(fresh)
    assert set(report.tables) == {f"{ML}:{name}" for name in recorded("1.54")}
    assert set(report.terms) == set(ml_tables.TERMS)
    assert set(report.sentinels) == {WORKFLOW, EXECUTION, f"{ML}:File"}
    assert fresh.traffic.count("POST") <= 11
    assert fresh.traffic.requests <= 24


@pytest.mark.slow
def test_whatever_is_cut_short_the_next_call_finishes(unique: Callable[[str], str]) -> None:
    """The n-th writing request is lost, before or after the server acted, for n = 1, 2, … until none is."""
    for fault in (reset, reset_after):
        for nth in range(20):
            target = create_catalog("local")
            script = Script(WsgiAdapter(open_application()))
            script.on("POST", "", fault, skip=nth)
            broken = connect(target, transport=lambda script=script: script, policy=patient(attempts=1))
            try:
                initialise(broken)
                finished = True
            except RetryableError:
                finished = False
            whole = connect(target)
            initialise(whole)
            assert initialise(whole).nothing_to_do
            assert count(whole, WORKFLOW) == count(whole, EXECUTION) == count(whole, f"{ML}:File") == 1
            tables = {table.name for table in whole.schema().tables.values() if table.schema == ML}
            assert tables == set(recorded("1.54"))
            if finished:
                break
        else:
            pytest.fail("no run got through")


def test_two_at_once_make_it_once() -> None:
    target = create_catalog("local")
    reports = gather([lambda: initialise(connect(target))] * 4)
    assert sum(len(report.tables) for report in reports) >= len(recorded("1.54"))
    whole = connect(target)
    assert initialise(whole).nothing_to_do
    assert count(whole, WORKFLOW) == count(whole, EXECUTION) == count(whole, f"{ML}:File") == 1


def test_a_schema_of_another_form_is_left_alone() -> None:
    fresh = connect(create_catalog("local"))
    other = {
        "schema_name": ML,
        "tables": {"Execution": {**ml_tables.table_document(EXECUTION, []), "foreign_keys": []}},
    }
    fresh.post_json("/schema", [other])
    with pytest.raises(ConflictError, match="differs"):
        initialise(fresh)
    assert set(fresh.refresh_schema().table(EXECUTION).column_names) == {"RID", "RCT", "RMT", "RCB", "RMB"}
    assert [table for table in fresh.schema().tables.values() if table.schema == ML] == [
        fresh.schema().table(EXECUTION)
    ]


def test_a_description_counts_concurrently(catalog: Catalog) -> None:
    catalog.schema()
    catalog.traffic.reset()
    found = describe(catalog)
    assert found.executions >= 1
    assert found.workflows >= 1
    assert found.assets[f"{ML}:File"] >= 1
    assert found.capabilities.version == "1.51.13 or later"
    assert catalog.traffic.requests == 3 + len(found.assets) + 1


def test_a_catalog_without_the_schema_can_be_described() -> None:
    found = describe(connect(create_catalog("local")))
    assert (found.executions, found.datasets, found.assets, found.domain_schemas) == (0, 0, {}, ())
    assert not found.capabilities.ml_schema
