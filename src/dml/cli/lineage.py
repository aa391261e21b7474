"""``dml lineage``: what produced an artifact and from what; the command's words, nothing of the walk itself."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Exit, Option

from dml.cli.app.default_command import group_with_default
from dml.cli.app.framework import command, current
from dml.cli.app.open_catalog import open_catalog
from dml.cli.app.output import Cell
from dml.cli.app.shell_complete import complete_rid
from dml.errors import DmlError, UsageError
from dml.formatting import pluralize
from dml.safe_text import safe

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.lineage.forward import FlowResult
    from dml.lineage.graph import Graph
    from dml.lineage.result import LineageResult

app = group_with_default("lineage", "Show what produced an artifact and from which inputs.")

_WORDS = "A dataset, asset, feature value or execution."
Artifact = Annotated[str, Argument(metavar="RID[@VERSION]", help=_WORDS, autocompletion=complete_rid)]
Depth = Annotated[
    int | None, Option("--depth", metavar="N", min=0, help="Levels of executions beyond the nearest ones.")
]
MaxExecutions = Annotated[
    int, Option("--max-executions", metavar="N", min=1, help="Maximum number of executions to visit.")
]
Full = Annotated[bool, Option("--full", help="Show everything, without folding.")]
Forward = Annotated[bool, Option("--forward", help="Show what was derived from it, instead of its origins.")]
Between = Annotated[
    str | None,
    Option("--between", metavar="RID", help="Show only the paths from that artifact to this one.", show_default=False),
]
Format = Annotated[
    str | None,
    Option("--format", metavar="NAME", help="dot, mermaid, svg, html, prov, openlineage, rocrate or json."),
]
Output = Annotated[Path | None, Option("--output", "-o", metavar="FILE", help="File to write to.")]


@command(
    app,
    "show",
    examples=[
        ("dml lineage 2-PRED1", "How this file was produced, as a tree."),
        ("dml lineage 1-ABC@1.2.0 --depth 1", "A dataset version, its producer and one more level."),
        ("dml lineage 3-IMG --forward", "Everything derived from this image, such as the models trained on it."),
        ("dml lineage 2-PRED1 --between 1-ABC", "The paths from the dataset to the predictions."),
        ("dml lineage 2-PRED1 --format html -o history.html", "An interactive page that works offline."),
    ],
)
def show(
    rid: Artifact,
    forward: Forward = False,
    between: Between = None,
    depth: Depth = None,
    max_executions: MaxExecutions = 500,
    full: Full = False,
    format_: Format = None,
    output: Output = None,
) -> None:
    """Show what produced an artifact and from which inputs.

    `dml lineage diff A B` compares two histories; `dml lineage check RID` looks for gaps in one.
    """
    from dml.lineage.between import lineage_between
    from dml.lineage.forward import lookup_descendants
    from dml.lineage.lookup import lookup_lineage

    _refuse(forward, between, depth, format_, output)
    catalog = open_catalog()
    found: LineageResult | FlowResult
    if between is not None:
        found = lineage_between(catalog, between, rid, max_executions=max(max_executions, 5_000))
    elif forward:
        found = lookup_descendants(catalog, rid, depth=depth, max_executions=max_executions)
    else:
        found = lookup_lineage(catalog, rid, depth=depth, max_executions=max_executions)
    if format_ is not None:
        _export(catalog, found.graph, found.root_key, format_, output)
    elif current().json:
        _emit(found, catalog.traffic.requests, forward=forward)
    else:
        names = _names(catalog, found.graph) if current().verbosity > 0 else None
        _print(found, catalog.traffic.requests, forward=forward, full=full, names=names)


def _refuse(forward: bool, between: str | None, depth: int | None, format_: str | None, output: Path | None) -> None:
    if between is not None and (forward or depth is not None):
        raise UsageError("--between cannot be combined with --forward or --depth")
    if format_ is not None and current().json:
        raise UsageError("--format and --json are mutually exclusive", hint="Use --format json for the graph alone.")
    if output is not None and format_ is None:
        raise UsageError("--output requires --format", hint="dml lineage RID --format html --output FILE")


def _export(catalog: Catalog, graph: Graph, root_key: str, name: str, output: Path | None) -> None:
    from dml.lineage.exports import render
    from dml.lineage.exports.document import GraphDocument
    from dml.lineage.exports.parents import nesting_of

    parents = nesting_of(catalog, graph) if name == "openlineage" else {}
    text = render(name, GraphDocument(catalog.target, graph, root_key, parents))
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DmlError(f"cannot write {output}: {error.strerror}") from error
    current().console.say(f"{output} written, {len(graph.nodes):,} nodes")


def _emit(found: LineageResult | FlowResult, requests: int, *, forward: bool) -> None:
    from dml.lineage.forward import FlowResult
    from dml.lineage.result import graph_mapping, result_mapping

    console = current().console
    if not isinstance(found, FlowResult):
        console.emit("lineage", {**result_mapping(found), "requests": requests})
        return
    document = {
        "root_key": found.root_key,
        "executions_visited": found.executions_visited,
        "walked_complete": found.walked_complete,
        "depth_capped": found.depth_capped,
        "warnings": list(found.warnings),
        "graph": graph_mapping(found.graph),
        "requests": requests,
    }
    console.emit("lineage.forward" if forward else "lineage.between", document)


def _names(catalog: Catalog, graph: Graph) -> Mapping[str, str]:
    from dml.lineage.users import names_of

    return names_of(catalog, (execution.user for execution in graph.executions))


def _print(
    found: LineageResult | FlowResult, requests: int, *, forward: bool, full: bool, names: Mapping[str, str] | None
) -> None:
    from dml.cli.lineage_view import print_tree, summary_line
    from dml.lineage.tree import lines_of

    console = current().console
    lines = lines_of(found.graph, found.root_key, forward=forward, full=full)
    print_tree(console, lines, forward=forward, names=names)
    console.print(summary_line(found.executions_visited, _state(found), requests))
    for warning in found.warnings:
        console.warn(warning)
    if found.graph.has_cycle:
        console.warn("the recorded data flow contains a cycle; some records are wrong")


def _state(found: LineageResult | FlowResult) -> str:
    if not found.walked_complete:
        return "incomplete" if found.warnings else "incomplete (--max-executions)"
    return "cut at --depth" if found.depth_capped else "complete"


@command(
    app,
    "diff",
    examples=[("dml lineage diff 2-PRED1 2-PRED2", "Why two prediction files differ: code, data, configuration.")],
)
def diff(left: Artifact, right: Artifact, max_executions: MaxExecutions = 500) -> None:
    """Compare the histories of two artifacts."""
    from dml.lineage.diff import compare_histories
    from dml.lineage.lookup import lookup_lineage

    console, catalog = current().console, open_catalog()
    first, second = (lookup_lineage(catalog, rid, max_executions=max_executions) for rid in (left, right))
    found = compare_histories(first, second)
    document = {**asdict(found), "identical": not found.differences}

    def render() -> None:
        for one in found.differences:
            console.print(Cell(f"{one.kind:<14}", "cyan"), one.what)
            console.print(Cell("  - ", "red"), f"{left}  ", _values(one.left))
            console.print(Cell("  + ", "green"), f"{right}  ", _values(one.right))
        state = "" if found.complete else " (histories incomplete)"
        shared = f"{len(found.shared):,} steps and inputs shared"
        said = f"{len(found.differences):,} differences" if found.differences else "no differences"
        console.print(f"{said}, {shared}{state}")

    console.emit("lineage.diff", document, render)


def _values(values: tuple[str, ...]) -> str:
    shown = ", ".join(safe(value, limit=100) for value in values[:8])
    return (shown or "nothing") + (f" and {len(values) - 8} more" if len(values) > 8 else "")


@command(
    app,
    "check",
    examples=[
        ("dml lineage check 2-PRED1", "Find gaps in the history and missing files."),
        ("dml lineage check 2-PRED1 --verify-content", "Also read every file and verify its checksum."),
    ],
)
def check(
    rid: Artifact,
    verify_content: Annotated[
        bool, Option("--verify-content", help="Read every file and verify its checksum.")
    ] = False,
    max_executions: MaxExecutions = 500,
) -> None:
    """Find gaps in a history and files that do not match their records; exits 3 when there are any."""
    from dml.lineage.check import Severity, check_history
    from dml.lineage.lookup import lookup_lineage

    console, catalog = current().console, open_catalog()
    result = lookup_lineage(catalog, rid, max_executions=max_executions)
    findings = check_history(catalog, result, verify_content=verify_content)
    faults = sum(1 for one in findings if one.severity is Severity.fault)

    def render() -> None:
        for one in findings:
            style = "red" if one.severity is Severity.fault else "yellow"
            console.print(Cell(f"{one.severity.value:<8}", style), one.text)
        remarks = len(findings) - faults
        found = f"{pluralize(faults, 'fault')}, {pluralize(remarks, 'note')}" if findings else "no findings"
        console.print(f"{found} · {pluralize(result.executions_visited, 'execution')}")

    document = {"rid": rid, "faults": faults, "findings": [asdict(one) for one in findings]}
    console.emit("lineage.check", document, render)
    if faults:
        raise Exit(3)
