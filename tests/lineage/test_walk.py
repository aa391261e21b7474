"""The walk against the data: what it finds, what it says of what is damaged, and what it costs."""

from __future__ import annotations

import itertools

import pytest

from dml.catalog.connection import Catalog, connect
from dml.errors import NotFoundError, UsageError
from dml.lineage.graph import EdgeKind
from dml.lineage.lookup import lookup_lineage
from dml.lineage.nodes import Asset, Condition, DatasetState, Execution
from dml.lineage.result import LineageResult, result_mapping

from .story import Story

WHOLE, BY_LEVEL = 40_000, 0
strategies = pytest.mark.parametrize("preload_limit", [WHOLE, BY_LEVEL], ids=["whole", "by level"])


def steps(result: LineageResult) -> set[tuple[str, str, EdgeKind]]:
    return {(edge.source, edge.target, edge.kind) for edge in result.graph.edges}


def asset_tables(catalog: Catalog) -> int:
    return len(catalog.schema().asset_tables())


@strategies
def test_a_file_leads_to_its_producer_and_its_inputs(story: Story, preload_limit: int) -> None:
    workflow = story.workflow("Evaluate")
    train, evaluate = story.execution(), story.execution(workflow, Description="try it")
    model = story.asset(made_by=[train], read_by=[evaluate])
    predictions = story.asset("deriva-ml:Execution_Asset", made_by=[evaluate], Filename="predictions.csv")
    story.flush()
    result = lookup_lineage(story.catalog, predictions, preload_limit=preload_limit)
    assert steps(result) == {
        (evaluate, predictions, EdgeKind.output),
        (model, evaluate, EdgeKind.input),
        (train, model, EdgeKind.output),
    }
    assert result.root.type == "Asset"
    assert result.root.producing_execution is not None
    assert result.root.producing_execution.rid == evaluate
    assert result.lineage is not None
    assert result.lineage.execution.workflow is not None
    assert result.lineage.execution.workflow.name == "Evaluate"
    assert [asset.rid for asset in result.lineage.consumed_assets] == [model]
    assert [parent.execution.rid for parent in result.lineage.parents] == [train]
    assert (result.executions_visited, result.walked_complete, result.cycle_detected) == (2, True, False)


@strategies
def test_members_count_as_they_were_at_the_version(story: Story, preload_limit: int) -> None:
    images = story.tables[0]
    before, after, gone, reader, release = (story.execution() for _ in range(5))
    first, removed = story.asset(made_by=[before]), story.asset(made_by=[gone])
    later = story.asset(made_by=[after])
    dataset = story.dataset()
    story.put(dataset, images, [first, removed])
    one = story.version(dataset, "1.0.0", release)
    story.take(dataset, images, [removed])
    story.put(dataset, images, [later])
    story.version(dataset, "1.1.0")
    story.use(reader, dataset, one)
    story.flush()
    result = lookup_lineage(story.catalog, reader, preload_limit=preload_limit)
    key = f"{dataset}@1.0.0"
    assert steps(result) == {
        (key, reader, EdgeKind.input),
        (release, key, EdgeKind.output),
        (before, key, EdgeKind.member),
        (gone, key, EdgeKind.member),
    }
    current = lookup_lineage(story.catalog, dataset, preload_limit=preload_limit)
    assert {source for source, _, _ in steps(current)} == {before, after}
    assert current.root_key == f"{dataset}@1.1.0"
    named = lookup_lineage(story.catalog, f"{dataset}@1.0.0", preload_limit=preload_limit)
    assert {source for source, _, _ in steps(named)} == {before, gone, release}
    assert named.lineage is not None
    assert named.lineage.execution.rid == release
    assert {parent.execution.rid for parent in named.lineage.parents} == {before, gone}


