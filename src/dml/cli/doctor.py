"""``dml doctor``: check this machine, the workspace and the server, and suggest fixes."""

from __future__ import annotations

from typing import Annotated, Final

from typer import Exit, Option

from dml.cli.app.framework import command, current, single
from dml.cli.app.output import Cell, Column, Console
from dml.formatting import pluralize

app = single("doctor")

STYLES: Final = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "bright_black"}


@command(
    app,
    "doctor",
    examples=[
        ("dml doctor --offline", "Run only local checks; send no request."),
        ("dml doctor --json", "The findings as JSON; exits 1 when a check failed."),
    ],
)
def doctor(
    offline: Annotated[bool, Option("--offline", help="Do not contact a server.")] = False,
) -> None:
    """Check versions, settings, directories, registry, credentials, server, clock, disk and git.

    Never shows a secret, only whether credentials exist. Creates nothing. Exits 1 when a check failed, else 0.
    """
    from dml.cli.doctor_checks import Finding, examine

    invocation = current()
    console = invocation.console
    findings = examine(invocation, offline=offline)
    failed = sum(finding.state == "failed" for finding in findings)

    def rows(findings: list[Finding]) -> list[tuple[object, ...]]:
        cells: list[tuple[object, ...]] = []
        for finding in findings:
            cells.append((finding.subject, Cell(finding.state, STYLES[finding.state]), finding.message))
            if finding.fix:
                cells.append(("", "", Cell(f"fix: {finding.fix}", "cyan")))
        return cells

    def render() -> None:
        columns = [Column("", whole=True), Column("", whole=True), Column("")]
        console.table(columns, rows(findings))
        _sum_up(console, failed, sum(finding.state == "warning" for finding in findings))

    console.emit("doctor", {"findings": findings, "failed": failed}, render)
    if failed:
        raise Exit(1)


def _sum_up(console: Console, failed: int, warnings: int) -> None:
    console.print()
    if not failed and not warnings:
        console.print("All checks passed.")
    else:
        console.print(f"{failed} failed, {pluralize(warnings, 'warning')}.")
