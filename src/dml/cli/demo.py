"""``dml demo``: run the worked example, from images to predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dml.cli.app.framework import command, current, single

if TYPE_CHECKING:
    from dml.cli.app.output import Console
    from dml.demo.run import DemoResult

app = single("demo")


@command(
    app,
    "demo",
    examples=[
        ("dml demo", "Run the example, or finish an interrupted run, and show how to trace its predictions."),
        ("dml demo --json", "Print the RIDs that it created as JSON."),
    ],
)
def demo() -> None:
    """Run a worked example end to end on an embedded catalog.

    Loads handwritten digits, splits them, trains a classifier and evaluates it, each step an execution with provenance.
    The catalog becomes the default target. Running it again finishes what was interrupted and repeats nothing.
    """
    from dml.cli.app.progress import showing
    from dml.demo.run import run
    from dml.errors import UsageError

    invocation = current()
    console = invocation.console
    if {"host", "catalog"} & invocation.overrides.keys():
        raise UsageError("the example always uses its own embedded catalog", hint="Omit --host and --catalog.")
    with showing(str(invocation.settings.get("progress")), console) as progress:
        result = run(invocation.overrides, progress=progress)
    console.emit("demo", _document(result), lambda: _render(console, result))
    _warn_if_hidden(console, result)


def _document(result: DemoResult) -> dict[str, Any]:
    return {
        "target": str(result.target),
        "workspace": result.workspace,
        "images": result.images,
        "executions": dict(result.executions),
        "datasets": dict(result.datasets),
        "model": result.model,
        "predictions": result.predictions,
        "accuracy": round(result.accuracy, 4),
        "created": result.made,
        "requests": result.requests,
    }


def _render(console: Console, result: DemoResult) -> None:
    from dml.catalog.connection import connect
    from dml.cli.lineage_view import print_tree
    from dml.lineage.lookup import lookup_lineage
    from dml.lineage.tree import lines_of

    if not result.made:
        console.print("Nothing to do: the example already exists.")
    console.print(f"Catalog {result.target} · {result.images} images · {result.requests} requests")
    console.print()
    rows = [(name, rid, "execution") for name, rid in result.executions.items()]
    rows += [(f"Digits, {name}", rid, "dataset") for name, rid in result.datasets.items()]
    rows += [("Trained model", result.model, "asset"), ("Predictions", result.predictions, "asset")]
    for name, rid, kind in rows:
        console.print(f"  {name:<28}{rid:<16}{kind}")
    console.print()
    console.print(f"Accuracy on the held-out images: {result.accuracy:.3f}")
    console.print()
    console.print(f"dml lineage {result.predictions}", style="bold")
    lineage = lookup_lineage(connect(result.target), result.predictions)
    print_tree(console, lines_of(lineage.graph, lineage.root_key))


def _warn_if_hidden(console: Console, result: DemoResult) -> None:
    """Warn when the next command would use another catalog."""
    from dml.settings import resolve

    chosen = resolve()
    target = chosen.target if chosen.has_target else None
    if target != result.target:
        console.warn(
            f"commands use the catalog {target}, not the example",
            hint=f"dml catalog use {result.target}, or give --catalog {result.target}",
        )
