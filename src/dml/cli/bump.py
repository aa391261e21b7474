"""``dml bump``: create the next version tag."""

from __future__ import annotations

from typing import Annotated, Literal

from typer import Argument, Option

from dml.cli.app.framework import command, current, single

app = single("bump")

Part = Literal["major", "minor", "patch"]


@command(
    app,
    "bump",
    examples=[
        ("dml bump patch", "v0.3.1 → v0.3.2, local tag only."),
        ("dml bump minor --push", "v0.3.2 → v0.4.0, pushed to the remote."),
        ("dml bump major --dry-run", "Show what the tag would be."),
    ],
)
def bump(
    part: Annotated[Part, Argument(metavar="PART", help="major, minor or patch.")],
    push: Annotated[bool, Option("--push", help="Push the tag as well.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Show what the tag would be; create nothing.")] = False,
    allow_dirty: Annotated[bool, Option("--allow-dirty", help="Allow uncommitted changes.")] = False,
) -> None:
    """Tag the current commit of the project with the next version; push only with --push."""
    from pathlib import Path

    from dml.experiment.version_tags import bump as make_tag

    made = make_tag(Path.cwd(), part, push=push, dry_run=dry_run, allow_dirty=allow_dirty)
    console = current().console

    def render() -> None:
        before = f"{made.previous} → " if made.previous else ""
        if made.existed:
            console.print(f"nothing to do: {made.commit[:7]} is already tagged {made.tag}")
        elif dry_run:
            console.print(f"would tag {made.commit[:7]} as {before}{made.tag}")
        else:
            then = "pushed" if made.pushed else f"git push {made.remote or 'REMOTE'} {made.tag}"
            console.print(f"{before}{made.tag} at {made.commit[:7]}.   {then}")

    console.emit("bump", made, render)
