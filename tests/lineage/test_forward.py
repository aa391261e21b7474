"""The walk along the data, and the paths between two artifacts."""

from __future__ import annotations

import pytest

from dml.catalog.definitions import ColumnDefinition, create_feature
from dml.catalog.rows import insert
from dml.lineage.between import lineage_between
from dml.lineage.forward import lookup_descendants
from dml.lineage.graph import EdgeKind
from dml.lineage.nodes import Condition, Feature

from .story import Story
from .test_walk import strategies

Step = tuple[str, str, EdgeKind]


def steps(found: object) -> set[Step]:
    return {(edge.source, edge.target, edge.kind) for edge in found.graph.edges}  # type: ignore[attr-defined]


@strategies
def test_an_image_leads_to_the_models_that_saw_it(story: Story, preload_limit: int) -> None:
    images, models = story.tables
    saw, late, direct = story.execution(), story.execution(), story.execution()
    image, other = story.asset(read_by=[direct]), story.asset()
    dataset = story.dataset()
    story.put(dataset, images, [other, image])
    one = story.version(dataset, "1.0.0")
    story.take(dataset, images, [image])
    two = story.version(dataset, "2.0.0")
    story.use(saw, dataset, one)
    story.use(late, dataset, two)
    model = story.asset(models, made_by=[saw])
    story.flush()
    found = lookup_descendants(story.catalog, image, preload_limit=preload_limit)
    assert steps(found) == {
        (image, direct, EdgeKind.input),
        (image, f"{dataset}@1.0.0", EdgeKind.member),
        (f"{dataset}@1.0.0", saw, EdgeKind.input),
        (saw, model, EdgeKind.output),
    }


@strategies
def test_a_dataset_leads_through_runs_to_versions_and_features(story: Story, preload_limit: int) -> None:
    images = story.tables[0]
    feature = create_feature(story.catalog, images, "Quality", columns=[ColumnDefinition("Score", "float8")])
    image, dataset, derived = story.asset(), story.dataset(), story.dataset()
    run, further = story.execution(), story.execution()
    version = story.version(dataset, "1.0.0")
    made = story.version(derived, "0.1.0", run)
    story.use(run, dataset, version)
    story.use(further, derived, made)
    story.flush()
    row = {"Execution": run, images.partition(":")[2]: image, "Feature_Name": "Quality", "Score": 0.5}
    insert(story.catalog, feature.table.qualified_name, [row])
    found = lookup_descendants(story.catalog, f"{dataset}@1.0.0", preload_limit=preload_limit)
    values = f"{feature.table.qualified_name}#{run}"
    assert steps(found) == {
        (f"{dataset}@1.0.0", run, EdgeKind.input),
        (run, f"{derived}@0.1.0", EdgeKind.output),
        (f"{derived}@0.1.0", further, EdgeKind.input),
        (run, values, EdgeKind.output),
    }
    assert found.graph.nodes[values] == Feature(values, "", feature.table.qualified_name, "Quality", 1)
    assert steps(lookup_descendants(story.catalog, dataset, preload_limit=preload_limit)) == {
        (step[0].replace(f"{dataset}@1.0.0", dataset), *step[1:]) for step in steps(found)
    }


@strategies
def test_limits_hold_forwards_too(story: Story, preload_limit: int) -> None:
    runs = [story.execution() for _ in range(4)]
    for maker, reader in zip(runs, runs[1:], strict=False):  # noqa: RUF007
        story.asset(made_by=[maker], read_by=[reader])
    story.flush()
    shallow = lookup_descendants(story.catalog, runs[0], depth=1, preload_limit=preload_limit)
    assert shallow.depth_capped
    assert shallow.graph.nodes[runs[2]].condition is Condition.not_followed
    few = lookup_descendants(story.catalog, runs[0], max_executions=1, preload_limit=preload_limit)
    assert not few.walked_complete


def test_between_shows_only_what_lies_between(story: Story) -> None:
    split, train, aside = story.execution(), story.execution(), story.execution()
    source = story.asset(read_by=[split])
    middle = story.asset(made_by=[split], read_by=[train])
    unrelated = story.asset(made_by=[aside], read_by=[train])
    story.asset(made_by=[split])
    model = story.asset(made_by=[train])
    story.flush()
    found = lineage_between(story.catalog, source, model)
    assert set(found.graph.nodes) == {source, split, middle, train, model}
    apart = lineage_between(story.catalog, source, unrelated)
    assert set(apart.graph.nodes) == {source, unrelated}
    assert not apart.graph.edges


def test_between_says_of_many_members_who_made_them_unless_one_of_them_is_asked_about(story: Story) -> None:
    images, models = story.tables
    load, train = story.execution(), story.execution()
    members = [story.asset(made_by=[load]) for _ in range(5)]
    dataset = story.dataset()
    story.put(dataset, images, members)
    version = story.version(dataset, "1.0.0")
    story.use(train, dataset, version)
    model = story.asset(models, made_by=[train])
    story.flush()
    story.catalog.traffic.reset()
    found = lineage_between(story.catalog, load, model)
    there = story.catalog.traffic.requests
    assert steps(found) == {
        (load, f"{dataset}@1.0.0", EdgeKind.member),
        (f"{dataset}@1.0.0", train, EdgeKind.input),
        (train, model, EdgeKind.output),
    }
    assert [edge.note for edge in found.graph.edges if edge.kind is EdgeKind.member] == ["made 5 members of Image"]
    story.catalog.traffic.reset()
    one = lineage_between(story.catalog, members[2], model)
    assert set(one.graph.nodes) == {members[2], f"{dataset}@1.0.0", train, model}
    assert there < story.catalog.traffic.requests, "one walk is enough for an execution"


@pytest.mark.parametrize("forward", [False, True])
def test_a_feature_value_has_a_producer_and_leads_nowhere(story: Story, forward: bool) -> None:
    images = story.tables[0]
    feature = create_feature(story.catalog, images, "Grade", columns=[ColumnDefinition("Level", "int4")])
    run, image = story.execution(), story.asset()
    story.flush()
    row = {"Execution": run, images.partition(":")[2]: image, "Feature_Name": "Grade", "Level": 2}
    (value,) = insert(story.catalog, feature.table.qualified_name, [row])
    if forward:
        assert not steps(lookup_descendants(story.catalog, value["RID"]))
        return
    from dml.lineage.lookup import lookup_lineage

    result = lookup_lineage(story.catalog, value["RID"])
    assert result.root.type == "Feature"
    assert steps(result) == {(run, value["RID"], EdgeKind.output)}
