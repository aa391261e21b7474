"""What the commands of ``dml dataset`` share: the group, and their arguments."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from dml.cli.app.framework import group

__all__ = ["Description", "Execution", "Rid", "Token", "Versioned", "app", "optional_rid"]

app = group("dataset", "Datasets: find, create, change, split and release them.")

Rid = Annotated[str, Argument(metavar="RID", help="The dataset.")]
Versioned = Annotated[str, Argument(metavar="RID[@VERSION]", help="The dataset; the current version by default.")]
Description = Annotated[
    str, Option("--description", "-d", metavar="TEXT", help="Description of the dataset or the change.")
]
Execution = Annotated[
    str | None, Option("--execution", metavar="RID", help="The execution to record as the producer of the version.")
]
Token = Annotated[
    str | None, Option("--token", metavar="TEXT", help="Idempotency token: reuse it to complete an interrupted call.")
]


def optional_rid(text: str | None) -> str | None:
    """Validate an optional RID.

    Raises:
        UsageError: It is malformed.
    """
    from dml.catalog.rows import validate_rid

    return None if text is None else validate_rid(text)
