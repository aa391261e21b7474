"""``dml workflow``: finding code, describing it, and what its executions came to."""

from __future__ import annotations

from cli.runner import run
from dml.catalog.connection import Catalog, connect
from dml.catalog.rows import insert, select
from dml.workflow.lookup import find_workflow, list_workflows

from .conftest import Story


def _workflow_of(catalog: Catalog, execution: str) -> str:
    return str(select(catalog, "deriva-ml:Execution", where={"RID": execution})[0]["Workflow"])


def test_the_list_has_every_workflow_with_its_types(story: Story, catalog: Catalog) -> None:
    found = run("workflow", "list", "--json").json
    assert found["schema"] == "dml.workflow.list/1"
    assert found["more"] is False
    assert set(story.executions) <= {one["name"] for one in found["workflows"]}
    trained = [one for one in found["workflows"] if "Training" in one["types"]]
    only = run("workflow", "list", "--type", "Training", "--json").json["workflows"]
    assert only == trained
    shown = run("workflow", "list")
    assert shown.code == 0
    assert all(one["rid"] in shown.stdout for one in found["workflows"])


def test_an_unknown_type_names_the_nearest(story: Story) -> None:
    refused = run("workflow", "list", "--type", "Trainin")
    assert refused.code == 6
    assert "Training" in refused.stderr


def test_a_list_that_is_cut_says_so(story: Story) -> None:
    cut = run("workflow", "list", "--limit", "1")
    assert "showing the first 1; use --limit 0 for all" in cut.stderr
    assert run("workflow", "list", "--limit", "1", "--json").json["more"] is True
    assert run("workflow", "list", "--limit", "0", "--json").json["more"] is False


def test_a_list_costs_the_same_whatever_its_length(story: Story, catalog: Catalog) -> None:
    rows = [{"Name": f"w{i}", "URL": f"https://example.org/{i}", "Checksum": f"c{i}"} for i in range(400)]
    made = insert(catalog, "deriva-ml:Workflow", rows)
    pairs = [{"Workflow": row["RID"], "Workflow_Type": "Training"} for row in made]
    insert(catalog, "deriva-ml:Workflow_Workflow_Type", pairs)
    for limit in (1, 50, 300, None):
        fresh = connect(story.target)
        found, more = list_workflows(fresh, limit=limit)
        assert fresh.traffic.requests <= 3
        assert more is (limit is not None)
        assert len(found) == limit if limit else len(found) > 400
    assert all(one.types == ("Training",) for one in found if one.name.startswith("w"))


def test_show_by_rid_url_and_checksum(story: Story, catalog: Catalog) -> None:
    rid = _workflow_of(catalog, story.executions[next(iter(story.executions))])
    shown = run("workflow", "show", rid, "--json").json
    one = shown["workflow"]
    assert shown["link"].endswith(f"/id/{story.target.catalog_id}/{rid}")
    assert shown["counts"] == {"Uploaded": len(shown["executions"])}
    assert find_workflow(catalog, one["checksum"]).checksum == one["checksum"]
    assert find_workflow(catalog, one["url"]).url == one["url"]
    people = run("workflow", "show", rid)
    assert people.code == 0
    assert one["url"][:40] in people.stdout
    assert shown["executions"][0]["rid"] in people.stdout


def test_show_refuses_what_is_no_workflow(story: Story) -> None:
    other = run("workflow", "show", story.model)
    assert other.code == 2
    assert "not a workflow" in other.stderr
    gone = run("workflow", "show", "https://example.org/nowhere.py")
    assert gone.code == 6
    assert "hint: Give a RID, URL or checksum; `dml workflow list` shows them." in gone.stderr


def test_set_writes_description_and_types_once(story: Story, catalog: Catalog) -> None:
    rid = _workflow_of(catalog, story.executions[next(iter(story.executions))])
    words = ("workflow", "set", rid, "-d", "What it *does*", "--add-type", "Testing")
    first = run(*words, "--json").json
    assert first["changed"] == ["type Testing added", "description updated"]
    assert find_workflow(catalog, rid).description == "What it *does*"
    assert "Testing" in find_workflow(catalog, rid).types
    assert run(*words).stdout == f"{rid} is already up to date; nothing to do.\n"
    assert run("workflow", "set", rid, "--remove-type", "Testing", "--json").json["changed"] == ["type Testing removed"]
    assert "Testing" not in find_workflow(catalog, rid).types


def test_set_writes_nothing_when_a_type_is_unknown(story: Story, catalog: Catalog) -> None:
    rid = _workflow_of(catalog, story.executions[next(iter(story.executions))])
    before = find_workflow(catalog, rid)
    refused = run("workflow", "set", rid, "-d", "other", "--add-type", "Testing", "--add-type", "Nonsense")
    assert refused.code == 6
    assert find_workflow(catalog, rid) == before
    assert run("workflow", "set", rid).code == 2


def test_the_executions_of_a_workflow_in_this_workspace(story: Story, catalog: Catalog) -> None:
    name, execution = next(iter(story.executions.items()))
    by_rid = run("exec", "list", "--workflow", _workflow_of(catalog, execution), "--json").json["executions"]
    assert execution in {one["rid"] for one in by_rid}
    by_name = run("exec", "list", "--workflow", name, "--json").json["executions"]
    assert [one["rid"] for one in by_name] == [one["rid"] for one in by_rid]
    assert run("exec", "list", "--workflow", "Nobody's", "--json").json["executions"] == []
