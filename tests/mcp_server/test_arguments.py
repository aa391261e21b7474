"""What a client is told of wrong arguments: a sentence for each, and never the words of a library."""

from __future__ import annotations

from typing import Any

import pytest
from mcp.client.client import Client

from dml.mcp.arguments import in_arguments
from nouns.conftest import Story

from .session import HERE, Session, in_session

WORKFLOWS = "hint: list_workflows needs host, catalog; it may have workflow_type, limit."
CITE = "hint: cite needs host, catalog, rid."

SAID: dict[str, tuple[str, dict[str, Any], str]] = {
    "one is missing": (
        "list_workflows",
        {"host": "local"},
        f"catalog is missing; it is a text: the catalog's id.\n{WORKFLOWS}",
    ),
    "all are missing": (
        "cite",
        {},
        "host is missing; it is a text: the catalog's host; local is the embedded one.\n"
        f"catalog is missing; it is a text: the catalog's id.\nrid is missing; it is a text.\n{CITE}",
    ),
    "words for a number": (
        "list_workflows",
        {**HERE, "limit": "many"},
        f'limit must be a whole number of 0 or more, not "many".\n{WORKFLOWS}',
    ),
    "a number too small": (
        "list_workflows",
        {**HERE, "limit": -1},
        f"limit must be a whole number of 0 or more, not -1.\n{WORKFLOWS}",
    ),
    "a text for a list": (
        "list_executions",
        {**HERE, "status": "Failed"},
        'status must be a list of texts, not "Failed".\n'
        "hint: list_executions needs host, catalog; it may have status, workflow, pending, since, limit.",
    ),
    "several types at once": (
        "get_metrics",
        {"host": ["local"], "catalog": {"a": 1}, "execution_rids": ["4VP", 7, None]},
        'host must be a text, not ["local"].\ncatalog must be a text, not {"a": 1}.\n'
        "execution_rids[1] must be a text, not 7.\nexecution_rids[2] must be a text, not null.\n"
        "hint: get_metrics needs host, catalog, execution_rids.",
    ),
    "an empty list": (
        "get_metrics",
        {**HERE, "execution_rids": []},
        "execution_rids must be a list of one or more texts, not [].\n"
        "hint: get_metrics needs host, catalog, execution_rids.",
    ),
    "neither yes nor no": (
        "commit_execution",
        {**HERE, "execution_rid": "4VP", "dry_run": "perhaps"},
        'dry_run must be true or false, not "perhaps".\n'
        "hint: commit_execution needs host, catalog, execution_rid; it may have dry_run.",
    ),
    "an unknown one": (
        "list_workflows",
        {**HERE, "limitt": 3},
        f"limitt is no argument of list_workflows; did you mean limit?\n{WORKFLOWS}",
    ),
    "an unknown one and a missing one": (
        "cite",
        {**HERE, "\x1b[31mrow": "1-A"},
        f"{{unknown}} is no argument of cite.\nrid is missing; it is a text.\n{CITE}",
    ),
    "an unknown choice": (
        "list_assets",
        {**HERE, "role": "Middle"},
        'role must be one of Input, Output, not "Middle".\n'
        "hint: list_assets needs host, catalog; it may have table, asset_type, execution_rid, role, limit.",
    ),
    "an unknown tool": (
        "list_workflow",
        HERE,
        "There is no tool list_workflow\nhint: Did you mean list_workflows or set_workflow or get_workflow?",
    ),
    "a tool like no other": ("zzz", HERE, "There is no tool zzz\nhint: The list of tools names all there are."),
}


@pytest.mark.parametrize("name", SAID)
def test_what_is_said_of_wrong_arguments(name: str) -> None:
    tool, arguments, said = SAID[name]

    async def work(session: Session) -> None:
        client: Client = session.client
        answer = await client.call_tool(tool, arguments)
        assert answer.is_error
        text = str(getattr(answer.content[0], "text", ""))
        if "{unknown}" in said:
            unknown = text.partition(" ")[0]
            assert unknown.isprintable()
            assert text == said.format(unknown=unknown)
        else:
            assert text == said
        assert "pydantic" not in text

    in_session(work)


def test_hints_of_commands_speak_of_arguments(story: Story) -> None:
    properties = {"properties": {"allow_dirty": {}, "datasets": {}, "execution_rid": {}}}
    said = "accept with --allow-dirty, --dataset or --execution, not --other; `dml x --dataset Y`"
    assert in_arguments(said, properties) == (
        "accept with allow_dirty, datasets or execution_rid, not --other; `dml x --dataset Y`"
    )

    async def work(session: Session) -> None:
        told = await session.refused("create_execution")
        assert told == ("An execution needs a workflow\nhint: Give workflow_name and workflow_type, or workflow=.")
        assert "--description TEXT`" in await session.refused("list_workflows", workflow_type="Trainin")
        told = await session.refused("get_execution", execution_rid="1-ZZZZ")
        assert told == "No row 1-ZZZZ in local/1\nhint: Check the RID, host and catalog."
        told = await session.refused("get_execution", execution_rid=story.model)
        assert told.startswith(f"{story.model} is no execution: Asset\nhint: get_lineage")

    in_session(work)
