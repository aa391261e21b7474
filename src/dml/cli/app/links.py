"""The current and permanent links printed by ``show`` commands, made without a request."""

from __future__ import annotations

from dml.cli.app.output import Cell

__all__ = ["link_facts", "link_fields"]


def link_fields(link: str, snapshot: str | None) -> dict[str, str | None]:
    """The links as fields of a JSON document; the permanent one is null where no snapshot was asked for.

    Args:
        link: As the target is: with a snapshot, it lasts.
        snapshot: The target's.
    """
    return {"link": link, "permanent_link": link if snapshot else None}


def link_facts(link: str, snapshot: str | None, name: str) -> list[tuple[str, object]]:
    """The links as table rows; without a snapshot, the command that makes a permanent link.

    Args:
        link, snapshot: As in ``link_fields``.
        name: What ``dml cite`` takes.
    """
    if snapshot:
        return [("permanent", link)]
    return [("link", link), ("permanent", Cell(f"dml cite {name}", "bold"))]
