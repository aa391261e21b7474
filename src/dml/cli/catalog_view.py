"""How catalogs are shown: payloads for programs, lines and tables for people."""

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
    """What ``catalog init`` made, as JSON values."""
    return {
        "tables": list(report.tables),
        "terms": {vocabulary: list(names) for vocabulary, names in report.terms.items()},
        "sentinels": dict(report.sentinels),
    }


def print_init(console: Console, target: Target, report: InitReport, *, made: bool, chosen: bool) -> None:
    """Say what was made, or that there was nothing to do."""
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
    """Say the new catalog's name."""
    console.print(f"{target} created{'; it is now the default catalog' if default else ''}.")
    if not default:
        console.say(f"`dml catalog use {target}` makes it the default.")


def description_payload(target: Target, found: CatalogDescription, identity: Identity | None) -> dict[str, Any]:
    """A catalog as JSON values."""
    return {
        "target": str(target),
        "url": target.url,
        "snaptime": found.snaptime,
        "identity": asdict(identity) if identity else None,
        "ml_schema": found.capabilities.version or None,
        "capabilities": asdict(found.capabilities),
        "domain_schemas": found.domain_schemas,
        "executions": found.executions,
        "datasets": found.datasets,
        "workflows": found.workflows,
        "assets": dict(found.assets),
        "features": found.features,
        "vocabularies": found.vocabularies,
    }


def print_description(console: Console, target: Target, found: CatalogDescription, identity: Identity | None) -> None:
    """One screen about a catalog."""
    release = found.capabilities.version
    rows: list[tuple[object, object]] = [
        ("catalog", Cell(f"{target.host} / {target.catalog_id}", "bold")),
        ("snapshot", target.snapshot or f"{found.snaptime} (the latest)"),
        ("you", identity.display_name if identity else Cell("not signed in", "yellow")),
        (
            "deriva-ml",
            f"schema as of {release}" if release else Cell("no schema; dml catalog init creates it", "yellow"),
        ),
        ("schemas", ", ".join(found.domain_schemas) or "no domain schema"),
        ("holds", _holds(found)),
    ]
    rows += [("assets", f"{name}: {pluralize(number, 'file')}") for name, number in sorted(found.assets.items())]
    console.table(PLAIN, rows)


def _holds(found: CatalogDescription) -> str:
    vocabularies = pluralize(found.vocabularies, "vocabulary", "vocabularies")
    return ", ".join(
        [
            pluralize(found.executions, "execution"),
            pluralize(found.datasets, "dataset"),
            pluralize(found.workflows, "workflow"),
            pluralize(found.features, "feature"),
            vocabularies,
        ]
    )


def print_list(console: Console, found: Sequence[Target], chosen: Target | None) -> None:
    """One line a catalog, the default marked."""
    if not found:
        console.print("no embedded catalogs")
        console.say("`dml catalog init` creates one; `dml demo` creates one with example data.")
        return
    rows = [(str(one), Cell("● default", "green") if one == chosen else "") for one in found]
    console.table([Column("catalog", whole=True), Column("", whole=True)], rows)


def print_serving(console: Console, url: str, token: str, files: TlsFiles | None, *, read_only: bool) -> None:
    """Say where the catalogs are served, at once: readers wait for these lines."""
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
