"""``dml version``: the versions of dml, Python and its dependencies, without importing them."""

from __future__ import annotations

import platform

from dml._version import __version__
from dml.cli.app.framework import command, current, single
from dml.cli.app.output import Column

app = single("version")

STANDS_ON = ("deriva", "bdbag", "typer", "rich", "textual", "pydantic", "werkzeug", "cheroot", "GitPython")


def installed(names: tuple[str, ...] = STANDS_ON) -> dict[str, str | None]:
    """Versions of installed distributions; None for one that is missing."""
    from importlib.metadata import PackageNotFoundError, version

    versions: dict[str, str | None] = {}
    for name in names:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return versions


@command(
    app,
    "version",
    examples=[
        ("dml version", "Versions to include in a bug report."),
        ("dml version --json", "The same, as JSON."),
    ],
)
def show_version() -> None:
    """Show the versions of dml and its dependencies."""
    versions = installed()
    payload = {"dml": __version__, "python": platform.python_version(), "platform": platform.platform()}

    def render() -> None:
        console.print(f"dml {__version__}")
        rows = [("Python", payload["python"]), *((name, value or "missing") for name, value in versions.items())]
        console.table([Column("", whole=True), Column("", whole=True)], rows)

    console = current().console
    console.emit("version", {**payload, "packages": versions}, render)