@strategies
def test_an_unreleased_version_has_its_members_of_today(story: Story, preload_limit: int) -> None:
    images = story.tables[0]
    maker, release, reader = story.execution(), story.execution(), story.execution()
    image = story.asset(made_by=[maker])
    dataset = story.dataset()
    story.version(dataset, "1.0.0", release)
    work = story.version(dataset, "1.0.0.post1.dev1", released=False)
    story.put(dataset, images, [image])
    story.use(reader, dataset, work)
    story.flush()
    result = lookup_lineage(story.catalog, reader, preload_limit=preload_limit)
    key = f"{dataset}@1.0.0.post1.dev1"
    assert steps(result) == {
        (key, reader, EdgeKind.input),
        (maker, key, EdgeKind.member),
        (release, key, EdgeKind.output),
    }


@strategies
def test_deleted_and_unproduced_things_are_shown(story: Story, preload_limit: int) -> None:
    run = story.execution(status=None)
    dataset, bare = story.dataset(Deleted=True), story.dataset()
    version = story.version(dataset, "0.1.0")
    story.use(run, dataset, version)
    story.use(run, bare)
    story.flush()
    result = lookup_lineage(story.catalog, run, preload_limit=preload_limit)
    nodes = result.graph.nodes
    assert nodes[f"{dataset}@0.1.0"].condition is Condition.deleted
    assert isinstance(nodes[bare], DatasetState)
    assert nodes[run] == Execution(run, created=nodes[run].created, user=nodes[run].user)  # type: ignore[union-attr]
    assert result.walked_complete


@strategies
def test_unknown_provenance_is_no_execution_like_others(story: Story, preload_limit: int) -> None:
    workflow = story.workflow("Unknown", URL="tag:deriva-ml,unknown-provenance:workflow")
    sentinel, run = story.execution(workflow, status="Aborted"), story.execution()
    weights = story.asset(made_by=[sentinel], read_by=[run])
    story.flush()
    result = lookup_lineage(story.catalog, run, preload_limit=preload_limit)
    assert result.graph.nodes[sentinel].condition is Condition.unknown_provenance
    assert isinstance(result.graph.nodes[weights], Asset)
    assert result.executions_visited == 1


@strategies
def test_circles_end_and_are_told(story: Story, preload_limit: int) -> None:
    one, two = story.execution(), story.execution()
    story.asset(made_by=[one], read_by=[two])
    story.asset(made_by=[two], read_by=[one])
    story.flush()
    result = lookup_lineage(story.catalog, one, preload_limit=preload_limit)
    assert result.cycle_detected
    assert result.executions_visited == 2
    assert result.lineage is not None
    (parent,) = result.lineage.parents
    assert [leaf.already_shown for leaf in parent.parents] == [True]


@strategies
def test_limits_leave_nodes_that_say_so(story: Story, preload_limit: int) -> None:
    runs = [story.execution() for _ in range(4)]
    for maker, reader in itertools.pairwise(runs):
        story.asset(made_by=[maker], read_by=[reader])
    story.flush()
    shallow = lookup_lineage(story.catalog, runs[-1], depth=1, preload_limit=preload_limit)
    assert shallow.depth_capped
    assert shallow.walked_complete
    assert shallow.executions_visited == 2
    assert shallow.graph.nodes[runs[1]].condition is Condition.not_followed
    few = lookup_lineage(story.catalog, runs[-1], max_executions=3, preload_limit=preload_limit)
    assert not few.walked_complete
    assert few.graph.nodes[runs[0]].condition is Condition.not_followed
    assert not lookup_lineage(story.catalog, runs[-1], depth=3, preload_limit=preload_limit).depth_capped


def test_what_has_no_lineage_is_refused(story: Story) -> None:
    workflow, image = story.workflow(), story.asset()
    dataset = story.dataset()
    story.version(dataset, "1.0.0")
    story.flush()
    with pytest.raises(UsageError, match="has no lineage"):
        lookup_lineage(story.catalog, workflow)
    with pytest.raises(UsageError, match="has no versions"):
        lookup_lineage(story.catalog, f"{image}@1.0.0")
    with pytest.raises(UsageError, match="not a RID"):
        lookup_lineage(story.catalog, "no rid")
    with pytest.raises(NotFoundError, match=r"no version 2\.0\.0; has 1\.0\.0"):
        lookup_lineage(story.catalog, f"{dataset}@2.0.0")
    with pytest.raises(NotFoundError):
        lookup_lineage(story.catalog, "9ZZZ-9ZZZ")


