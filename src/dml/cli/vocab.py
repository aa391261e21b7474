"""``dml vocab``: the terms of controlled vocabularies."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from dml.cli.app.framework import command, current, group
from dml.cli.app.open_catalog import open_catalog
from dml.cli.app.output import Cell, Column, Console
from dml.cli.app.paging import DEFAULT_LIMIT, Limit, first, say_cut
from dml.formatting import UNKNOWN

if TYPE_CHECKING:
    from dml.catalog.vocabulary import Term

app = group("vocab", "List and add the terms of controlled vocabularies.")

Table = Annotated[str, Argument(metavar="VOCABULARY", help="Such as Workflow_Type or deriva-ml:Workflow_Type.")]
Name = Annotated[str, Argument(metavar="TERM", help="The term's name or a synonym.")]


@command(
    app,
    "list",
    examples=[
        ("dml vocab list", "The vocabularies of the catalog."),
        ("dml vocab list Workflow_Type", "The terms of one vocabulary."),
    ],
)
def list_(
    table: Annotated[str | None, Argument(metavar="VOCABULARY", help="List the terms of this vocabulary.")] = None,
    limit: Limit = DEFAULT_LIMIT,
) -> None:
    """List the vocabularies of the catalog, or the terms of one."""
    from dml.catalog.vocabulary import first_terms

    console = current().console
    catalog = open_catalog()
    if table is None:
        vocabularies = catalog.schema().vocabularies()
        rows = [
            {"table": vocabulary.qualified_name, "comment": vocabulary.comment or ""} for vocabulary in vocabularies
        ]
        rows, cut = first(rows, limit)
        columns = [Column("vocabulary", whole=True), Column("description")]
        lines = [(row["table"], row["comment"]) for row in rows]

        def render() -> None:
            console.table(columns, lines)
            say_cut(console, len(rows), cut)

        console.emit("vocab.list", {"vocabularies": rows, "more": cut}, render)
        return
    known, more = first_terms(catalog, table, limit or None)
    payload = {
        "vocabulary": catalog.schema().table(table).qualified_name,
        "terms": [asdict(term) for term in known],
        "more": more,
    }
    console.emit("vocab.list", payload, lambda: _print_terms(console, known, more))


@command(
    app,
    "show",
    examples=[("dml vocab show Workflow_Type Training", "Its description, synonyms and URI.")],
)
def show(table: Table, name: Name) -> None:
    """Show a term, given its name or a synonym."""
    from dml.catalog.vocabulary import find_term

    console = current().console
    term = find_term(open_catalog(), table, name)
    rows = [
        ("name", Cell(term.name, "bold")),
        ("description", term.description or UNKNOWN),
        ("synonyms", ", ".join(term.synonyms) or UNKNOWN),
        ("id", term.id),
        ("URI", term.uri),
        ("RID", term.rid),
    ]
    columns = [Column("", whole=True), Column("")]
    console.emit("vocab.show", {"term": asdict(term)}, lambda: console.table(columns, rows))


@command(
    app,
    "add",
    examples=[
        ('dml vocab add Workflow_Type Pruning -d "Makes a model smaller"', "Add a term, unless it exists."),
        ('dml vocab add Asset_Type Mask -d "A segmentation" --synonym Label_Map', "Add a term with a synonym."),
    ],
)
def add(
    table: Table,
    name: Annotated[str, Argument(metavar="TERM", help="The new term's name.")],
    description: Annotated[str, Option("--description", "-d", metavar="TEXT", help="What the term means.")],
    synonym: Annotated[
        list[str] | None, Option("--synonym", metavar="NAME", help="A synonym; may be repeated.")
    ] = None,
) -> None:
    """Add a term to a vocabulary. An existing term is left unchanged."""
    from dml.catalog.vocabulary import add_terms, find_term

    console = current().console
    catalog = open_catalog()
    added = add_terms(catalog, table, {name: description}, {name: synonym or []})
    term = added[0] if added else find_term(catalog, table, name)
    text = f"{name} added to {table} as {term.rid}." if added else f"{name} is already in {table}; nothing to do."
    console.emit("vocab.add", {"term": asdict(term), "added": bool(added)}, lambda: console.print(text))


@command(
    app,
    "synonym",
    examples=[("dml vocab synonym Workflow_Type Training Fitting", "Make `Fitting` a synonym of `Training`.")],
)
def synonym(
    table: Table, name: Name, other: Annotated[str, Argument(metavar="SYNONYM", help="The synonym to add.")]
) -> None:
    """Add a synonym to a term."""
    from dml.catalog.vocabulary import add_synonym, find_term

    console = current().console
    catalog = open_catalog()
    before = find_term(catalog, table, name)
    term = add_synonym(catalog, table, name, other)
    known = other in before.synonyms or other == before.name
    text = (
        f"{other} is already a synonym of {term.name}; nothing to do."
        if known
        else f"{other} is now a synonym of {term.name}."
    )
    console.emit("vocab.synonym", {"term": asdict(term), "added": not known}, lambda: console.print(text))


def _print_terms(console: Console, known: list[Term], more: bool) -> None:
    rows = [(term.name, term.description, ", ".join(term.synonyms)) for term in known]
    console.table([Column("term", whole=True), Column("description"), Column("synonyms")], rows)
    say_cut(console, len(known), more, "term")
