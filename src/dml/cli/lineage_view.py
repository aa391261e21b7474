"""Lineage on a terminal: a tree with a line for each artifact and execution.

Colours only repeat what words say. On a terminal the commit of a workflow is a link. Free text (names, descriptions)
is shortened to the width, RIDs never; on a terminal that is too narrow for a line its last details are left out.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from dml.cli.app.formatting import status_cell
from dml.cli.app.output import Cell, Console, is_coloured, terminal_width
from dml.cli.app.tables import width_of
from dml.formatting import format_duration, format_size, pluralize
from dml.lineage.graph import EdgeKind
from dml.lineage.nodes import Asset, Condition, DatasetState, Execution, Feature, Node, Workflow
from dml.lineage.tree import INDENTED, Mark, TreeLine
from dml.safe_text import safe

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["commit_of", "print_tree", "summary_line"]

_COMMIT = re.compile(r"(?:/|@|#)([0-9a-f]{7,40})(?=[/#?.]|$)")
_WEB = re.compile(r"https?://[\x21-\x7e]+")
_FREE_TEXT = 44
"""Characters of a name or description where the terminal leaves room."""


def print_tree(
    console: Console, lines: Iterable[TreeLine], *, forward: bool = False, names: Mapping[str, str] | None = None
) -> None:
    """Print the lines of a tree for people.

    Args:
        console: Where to.
        lines: What.
        forward: Whether the tree follows the data.
        names: With these, dates, users (by these names), checksums and descriptions are shown as well.
    """
    coloured = is_coloured(sys.stdout)
    width = terminal_width() if sys.stdout.isatty() and names is None else None
    for line in lines:
        rules = Cell(_rules(line), "bright_black")
        about, suffix = _pieces(line, forward=forward, names=names)
        pieces = [rules, *_fitting(about, width and width - width_of(_text([rules, *suffix]))), *suffix]
        link = _link(line.node) if coloured else ""
        if link:
            console.rich.print(_linked(pieces, link), soft_wrap=True)
        else:
            console.print(*pieces)


def _rules(line: TreeLine) -> str:
    if line.level == 0:
        return ""
    level = f"{line.level:,}: " if line.level > INDENTED + 1 else ""
    return "".join("│  " if more else "   " for more in line.ancestors) + ("└─ " if line.is_last else "├─ ") + level


def _text(pieces: Iterable[Cell]) -> str:
    return "".join(safe(piece.text) for piece in pieces)


def _fitting(pieces: list[Cell], room: int | None) -> list[Cell]:
    """As many pieces as fit, dropping the last ones first; label and RID are always kept."""
    kept = list(pieces)
    while room is not None and len(kept) > 2 and width_of(_text(kept)) > room:
        kept.pop()
        while kept[-1].text == " · ":
            kept.pop()
    return kept


def _pieces(line: TreeLine, *, forward: bool, names: Mapping[str, str] | None) -> tuple[list[Cell], list[Cell]]:
    """The pieces that describe a node, most important first; and the suffix that is always shown."""
    if line.node is None:
        return [], [Cell(f"… {pluralize(line.folded, 'more')}".replace("mores", "more") + " (--full)", "bright_black")]
    label = _label(line, forward)
    used = len(_rules(line)) + len(label) + width_of(safe(line.node.key)) + width_of(line.mark.value)
    room = max(16, min(_FREE_TEXT, terminal_width() - used - 24))
    pieces = [Cell(label, "bright_black")]
    brief = line.mark is Mark.shown_above
    pieces += _about(line.node, room, brief=brief, names=names)
    suffix = []
    if line.edge is not None and line.edge.note:
        suffix.append(Cell(f" · {line.edge.note}", "bright_black"))
    if line.mark is not Mark.none:
        joint = " " if brief else " ── "
        suffix.append(Cell(f"{joint}{line.mark.value}", "bright_black" if brief else "yellow"))
    return pieces, suffix


def _label(line: TreeLine, forward: bool) -> str:
    if line.edge is None:
        return ""
    if line.edge.kind is EdgeKind.member:
        return "in  " if forward else "by members  " if isinstance(line.node, Execution) else "member  "
    if forward:
        return "" if isinstance(line.node, Execution) else "output  "
    return "input  " if isinstance(line.node, Asset | DatasetState) and line.edge.kind is EdgeKind.input else ""


def _about(node: Node, room: int, *, brief: bool, names: Mapping[str, str] | None) -> list[Cell]:
    if isinstance(node, Execution):
        return _execution(node, room, brief=brief, names=names)
    if isinstance(node, DatasetState):
        return _dataset(node, room, brief=brief, names=names)
    if isinstance(node, Asset):
        return _asset(node, room, brief=brief, names=names)
    return _feature(node)


def _execution(node: Execution, room: int, *, brief: bool, names: Mapping[str, str] | None) -> list[Cell]:
    workflow = node.workflow
    title = (workflow.name if workflow else "") or node.description
    pieces = [Cell(node.rid, "bold"), Cell(f" {safe(title, limit=room)}" if title else "")]
    if brief or node.condition in (Condition.not_followed, Condition.missing, Condition.unknown_provenance):
        return pieces
    if workflow and workflow.types:
        pieces.append(Cell(f" · {safe(', '.join(workflow.types), limit=room)}"))
    status = status_cell(node.status)
    pieces += [Cell(" · "), Cell(safe(status.text, limit=40), status.style)]
    if node.duration is not None:
        pieces.append(Cell(f" · {format_duration(node.duration)}"))
    if workflow and commit_of(workflow):
        pieces += [Cell(" · "), Cell(f"@{commit_of(workflow)}", "cyan")]
    if node.is_dirty:
        pieces.append(Cell(" · uncommitted changes", "yellow"))
    if names is not None:
        pieces += _more(
            node.created,
            names.get(node.user, node.user),
            node.description if workflow and workflow.name else "",
            workflow,
        )
    return pieces


def _dataset(node: DatasetState, room: int, *, brief: bool, names: Mapping[str, str] | None) -> list[Cell]:
    pieces = [Cell(node.rid, "bold"), Cell(f" {safe(node.version, limit=40)}" if node.version else "")]
    if brief:
        return pieces
    if node.description:
        pieces.append(Cell(f' "{safe(node.description, limit=room)}"'))
    return [*pieces, *(_more(node.created, "", "", None) if names is not None else [])]


def _asset(node: Asset, room: int, *, brief: bool, names: Mapping[str, str] | None) -> list[Cell]:
    pieces = [Cell(node.rid, "bold"), Cell(f" {safe(node.filename, limit=room)}" if node.filename else "")]
    if brief or node.condition is not Condition.present:
        return pieces
    pieces.append(Cell(f" · {node.table.partition(':')[2]}"))
    if node.length is not None:
        pieces.append(Cell(f" · {format_size(node.length)}"))
    if names is not None:
        pieces.append(Cell(f" · md5 {safe(node.md5, limit=32)}" if node.md5 else ""))
        pieces += _more(node.created, "", node.description, None)
    return pieces


def _feature(node: Feature) -> list[Cell]:
    name = safe(node.name or node.table, limit=_FREE_TEXT)
    if node.rid:
        return [Cell(node.rid, "bold"), Cell(f" {name} · value of {node.table.partition(':')[2]}")]
    return [Cell(name, "bold"), Cell(f" · {pluralize(node.count, 'value')} in {node.table.partition(':')[2]}")]


def _more(created: str, user: str, description: str, workflow: Workflow | None) -> list[Cell]:
    parts = [_moment(created), f"by {user}" if user else "", f'"{safe(description, limit=200)}"' if description else ""]
    if workflow is not None and workflow.url:
        parts.append(workflow.url)
    return [Cell(f" · {safe(part, limit=300)}", "bright_black") for part in parts if part]


def _moment(created: str) -> str:
    try:
        return f"{datetime.fromisoformat(created):%Y-%m-%d %H:%M}"
    except ValueError:
        return created


def commit_of(workflow: Workflow) -> str:
    """The first seven characters of the commit in a workflow's URL; empty when it names none."""
    match = _COMMIT.search(workflow.url)
    return match.group(1)[:7] if match else ""


def _link(node: Node | None) -> str:
    workflow = node.workflow if isinstance(node, Execution) else None
    return workflow.url if workflow is not None and _WEB.fullmatch(workflow.url) else ""


def _linked(pieces: Iterable[Cell], link: str) -> Text:
    from rich.style import Style
    from rich.text import Text

    text = Text()
    for piece in pieces:
        shown = safe(piece.text)
        style = Style.parse(piece.style)
        text.append(shown, style + Style(link=link) if shown.startswith("@") else style)
    return text


def summary_line(executions: int, state: str, requests: int) -> str:
    """The line below a tree."""
    return f"{pluralize(executions, 'execution')}, {state} · {pluralize(requests, 'request')}"
