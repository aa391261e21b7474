"""Catalogs as JSON payloads and on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dml.cli.app.output import Cell, Column, Console
from dml.formatting import pluralize

if TYPE_CHECKING:
    from dml.catalog.connection import Identity
    from dml.catalog.ml_schema import CatalogDescription, InitReport
    from dml.embedded.tls import TlsFiles
    from dml.target import Target

PLAIN = [Column("", whole=True), Column("")]


def init_payload(report: InitReport) -> dict[str, Any]:
    """The result of ``catalog init`` as JSON values."""
    return {
        "tables": list(report.tables),
        "terms": {vocabulary: list(names) for vocabulary, names in report.terms.items()},
        "sentinels": dict(report.sentinels),
    }


def print_init(console: Console, target: Target, report: InitReport, *, made: bool, chosen: bool) -> None:
    """Print what was created, or that there was nothing to do."""
    if made:
        console.print(f"{target} created{'; it is now the default catalog' if chosen else ''}.")
    terms = sum(len(names) for names in report.terms.values())
    if not (report.tables or terms or report.sentinels):
        console.print(f"{target} is already prepared; nothing to do.")
        return
    parts = [
        pluralize(len(report.tables), "table"),
        pluralize(terms, "term"),
        pluralize(len(report.sentinels), "stand-in row"),
    ]
    console.print(f"{target} prepared: created {', '.join(parts)}.")


def print_created(console: Console, target: Target, default: bool) -> None:
    """Print the name of the new catalog."""
    console.print(f"{target} created{'; it is now the default catalog' if default else ''}.")
    if not default:
        console.say(f"`dml catalog use {target}` makes it the default.")


def description_payload(target: Target, description: CatalogDescription, identity: Identity | None) -> dict[str, Any]:
    """A catalog as JSON values."""
    return {
        "target": str(target),
        "url": target.url,
        "snaptime": description.snaptime,
        "identity": asdict(identity) if identity else None,
        "ml_schema": description.capabilities.version or None,
        "capabilities": asdict(description.capabilities),
        "domain_schemas": description.domain_schemas,
        "executions": description.executions,
        "datasets": description.datasets,
        "workflows": description.workflows,
        "assets": dict(description.assets),
        "features": description.features,
        "vocabularies": description.vocabularies,
    }


def print_description(
    console: Console, target: Target, description: CatalogDescription, identity: Identity | None
) -> None:
    """Print the description of a catalog."""
    release = description.capabilities.version
    rows: list[tuple[object, object]] = [
        ("catalog", Cell(f"{target.host} / {target.catalog_id}", "bold")),
        ("snapshot", target.snapshot or f"{description.snaptime} (the latest)"),
        ("you", identity.display_name if identity else Cell("not signed in", "yellow")),
        (
            "deriva-ml",
            f"schema as of {release}" if release else Cell("no schema; dml catalog init creates it", "yellow"),
        ),
        ("schemas", ", ".join(description.domain_schemas) or "no domain schema"),
        ("holds", _holds(description)),
    ]
    rows += [("assets", f"{name}: {pluralize(number, 'file')}") for name, number in sorted(description.assets.items())]
    console.table(PLAIN, rows)


def _holds(description: CatalogDescription) -> str:
    vocabularies = pluralize(description.vocabularies, "vocabulary", "vocabularies")
    return ", ".join(
        [
            pluralize(description.executions, "execution"),
            pluralize(description.datasets, "dataset"),
            pluralize(description.workflows, "workflow"),
            pluralize(description.features, "feature"),
            vocabularies,
        ]
    )


def print_list(console: Console, targets: Sequence[Target], chosen: Target | None) -> None:
    """Print one line per catalog, with the default marked."""
    if not targets:
        console.print("no embedded catalogs")
        console.say("`dml catalog init` creates one; `dml demo` creates one with example data.")
        return
    rows = [(str(target), Cell("● default", "green") if target == chosen else "") for target in targets]
    console.table([Column("catalog", whole=True), Column("", whole=True)], rows)


def print_serving(console: Console, url: str, token: str, files: TlsFiles | None, *, read_only: bool) -> None:
    """Print the URL and token at once: programs wait for these lines."""
    payload = {
        "url": url,
        "token": token,
        "read_only": read_only,
        "authority": files.authority if files else None,
    }

    def render() -> None:
        console.print(url)
        console.print(f"token={token}")
        console.say("Send the token as the cookie `webauthn` or as a bearer token. Ctrl-C to stop.")
        if files is not None:
            console.say(files.how_to_trust)

    console.emit("catalog.serve", payload, render)
    sys.stdout.flush()
