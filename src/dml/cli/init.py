"""``dml init``: create a small working project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument

from dml.cli.app.framework import command, current, single

app = single("init")


@command(
    app,
    "init",
    examples=[
        ("dml init retina", "Create a project on a new embedded catalog."),
        ("dml init retina --catalog data.example.org/7", "Create a project on an existing catalog."),
    ],
)
def init(directory: Annotated[Path, Argument(metavar="DIR", help="The project directory; created if needed.")]) -> None:
    """Write a small working project: configurations, a model, a test.

    It uses a new embedded catalog unless --catalog names another. Existing files are never overwritten.
    """
    from dml.experiment.scaffold import create_project

    invocation = current()
    given = {"host", "catalog"} & invocation.overrides.keys()
    started = create_project(directory, invocation.target if given else None)
    console = invocation.console

    def render() -> None:
        console.print(f"{started.root}: {len(started.files)} files, on catalog {started.target}")
        console.print()
        console.print(f"  cd {directory}")
        console.print("  dml preflight +experiment=quick --allow-dirty")
        console.print("  dml run +experiment=quick --allow-dirty")

    console.emit("init", started, render)
