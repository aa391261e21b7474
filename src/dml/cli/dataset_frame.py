"""What the commands of ``dml dataset`` share: the group, and how a version is named."""

from __future__ import annotations

from typing import Annotated

from typer import Argument

from dml.cli.frame import group

__all__ = ["Versioned", "app"]

app = group("dataset", "Datasets: find, make, change, split and release them.")

Versioned = Annotated[str, Argument(metavar="RID[@VERSION]", help="The dataset; without a version, its current one.")]
