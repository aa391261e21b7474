"""Options of the commands that create an execution: ``dml exec create`` and ``dml exec run``."""

from __future__ import annotations

from typing import Annotated

from typer import Option

Script = Annotated[str | None, Option("--script", metavar="FILE", help="The script or notebook to run.")]
WorkflowName = Annotated[str | None, Option("--workflow-name", metavar="NAME", help="Name of the workflow.")]
WorkflowTypes = Annotated[
    list[str] | None, Option("--workflow-type", metavar="TERM", help="A Workflow_Type term; may be repeated.")
]
WorkflowRid = Annotated[str | None, Option("--workflow", metavar="RID", help="A registered workflow.")]
WorkflowUrl = Annotated[str | None, Option("--workflow-url", metavar="URL", help="Link to the code.")]
WorkflowChecksum = Annotated[str | None, Option("--workflow-checksum", metavar="HASH", help="Checksum of the code.")]
Description = Annotated[str, Option("--description", "-d", metavar="TEXT", help="Purpose of this run.")]
Datasets = Annotated[
    list[str] | None, Option("--dataset", metavar="RID[@VERSION]", help="An input dataset; may be repeated.")
]
Assets = Annotated[list[str] | None, Option("--asset", metavar="RID[:cache]", help="An input asset; may be repeated.")]
AllowDirty = Annotated[bool, Option("--allow-dirty", help="Allow uncommitted changes, and record them.")]