def test_a_chain_costs_the_same_whatever_its_length(story: Story) -> None:
    runs = [story.execution(story.workflow(f"Step {number}")) for number in range(50)]
    for number, (maker, reader) in enumerate(itertools.pairwise(runs)):
        story.asset(story.tables[number % 2], made_by=[maker], read_by=[reader])
    last = story.asset(made_by=[runs[-1]])
    story.flush()
    catalog = connect(story.catalog.target)
    result = lookup_lineage(catalog, last)
    assert result.executions_visited == 50
    assert catalog.traffic.requests <= 10 + 2 * asset_tables(catalog)
    assert catalog.traffic.requests == catalog.traffic.count("GET")
    depth, node = 1, result_mapping(result)["lineage"]
    while node["parents"]:
        (node,) = node["parents"]
        depth += 1
    assert depth == 50


def test_a_fan_costs_no_more_than_a_chain(story: Story) -> None:
    reader = story.execution()
    for _ in range(500):
        story.asset(made_by=[story.execution()], read_by=[reader])
    story.flush()
    catalog = connect(story.catalog.target)
    result = lookup_lineage(catalog, reader, max_executions=1000)
    assert result.executions_visited == 501
    assert catalog.traffic.requests <= 10 + 2 * asset_tables(catalog)
    assert not lookup_lineage(catalog, reader).walked_complete


def test_a_level_costs_few_requests(story: Story) -> None:
    runs = [story.execution() for _ in range(10)]
    for maker, reader in itertools.pairwise(runs):
        story.asset(made_by=[maker], read_by=[reader])
    story.flush()
    catalog = connect(story.catalog.target)
    lookup_lineage(catalog, runs[-1], preload_limit=0)
    tables = asset_tables(catalog)
    assert catalog.traffic.requests <= 5 + tables + 10 * (6 + 2 * tables)


def test_one_snapshot_is_one_request_for_each_table_of_members(story: Story) -> None:
    images = story.tables[0]
    maker, reader = story.execution(), story.execution()
    image = story.asset(made_by=[maker])
    dataset = story.dataset()
    story.put(dataset, images, [image])
    version = story.version(dataset, "1.0.0")
    story.use(reader, dataset, version)
    story.flush()
    catalog = connect(story.catalog.target)
    lookup_lineage(catalog, reader)
    at_snapshot = [entry for entry in catalog.traffic.log if "@" in entry[1].split("/")[3]]
    schema = catalog.schema()
    assert len(at_snapshot) <= sum(table.qualified_name in schema.element_tables() for table in schema.asset_tables())
    assert catalog.traffic.requests <= 10 + 2 * asset_tables(catalog)


@strategies
def test_an_older_catalog_tells_inputs_from_outputs_by_the_version(older: Story, preload_limit: int) -> None:
    workflow = older.workflow("Split", Workflow_Type="Training")
    split = older.execution(workflow, Duration="0.0H 2.0min 0.0sec")
    source, result = older.dataset(), older.dataset()
    older.version(source, "1.0.0")
    older.version(result, "1.0.0", split)
    for dataset in (source, result):
        older.add("deriva-ml:Dataset_Execution", Dataset=dataset, Execution=split)
    older.flush()
    found = lookup_lineage(older.catalog, result, preload_limit=preload_limit)
    assert steps(found) == {
        (split, f"{result}@1.0.0", EdgeKind.output),
        (f"{source}@1.0.0", split, EdgeKind.input),
    }
    run = found.graph.nodes[split]
    assert isinstance(run, Execution)
    assert run.duration == 120.0
    assert run.workflow is not None
    assert run.workflow.types == ("Training",)
    assert {edge.note for edge in found.graph.edges} == {"", "version not recorded"}
