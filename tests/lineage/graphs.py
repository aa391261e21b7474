"""Provenance graphs made in memory, hostile text included."""

from __future__ import annotations

from dml.lineage.exports.document import GraphDocument
from dml.lineage.graph import Edge, EdgeKind, Graph
from dml.lineage.nodes import Asset, Condition, DatasetState, Execution, Feature, Workflow
from dml.target import Target

HOSTILE = (
    "</script><script>alert(1)</script>",
    "[/bold] [red]markup[/red] {{x}} %(width)d",
    "\x1b[31mred\x1b[0m \x07 \u202egnp.exe \x00",
    '"quoted" \\ back`tick` \n next line <br/> --> ]]> ; }',
    "é漢字🙂" * 5,
    "x" * 1_000_000,
)
TARGET = Target("data.example.org", "7")
COMMIT = "9c0ffee1234567890abcdef1234567890abcdef1"


def small(text: str = "Train") -> GraphDocument:
    """A file, the run that made it, what that read; every free text is ``text``."""
    code = Workflow("3-W", text, (text,), f"https://code.example.org/blob/{COMMIT}/train.py", "abc", text)
    run = Execution("2-E", Condition.present, text, "Uploaded", text, code, 90.0, "2026-01-02T03:04:05+00:00", "me")
    failed = Execution("2-F", Condition.present, text, "Failed", text, None, None, "", "")
    nodes = [
        run,
        failed,
        Asset("1-A", "eye:Model", Condition.present, text, 5, "d" * 32, "/hatrac/Model/d.bin", text),
        DatasetState("1-D", "1.2.0", Condition.deleted, text, "2-ABC", "2026-01-01T00:00:00+00:00"),
        Asset("1-S", "deriva-ml:File", Condition.unknown_provenance, text, 0, "", "tag:x"),
        Feature("eye:Q#2-E", "", "eye:Q", text, 48),
        Execution("2-G", Condition.not_followed),
    ]
    edges = [
        Edge("2-E", "1-A", EdgeKind.output),
        Edge("1-D@1.2.0", "2-E", EdgeKind.input, "version not recorded"),
        Edge("1-S", "2-E", EdgeKind.input),
        Edge("2-F", "1-D@1.2.0", EdgeKind.member, text[:200]),
        Edge("2-E", "eye:Q#2-E", EdgeKind.output),
        Edge("2-G", "1-D@1.2.0", EdgeKind.output),
    ]
    return GraphDocument(TARGET, Graph.of(nodes, edges), "1-A", {"2-E": "2-F"})


def deep(executions: int) -> GraphDocument:
    """A chain: each run read what the one before made."""
    runs = [Execution(f"1-{number:X}", status="Uploaded") for number in range(executions)]
    files = [Asset(f"2-{number:X}", "eye:Image") for number in range(executions - 1)]
    edges = [Edge(run.rid, file.rid, EdgeKind.output) for run, file in zip(runs, files, strict=False)]
    edges += [Edge(file.rid, run.rid, EdgeKind.input) for run, file in zip(runs[1:], files, strict=True)]
    return GraphDocument(TARGET, Graph.of([*runs, *files], edges), runs[-1].rid)


def wide(executions: int) -> GraphDocument:
    """One run that read what many others made, those in chains of ten."""
    nodes: list[Execution | Asset] = [Execution("9-ROOT", status="Uploaded")]
    edges = []
    for number in range(executions):
        chain, place = divmod(number, 10)
        run, made = f"1-{number:X}", f"2-{number:X}"
        nodes += [Execution(run, status="Uploaded"), Asset(made, "eye:Image", filename=f"{chain}.{place}.png")]
        edges.append(Edge(run, made, EdgeKind.output))
        last = place == 9 or number == executions - 1
        edges.append(Edge(made, "9-ROOT" if last else f"1-{number + 1:X}", EdgeKind.input))
    return GraphDocument(TARGET, Graph.of(nodes, edges), "9-ROOT")
