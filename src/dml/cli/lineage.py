"""``dml lineage``: show, compare, check and export the lineage of an artifact."""

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
    from dml.lineage.forward import GraphResult
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

    _check_options(forward, between, depth, format_, output)
    catalog = open_catalog()
    result: LineageResult | GraphResult
    if between is not None:
        result = lineage_between(catalog, between, rid, max_executions=max(max_executions, 5_000))
    elif forward:
        result = lookup_descendants(catalog, rid, depth=depth, max_executions=max_executions)
    else:
        result = lookup_lineage(catalog, rid, depth=depth, max_executions=max_executions)
    if format_ is not None:
        _export(catalog, result.graph, result.root_key, format_, output)
    elif current().json:
        _emit(result, catalog.traffic.requests, forward=forward)
    else:
        names = _names(catalog, result.graph) if current().verbosity > 0 else None
        _print(result, catalog.traffic.requests, forward=forward, full=full, names=names)


def _check_options(
    forward: bool, between: str | None, depth: int | None, format_: str | None, output: Path | None
) -> None:
    if between is not None and (forward or depth is not None):
        raise UsageError("--between cannot be combined with --forward or --depth")
    if format_ is not None and current().json:
        raise UsageError("--format and --json are mutually exclusive", hint="Use --format json for the graph alone.")
    if output is not None and format_ is None:
        raise UsageError("--output requires --format", hint="Run `dml lineage RID --format html --output FILE`.")


def _export(catalog: Catalog, graph: Graph, root_key: str, format_: str, output: Path | None) -> None:
    from dml.lineage.exports import export

    text = export(catalog, graph, root_key, format_)
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DmlError(f"cannot write {output}: {error.strerror}") from error
    current().console.say(f"wrote {output}: {pluralize(len(graph.nodes), 'node')}")


def _emit(result: LineageResult | GraphResult, requests: int, *, forward: bool) -> None:
    from dml.lineage.forward import GraphResult
    from dml.lineage.result import graph_mapping, result_mapping

    console = current().console
    if not isinstance(result, GraphResult):
        console.emit("lineage", {**result_mapping(result), "requests": requests})
        return
    document = {
        "root_key": result.root_key,
        "executions_visited": result.executions_visited,
        "walked_complete": result.walked_complete,
        "depth_capped": result.depth_capped,
        "warnings": list(result.warnings),
        "graph": graph_mapping(result.graph),
        "requests": requests,
    }
    console.emit("lineage.forward" if forward else "lineage.between", document)


def _names(catalog: Catalog, graph: Graph) -> Mapping[str, str]:
    from dml.lineage.users import names_of

    return names_of(catalog, (execution.user for execution in graph.executions))


def _print(
    result: LineageResult | GraphResult, requests: int, *, forward: bool, full: bool, names: Mapping[str, str] | None
) -> None:
    from dml.cli.lineage_view import print_tree, summary_line
    from dml.lineage.tree import lines_of

    console = current().console
    lines = lines_of(result.graph, result.root_key, forward=forward, full=full)
    print_tree(console, lines, forward=forward, names=names)
    console.print(summary_line(result.executions_visited, _state(result), requests))
    for warning in result.warnings:
        console.warn(warning)
    if result.graph.has_cycle:
        console.warn("the recorded data flow contains a cycle; some records are wrong")


def _state(result: LineageResult | GraphResult) -> str:
    if not result.walked_complete:
        return "incomplete" if result.warnings else "incomplete (--max-executions)"
    return "cut at --depth" if result.depth_capped else "complete"


@command(
    app,
    "diff",
    examples=[("dml lineage diff 2-PRED1 2-PRED2", "Why two prediction files differ: code, data, configuration.")],
)
def diff(left: Artifact, right: Artifact, max_executions: MaxExecutions = 500) -> None:
    """Compare the histories of two artifacts."""
    from dml.lineage.diff import diff_lineage

    console = current().console
    lineages = diff_lineage(open_catalog(), left, right, max_executions=max_executions)

    def render() -> None:
        for difference in lineages.differences:
            console.print(Cell(f"{difference.kind:<14}", "cyan"), difference.name)
            console.print(Cell("  - ", "red"), f"{left}  ", _values(difference.left))
            console.print(Cell("  + ", "green"), f"{right}  ", _values(difference.right))
        differences = pluralize(len(lineages.differences), "difference") if lineages.differences else "no differences"
        state = "" if lineages.complete else " (incomplete: raise --max-executions)"
        console.print(f"{differences}, {len(lineages.shared):,} executions and inputs shared{state}")

    console.emit("lineage.diff", {**asdict(lineages), "identical": not lineages.differences}, render)


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
    """Find gaps in a history and files that do not match their records; exits 3 if there are any such files."""
    from dml.lineage.check import Severity, check_lineage

    console = current().console
    result, findings = check_lineage(open_catalog(), rid, verify_content=verify_content, max_executions=max_executions)
    errors = sum(finding.severity is Severity.error for finding in findings)

    def render() -> None:
        for finding in findings:
            style = "red" if finding.severity is Severity.error else "yellow"
            console.print(Cell(f"{finding.severity.value:<8}", style), finding.text)
        warnings = pluralize(len(findings) - errors, "warning")
        summary = f"{pluralize(errors, 'error')}, {warnings}" if findings else "no findings"
        console.print(f"{summary} · {pluralize(result.executions_visited, 'execution')}")

    document = {"rid": rid, "errors": errors, "findings": [asdict(finding) for finding in findings]}
    console.emit("lineage.check", document, render)
    if errors:
        raise Exit(3)
