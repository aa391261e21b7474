"""Every tool, called by the SDK's client; results are the commands' own documents."""

from __future__ import annotations

from pathlib import Path

from cli.runner import run
from dml.catalog.connection import Catalog
from dml.catalog.rows import select
from dml.mcp.commands import Runner
from dml.mcp.server import contents
from dml.mcp.tools import READING, WRITING
from nouns.conftest import Story

from .session import Session, in_session


def test_the_server_tells_its_tools_and_resources() -> None:
    async def work(session: Session) -> None:
        tools = {tool.name: tool for tool in (await session.client.list_tools()).tools}
        assert set(tools) == {*READING, *WRITING}
        for name, tool in tools.items():
            assert tool.description
            assert "  " not in tool.description
            assert {"host", "catalog"} <= set(tool.input_schema["required"])
            assert tool.input_schema["additionalProperties"] is False
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint is (name in READING)
        assert "confirm" in tools["abort_execution"].input_schema["required"]
        assert tools["abort_execution"].annotations.destructive_hint is True
        templates = {one.uri_template for one in (await session.client.list_resource_templates()).resource_templates}
        assert templates == {one["uri"] for one in contents()["resources"]}

    in_session(work)


def test_tools_that_read_give_the_commands_documents(story: Story, catalog: Catalog) -> None:
    execution = list(story.executions.values())[-1]
    workflow = str(select(catalog, "deriva-ml:Execution", where={"RID": execution})[0]["Workflow"])
    dataset = next(
        one["rid"] for one in run("dataset", "list", "--json").json["datasets"] if "Training" in one["types"]
    )
    calls: list[tuple[str, dict[str, object], tuple[str, ...]]] = [
        ("get_execution", {"execution_rid": execution}, ("exec", "show", execution)),
        ("list_executions", {}, ("exec", "list")),
        ("list_execution_children", {"execution_rid": execution}, ("nested", "show", execution)),
        ("list_execution_parents", {"execution_rid": execution}, ("nested", "show", execution, "--parents")),
        ("get_lineage", {"rid": story.predictions}, ("lineage", "show", story.predictions)),
        ("list_workflows", {}, ("workflow", "list")),
        ("get_workflow", {"workflow": workflow}, ("workflow", "show", workflow)),
        ("list_assets", {"table": "Execution_Asset"}, ("asset", "list", "Execution_Asset")),
        ("list_assets", {}, ("asset", "list")),
        ("get_asset", {"asset_rid": story.model}, ("asset", "show", story.model)),
        (
            "list_asset_executions",
            {"asset_rid": story.model, "role": "Input"},
            ("asset", "executions", story.model, "--role", "Input"),
        ),
        ("list_features", {"table": "Image"}, ("feature", "list", "--table", "Image")),
        ("get_feature", {"target_table": "Image", "feature_name": "Digit"}, ("feature", "show", "Image.Digit")),
        (
            "list_feature_values",
            {"target_table": "Image", "feature_name": "Digit", "selector": "newest"},
            ("feature", "values", "Image.Digit", "--selector", "newest"),
        ),
        ("list_datasets", {}, ("dataset", "list")),
        ("get_dataset", {"dataset_rid": dataset}, ("dataset", "show", dataset)),
        (
            "denormalize_dataset",
            {"dataset_rid": dataset, "table": "Image", "features": ["Digit"], "limit": 2},
            ("dataset", "denormalize", dataset, "Image", "--feature", "Digit", "--limit", "2"),
        ),
        ("list_vocabularies", {}, ("vocab", "list")),
        ("list_vocabulary_terms", {"vocabulary": "Workflow_Type"}, ("vocab", "list", "Workflow_Type")),
        (
            "get_vocabulary_term",
            {"vocabulary": "Workflow_Type", "term": "Training"},
            ("vocab", "show", "Workflow_Type", "Training"),
        ),
        ("get_metrics", {"execution_rids": [execution]}, ("metrics", execution)),
        ("cite", {"rid": story.model}, ("cite", story.model)),
    ]

    async def work(session: Session) -> None:
        for name, arguments, words in calls:
            expected = run(*words, "--json").json
            given = await session.call(name, **arguments)
            for document in (expected, given):
                document.pop("requests", None)  # a cold start asks for the model once more
            assert given == expected, name

    in_session(work)
    assert {name for name, *_ in calls} == set(READING) - {"bag_info", "validate_execution_configuration"}


