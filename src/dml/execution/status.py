"""The status machine of an execution: which statuses there are, what may follow each, who is right when two disagree.

Pure data and functions; reads and writes nothing. Registry and catalog each hold a status; ``reconcile`` names what
to do for every pair, also where one side is missing or holds a text that no release of today writes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dml.errors import IllegalTransitionError
from dml.safe_text import safe


class ExecutionStatus(StrEnum):
    """The terms of the vocabulary ``deriva-ml:Execution_Status``."""

    CREATED = "Created"
    RUNNING = "Running"
    STOPPED = "Stopped"
    FAILED = "Failed"
    PENDING_UPLOAD = "Pending_Upload"
    UPLOADED = "Uploaded"
    ABORTED = "Aborted"


_S = ExecutionStatus

TRANSITIONS: Final[dict[ExecutionStatus, tuple[ExecutionStatus, ...]]] = {
    _S.CREATED: (_S.RUNNING, _S.ABORTED),
    _S.RUNNING: (_S.STOPPED, _S.FAILED, _S.PENDING_UPLOAD, _S.ABORTED),
    _S.STOPPED: (_S.PENDING_UPLOAD, _S.ABORTED),
    _S.PENDING_UPLOAD: (_S.UPLOADED, _S.FAILED),
    _S.FAILED: (_S.PENDING_UPLOAD, _S.ABORTED),
    _S.UPLOADED: (_S.PENDING_UPLOAD,),
    _S.ABORTED: (),
}
"""What may follow each status; nothing else is allowed, staying the same included."""

LEGACY: Final[dict[str, ExecutionStatus]] = {
    "Initializing": _S.CREATED,
    "Pending": _S.CREATED,
    "Completed": _S.UPLOADED,
}
"""Texts of catalogs older than the vocabulary, and what they count as in decisions; they are shown as they stand."""


class Missing:
    """The type of ``MISSING``: there is no row, which is not the same as a row whose status is null."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()

StatusOrMissing = str | None | Missing


def effective_status(text: str | None) -> ExecutionStatus | None:
    """What a stored status counts as: a null as ``Created``, an unknown text as None.

    A row without a status was inserted by a release that had not told the catalog anything yet.
    """
    if text is None:
        return _S.CREATED
    if text in LEGACY:
        return LEGACY[text]
    try:
        return _S(text)
    except ValueError:
        return None


def shown_status(text: str | None) -> str:
    """A stored status as it is shown: verbatim, made safe for a terminal; a null as ``(none)``."""
    return "(none)" if text is None else safe(text, limit=60)


def allowed_transitions(status: str | None) -> tuple[ExecutionStatus, ...]:
    """What may follow a stored status; nothing follows an unknown text."""
    effective = effective_status(status)
    return () if effective is None else TRANSITIONS[effective]


def require_transition(old: str | None, new: str) -> ExecutionStatus:
    """Return the new status when the change is allowed.

    Args:
        old: The stored status; legacy texts count as what they are mapped to.
        new: The wanted status, one of today's.

    Raises:
        IllegalTransitionError: It is not; the message names both, the hint what is possible instead.
    """
    possible = allowed_transitions(old)
    if new in possible:
        return _S(new)
    if effective_status(old) is None:
        hint = "This status is not known here; set it to one of today's in the catalog first."
    elif possible:
        hint = f"From {shown_status(old)} it can become {' or '.join(possible)}."
    else:
        hint = f"{shown_status(old)} is final; create a new execution."
    raise IllegalTransitionError(
        f"An execution that is {shown_status(old)} cannot become {shown_status(new)}", hint=hint
    )


def transition_path(old: str | None, new: str) -> tuple[ExecutionStatus, ...] | None:
    """The fewest allowed changes from one status to another, without the first status; None when there is no way.

    An empty path means that the status counts as the wanted one already.
    """
    start, goal = effective_status(old), effective_status(new)
    if start is None or goal is None:
        return None
    paths: deque[tuple[ExecutionStatus, ...]] = deque([()])
    seen = {start}
    while paths:
        path = paths.popleft()
        here = path[-1] if path else start
        if here is goal:
            return path
        for following in TRANSITIONS[here]:
            if following not in seen:
                seen.add(following)
                paths.append((*path, following))
    return None


class Outcome(StrEnum):
    """What is done about a pair of statuses."""

    NOTHING = "nothing"
    """They agree."""
    PUSH = "push"
    """The catalog is told the registry's status."""
    ADOPT = "adopt"
    """The registry takes the catalog's status."""
    ADOPT_AND_KEEP = "adopt, keep local work"
    """The registry takes the catalog's status; what is staged here stays and is reported as pending."""
    ADOPT_NEW = "adopt as new"
    """The registry has no row: one is made from the catalog's."""
    CREATE = "finish creating"
    """The catalog has no row yet: the one that was begun is written under its leased RID."""
    ASK = "ask"
    """The two contradict each other; nothing is changed until the user decides."""
    ABSENT = "not found"
    """Neither side knows it."""


@dataclass(frozen=True)
class Reconciliation:
    """The decision about one pair.

    Attributes:
        outcome: What to do.
        status: The status both sides have afterwards; None where nothing is decided, verbatim where it is unknown.
        reason: Why, one sentence for the user.
    """

    outcome: Outcome
    status: str | None
    reason: str


