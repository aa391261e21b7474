"""A run driven through the tools, its outputs staged by the command line, ends Uploaded."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from mcp.client.stdio import StdioServerParameters, stdio_client

from cli.runner import run
from dml.catalog.connection import Catalog
from dml.catalog.rows import select
from nouns.conftest import Story

from .session import Session, in_session

SOURCE = {"workflow_url": "https://example.org/train.py", "workflow_checksum": "9f86d081"}


def test_from_creation_to_uploaded_over_standard_input_and_output(
    story: Story, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    rids: list[str] = []
    Path("model.bin").write_bytes(b"weights")
    import os

    server = StdioServerParameters(
        command=sys.executable, args=["-m", "dml.cli", "mcp"], env=dict(os.environ), cwd=str(Path.cwd())
    )

    async def work(session: Session) -> None:
        term = await session.call(
            "add_vocabulary_term", vocabulary="Workflow_Type", term="Distilling", description="A small from a large"
        )
        assert term["added"] is True
        made = await session.call(
            "create_execution",
            workflow_name="Distill",
            workflow_type=["Distilling"],
            description="over MCP",
            assets=[story.model],
            **SOURCE,
        )
        rid = made["rid"]
        rids.append(rid)
        started = await session.call("start_execution", execution_rid=rid)
        assert Path(started["inputs"][0]["path"]).is_file()
        assert run("exec", "stage", rid, "model.bin", "--table", "Execution_Asset").code == 0
        assert (await session.call("stop_execution", execution_rid=rid))["status"] == "Stopped"
        planned = await session.call("commit_execution", execution_rid=rid, dry_run=True)
        assert "model.bin" in str(planned)
        await session.call("commit_execution", execution_rid=rid)
        assert (await session.call("get_execution", execution_rid=rid))["execution"]["status"] == "Uploaded"
        again = await session.call(
            "set_workflow", workflow=made["workflow"], description="Distills", add_types=["Testing"]
        )
        assert again["workflow"]["types"] == ["Distilling", "Testing"]
        fewer = await session.call("set_workflow", workflow=made["workflow"], remove_types=["Testing"])
        assert fewer["changed"] == ["type Testing removed"]
        assert fewer["workflow"]["types"] == ["Distilling"]
        outputs = await session.call("list_assets", execution_rid=rid, role="Output", table="Execution_Asset")
        assert [one["filename"] for one in outputs["assets"]] == ["model.bin"]

    in_session(work, stdio_client(server))
    assert select(catalog, "deriva-ml:Execution", where={"RID": rids[0]})[0]["Status"] == "Uploaded"


def test_giving_up_wants_the_rid_again(story: Story) -> None:
    async def work(session: Session) -> None:
        made = await session.call("create_execution", workflow_name="Train", workflow_type=["Training"], **SOURCE)
        rid = made["rid"]
        told = await session.refused("abort_execution", execution_rid=rid, confirm="yes")
        assert "was not confirmed" in told
        assert f"confirm='{rid}'" in told
        assert (await session.call("get_execution", execution_rid=rid))["execution"]["status"] == "Created"
        await session.call("start_execution", execution_rid=rid)
        failed = await session.call("fail_execution", execution_rid=rid, message="loss is NaN")
        assert failed["error"] == "loss is NaN"
        ended = await session.call("abort_execution", execution_rid=rid, confirm=rid, reason="not worth it")
        assert ended["status"] == "Aborted"

    in_session(work)