def test_validating_and_caching_a_dataset(story: Story) -> None:
    dataset = run("dataset", "list", "--json").json["datasets"][0]
    rid, version = dataset["rid"], dataset.get("version", None)

    async def work(session: Session) -> None:
        checked = await session.call(
            "validate_execution_configuration", datasets=[f"{rid}@{version}" if version else rid]
        )
        assert checked["schema"].startswith("dml.preflight/")
        wrong = await session.call("validate_execution_configuration", assets=["1-ZZZZ"])
        assert "1-ZZZZ" in str(wrong)
        info = await session.call("bag_info", dataset_rid=rid)
        assert info["schema"].startswith("dml.cache.info/")
        warmed = await session.call("cache_dataset", dataset_rid=rid)
        assert warmed["schema"].startswith("dml.cache.warm/")
        assert "cached_materialized" in str(await session.call("bag_info", dataset_rid=rid))

    in_session(work)


def test_releasing_a_dataset(story: Story) -> None:
    dataset = run("dataset", "list", "--json").json["datasets"][0]["rid"]

    async def work(session: Session) -> None:
        same = await session.call("release_dataset", dataset_rid=dataset, description="nothing new")
        assert same["released"] is False
        run("dataset", "mark-dev", dataset, "-d", "new labels")
        made = await session.call("release_dataset", dataset_rid=dataset, description="labels", component="major")
        assert (made["released"], made["version"]) == (True, "2.0.0")
        assert "component must be one of major, minor, patch" in await session.refused(
            "release_dataset", dataset_rid=dataset, description="x", component="huge"
        )

    in_session(work)


def test_a_catalog_may_be_named_by_a_number(story: Story) -> None:
    async def work(session: Session) -> None:
        numbered = await session.client.call_tool("list_workflows", {"host": "local", "catalog": 1})
        assert not numbered.is_error
        assert numbered.structured_content == await session.call("list_workflows")

    in_session(work)


def test_errors_carry_the_hint(story: Story) -> None:
    async def work(session: Session) -> None:
        told = await session.refused("get_vocabulary_term", vocabulary="Workflow_Type", term="Trainin")
        assert "Training" in told
        assert "hint:" in told
        assert "hint: Give a RID, URL or checksum" in await session.refused(
            "get_workflow", workflow="https://example.org/no"
        )
        assert "No row 1-ZZZZ" in await session.refused("cite", rid="1-ZZZZ")
        other = await session.client.call_tool("list_workflows", {"host": "local", "catalog": "99"})
        assert other.is_error

    in_session(work)


def test_what_a_caller_says_is_never_an_option(story: Story, tmp_path: Path) -> None:
    async def work(session: Session) -> None:
        for rid in ("--help", "--workspace=/tmp/x", "-o", "--"):
            assert "--help" not in await session.refused("cite", rid=rid) or rid == "--help"
        told = await session.refused("list_workflows", workflow_type="--limit=1")
        assert "--limit=1" in told

    in_session(work)
    words = Runner().words("h", "1", ["cite"], ["--help"], {"type": "--x"})
    assert words[-2:] == ["--", "--help"]
    assert "--type=--x" in words


def test_resources(story: Story) -> None:
    execution = next(iter(story.executions.values()))

    async def work(session: Session) -> None:
        assert (await session.read(f"execution/{execution}"))["execution"]["rid"] == execution
        assert (await session.read("executions"))["schema"] == "dml.exec.list/1"
        assert (await session.read("workflows"))["schema"] == "dml.workflow.list/1"
        assert (await session.read("vocabularies"))["schema"] == "dml.vocab.list/1"
        terms = await session.read("vocabularies/deriva-ml/Workflow_Type")
        assert "Training" in {one["name"] for one in terms["terms"]}
        assert "hint" in await session.unread("vocabularies/deriva-ml/Workflow_Typ")

    in_session(work)


def test_an_execution_that_the_workspace_does_not_know(story: Story, tmp_path: Path) -> None:
    execution = list(story.executions.values())[-1]
    from dml.mcp.server import build

    async def work(session: Session) -> None:
        found = await session.call("get_execution", execution_rid=execution)
        assert found["schema"].startswith("dml.lineage/")
        assert execution in str(found)

    in_session(work, build(Runner(str(tmp_path / "elsewhere"))))