def reconcile(
    registry: StatusOrMissing, catalog: StatusOrMissing, *, sync_pending: bool = False, confirmed: bool = True
) -> Reconciliation:
    """Decide about any pair of statuses; total, raises nothing.

    Args:
        registry: The registry's status, None for null, ``MISSING`` for no row.
        catalog: The catalog's, likewise.
        sync_pending: The registry's status was set here and the catalog has not confirmed it.
        confirmed: The catalog is known to have had the row; False while creating is unfinished.
    """
    if isinstance(registry, Missing) or isinstance(catalog, Missing):
        return _one_missing(registry, catalog, confirmed=confirmed)
    here, there = effective_status(registry), effective_status(catalog)
    if here is None or there is None:
        return _unknown(registry, catalog)
    if here is there:
        return Reconciliation(Outcome.NOTHING, here, "Both agree.")
    return _both_known(here, there, sync_pending=sync_pending)


def reconcile_table_markdown() -> str:
    """The decisions as Markdown tables for the documentation; rows: the registry's status, columns: the catalog's."""
    columns: list[StatusOrMissing] = [*_S, *LEGACY, None, "other text", MISSING]
    parts = []
    for sync_pending, heading in (
        (False, "The catalog had confirmed the registry's status"),
        (True, "The registry's status has not been confirmed yet (`sync_pending`)"),
    ):
        lines = [
            f"### {heading}",
            "",
            "| registry \\ catalog | " + " | ".join(_column_name(name) for name in columns) + " |",
        ]
        lines.append("|---" * (len(columns) + 1) + "|")
        for row in columns:
            decisions = [reconcile(row, column, sync_pending=sync_pending).outcome for column in columns]
            lines.append(f"| {_column_name(row)} | " + " | ".join(decisions) + " |")
        parts.append("\n".join(lines))
    legend = "\n".join(f"- {outcome}: {_LEGEND[outcome]}" for outcome in Outcome)
    unfinished = "An execution whose creation was interrupted before the catalog confirmed its row: " + ", ".join(
        f"{status} → {reconcile(status, MISSING, confirmed=False).outcome}" for status in _S
    )
    return "\n\n".join([*parts, unfinished + ".", legend]) + "\n"


_LEGEND = {
    Outcome.NOTHING: "they agree (a legacy text agrees with what it is mapped to).",
    Outcome.PUSH: "the catalog is told the registry's status.",
    Outcome.ADOPT: "the registry takes the catalog's status.",
    Outcome.ADOPT_AND_KEEP: "the registry takes the catalog's status; what is staged stays and is listed as pending.",
    Outcome.ADOPT_NEW: "the registry gets a row made from the catalog's.",
    Outcome.CREATE: "the catalog's row is written under the RID that was leased for it.",
    Outcome.ASK: "they contradict each other; nothing changes until you decide.",
    Outcome.ABSENT: "neither side knows the execution.",
}

_CONTRADICTIONS: dict[tuple[ExecutionStatus, ExecutionStatus], str] = {
    (_S.ABORTED, _S.UPLOADED): "Here it was aborted, but the catalog holds its uploaded outputs.",
    (_S.ABORTED, _S.PENDING_UPLOAD): "Here it was aborted, but someone is uploading its outputs.",
    (_S.UPLOADED, _S.ABORTED): "Here its outputs were uploaded, but someone aborted it in the catalog.",
}


def _both_known(here: ExecutionStatus, there: ExecutionStatus, *, sync_pending: bool) -> Reconciliation:
    if (here, there) in _CONTRADICTIONS:
        return Reconciliation(Outcome.ASK, None, _CONTRADICTIONS[here, there])
    if (here, there) == (_S.UPLOADED, _S.PENDING_UPLOAD):
        # Uploading is finished here; an upload that goes on elsewhere ends in the same status.
        return Reconciliation(Outcome.PUSH, here, "The upload was finished here; the catalog still shows it under way.")
    catalog_is_ahead = transition_path(here, there) is not None
    registry_is_ahead = transition_path(there, here) is not None
    if sync_pending and registry_is_ahead:
        return Reconciliation(Outcome.PUSH, here, f"It became {here} here and the catalog has not been told.")
    if catalog_is_ahead:
        outcome = Outcome.ADOPT_AND_KEEP if there in (_S.ABORTED, _S.UPLOADED, _S.FAILED) else Outcome.ADOPT
        kept = "; what is staged here is kept" if outcome is Outcome.ADOPT_AND_KEEP else ""
        return Reconciliation(outcome, there, f"It became {there} elsewhere since it was {here} here{kept}.")
    reason = f"Nothing leads from {here} back to {there}; the catalog is behind."
    return Reconciliation(Outcome.PUSH, here, reason)


def _one_missing(registry: StatusOrMissing, catalog: StatusOrMissing, *, confirmed: bool) -> Reconciliation:
    if isinstance(registry, Missing):
        if isinstance(catalog, Missing):
            return Reconciliation(Outcome.ABSENT, None, "Neither this workspace nor the catalog knows it.")
        adopted = effective_status(catalog) or catalog
        return Reconciliation(Outcome.ADOPT_NEW, adopted, "The catalog has it and this workspace does not.")
    if confirmed:
        return Reconciliation(Outcome.ASK, None, "The catalog had its row and has it no more: someone deleted it.")
    if effective_status(registry) is _S.ABORTED:
        return Reconciliation(Outcome.NOTHING, registry, "It was aborted before the catalog had it.")
    return Reconciliation(
        Outcome.CREATE,
        effective_status(registry) or registry,
        "Its creation was interrupted before the catalog had its row.",
    )


def _unknown(registry: str | None, catalog: str | None) -> Reconciliation:
    if registry == catalog:
        return Reconciliation(Outcome.NOTHING, registry, "Both hold the same status, which is not known here.")
    side, text = ("registry", registry) if effective_status(registry) is None else ("catalog", catalog)
    return Reconciliation(
        Outcome.ASK, None, f"The {side} holds the status '{shown_status(text)}', which is not known here."
    )


def _column_name(status: StatusOrMissing) -> str:
    if isinstance(status, Missing):
        return "no row"
    return "null" if status is None else status
