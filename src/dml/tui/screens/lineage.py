"""Lineage and nesting: a tree that opens step by step, from any RID, typed or selected elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static, Tree
from textual.widgets.tree import TreeNode

from dml.errors import DmlError
from dml.safe_text import safe
from dml.tui.action_targets import ActionTarget
from dml.tui.actions import LINEAGE
from dml.tui.lineage_branches import Branch
from dml.tui.screens.dashboard_screen import DashboardScreen

WAYS = {
    "backward": ("Lineage of {rid}", "dml lineage {rid}"),
    "forward": ("Descendants of {rid}", "dml lineage {rid} --forward"),
    "nested": ("Executions nested in {rid}", "dml nested {rid}"),
}
_STYLES = {"execution": "bold", "remark": "dim"}


class LineageScreen(DashboardScreen):
    """The screen."""

    name_in_table = LINEAGE
    title_shown = "Lineage"

    def __init__(self) -> None:
        super().__init__()
        self.rid = ""
        self.way = "backward"
        self._asked = 0

    def compose_body(self) -> ComposeResult:
        """What is shown, and the tree."""
        yield Static("Type : and a RID, or press l or n on an execution.", id="lineage-title", markup=False)
        tree: Tree[Branch] = Tree("", id="lineage")
        tree.show_root = False
        tree.auto_expand = False
        yield tree

    @property
    def branches(self) -> Tree[Branch]:
        """The tree."""
        return self.query_one("#lineage", Tree)

    def on_mount(self) -> None:
        """The keys work in the tree."""
        self.branches.focus()

    def explore(self, rid: str, way: str) -> None:
        """Ask for a history and show it when it comes; an older question is forgotten.

        Args:
            rid: The artifact or execution; a dataset's may name a version.
            way: ``backward``, ``forward`` or ``nested``.
        """
        self.rid, self.way = rid, way
        self._asked += 1
        number = self._asked
        self.branches.clear()
        self._say(f"{self._title()} …")
        read = getattr(self.dashboard.histories, way)
        self._in_thread(lambda: read(rid), lambda branch: self._show(branch, number), number)
        self.show_command()

    def read_again(self) -> None:
        """Ask the catalog again for the history that is shown."""
        if self.rid:
            self.explore(self.rid, self.way)

    def subjects(self) -> Sequence[ActionTarget]:
        """The row under the cursor, or the one the tree began with."""
        node = self.branches.cursor_node
        rid = node.data.rid if node is not None and node.data is not None else ""
        rid = rid or self.rid.partition("@")[0]
        return [self.dashboard.subject(rid)] if rid else []

    def show_command(self) -> None:
        """The command that shows the same."""
        self.say_command(WAYS[self.way][1].format(rid=self.rid) if self.rid else "")

    def focus_body(self) -> None:
        """The tree takes the keys."""
        self.branches.focus()

    def extra_keys(self) -> Sequence[tuple[str, str]]:
        """Keys of this screen that are no actions."""
        return [("enter", "Open or close a branch."), (": RID", "Start from another row.")]

    def on_tree_node_expanded(self, event: Tree.NodeExpanded[Branch]) -> None:
        """Fill a branch when it is opened for the first time."""
        node, branch = event.node, event.node.data
        if branch is None or branch.opens is None or node.children:
            return
        self._in_thread(branch.opens, lambda below: self._fill(node, below), self._asked)

    def on_tree_node_selected(self, event: Tree.NodeSelected[Branch]) -> None:
        """Enter opens and closes."""
        event.node.toggle()

    def on_tree_node_highlighted(self, event: Tree.NodeHighlighted[Branch]) -> None:
        """Other actions may apply to another row."""
        event.stop()
        self.settle()

    def _show(self, branch: Branch, number: int) -> None:
        if number != self._asked:
            return
        self._say(self._title())
        node = self._add(self.branches.root, branch)
        self.branches.root.expand()
        self.branches.move_cursor(node)
        if branch.opens is not None:
            node.expand()
        self.offer_actions()

    def _fill(self, node: TreeNode[Branch], below: Sequence[Branch]) -> None:
        if not node.children:
            added = [self._add(node, branch) for branch in below]
            # Where there is only one way on, it is gone.
            if (
                len(added) == 1
                and added[0].data is not None
                and added[0].data.opens is not None
                and self.way != "nested"
            ):
                added[0].expand()

    def _add(self, above: TreeNode[Branch], branch: Branch) -> TreeNode[Branch]:
        label = Text(branch.text, style=_STYLES.get(branch.kind, ""))
        return above.add(label, branch, allow_expand=branch.opens is not None)

    def _title(self) -> str:
        return WAYS[self.way][0].format(rid=safe(self.rid, limit=60))

    def _say(self, text: str, *, bad: bool = False) -> None:
        self.query_one("#lineage-title", Static).update(Text(text, style="red" if bad else "bold"))

    def _in_thread(self, read: Callable[[], Any], show: Callable[[Any], object], number: int) -> None:
        """Read in a thread, show on the screen; an error is said where the tree would be."""

        def work() -> None:
            try:
                found = read()
            except DmlError as error:
                text = f"{error.message}  {error.hint or ''}".strip()
                if number == self._asked:
                    self.app.call_from_thread(self._say, safe(text, limit=400), bad=True)
            except Exception as error:
                self.app.call_from_thread(self.dashboard.crashed, error, self.title_shown)
            else:
                self.app.call_from_thread(self.dashboard.guarded, lambda: show(found), self.title_shown)

        self.run_worker(work, thread=True, exit_on_error=False)
