"""The status machine: every pair of statuses has one stated outcome."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dml.errors import IllegalTransitionError
from dml.execution.status import (
    LEGACY,
    MISSING,
    ExecutionStatus,
    Missing,
    Outcome,
    allowed_transitions,
    effective_status,
    reconcile,
    reconcile_table_markdown,
    require_transition,
    shown_status,
    transition_path,
)

_NAMES = [status.value for status in ExecutionStatus]
_PAIRS = list(itertools.product(_NAMES, _NAMES))
_ALLOWED = {
    ("Created", "Running"),
    ("Created", "Aborted"),
    ("Running", "Stopped"),
    ("Running", "Failed"),
    ("Running", "Pending_Upload"),
    ("Running", "Aborted"),
    ("Stopped", "Pending_Upload"),
    ("Stopped", "Aborted"),
    ("Pending_Upload", "Uploaded"),
    ("Pending_Upload", "Failed"),
    ("Failed", "Pending_Upload"),
    ("Failed", "Aborted"),
    ("Uploaded", "Pending_Upload"),
}


@pytest.mark.parametrize(("old", "new"), _PAIRS)
def test_exactly_the_listed_changes_are_allowed(old: str, new: str) -> None:
    if (old, new) in _ALLOWED:
        assert require_transition(old, new) == new
        return
    with pytest.raises(IllegalTransitionError) as refused:
        require_transition(old, new)
    assert old in refused.value.message
    assert new in refused.value.message
    possible = [to for was, to in sorted(_ALLOWED) if was == old]
    assert all(name in refused.value.hint for name in possible)
    assert possible or "final" in refused.value.hint


@pytest.mark.parametrize(
    ("text", "like"), [("Initializing", "Created"), ("Pending", "Created"), ("Completed", "Uploaded")]
)
def test_older_texts_decide_like_todays(text: str, like: str) -> None:
    assert effective_status(text) == like
    assert allowed_transitions(text) == allowed_transitions(like)
    assert shown_status(text) == text


def test_unknown_texts_allow_nothing_and_are_shown_verbatim() -> None:
    assert allowed_transitions("Paused") == ()
    assert shown_status("Paused\x1b[2J") == "Paused␛[2J"
    assert shown_status(None) == "(none)"
    with pytest.raises(IllegalTransitionError, match="Paused"):
        require_transition("Paused", "Running")


def test_the_way_of_a_dead_run_to_its_upload() -> None:
    assert transition_path("Running", "Pending_Upload") == ("Pending_Upload",)
    assert transition_path("Created", "Uploaded") == ("Running", "Pending_Upload", "Uploaded")
    assert transition_path("Uploaded", "Uploaded") == ()
    assert transition_path("Aborted", "Running") is None
    assert transition_path("Paused", "Running") is None


# Rows: the registry's status; columns: the catalog's, in the order of the enumeration. N nothing, P push, A adopt,
# K adopt and keep local work, ? ask.
_CONFIRMED = {
    "Created": "NAAKAKK",
    "Running": "PNAKAKK",
    "Stopped": "PPNKAKK",
    "Failed": "PPPNAKK",
    "Pending_Upload": "PPPKNKK",
    "Uploaded": "PPPKPN?",
    "Aborted": "PPPP??N",
}
_UNCONFIRMED = {
    "Created": "NAAKAKK",
    "Running": "PNAKAKK",
    "Stopped": "PPNKAKK",
    "Failed": "PPPNPPK",
    "Pending_Upload": "PPPPNPK",
    "Uploaded": "PPPPPN?",
    "Aborted": "PPPP??N",
}
_LETTERS = {
    "N": Outcome.NOTHING,
    "P": Outcome.PUSH,
    "A": Outcome.ADOPT,
    "K": Outcome.ADOPT_AND_KEEP,
    "?": Outcome.ASK,
}


@pytest.mark.parametrize("sync_pending", [False, True])
@pytest.mark.parametrize(("here", "there"), _PAIRS)
def test_every_pair_of_todays_statuses(here: str, there: str, sync_pending: bool) -> None:
    letter = (_UNCONFIRMED if sync_pending else _CONFIRMED)[here][_NAMES.index(there)]
    decided = reconcile(here, there, sync_pending=sync_pending)
    assert decided.outcome is _LETTERS[letter]
    after = {"N": here, "P": here, "A": there, "K": there, "?": None}[letter]
    assert decided.status == after
    assert decided.reason


@pytest.mark.parametrize(
    ("here", "there"),
    [("Running", "Aborted"), ("Pending_Upload", "Uploaded"), ("Running", "Failed")],
)
def test_what_deriva_ml_adopts_is_adopted(here: str, there: str) -> None:
    assert reconcile(here, there).status == there


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("Stopped", "Running"),
        ("Failed", "Running"),
        ("Uploaded", "Pending_Upload"),
        ("Uploaded", "Running"),
        ("Aborted", "Running"),
    ],
)
def test_what_deriva_ml_pushes_is_pushed(here: str, there: str) -> None:
    assert reconcile(here, there).outcome is Outcome.PUSH


@pytest.mark.parametrize("sync_pending", [False, True])
@pytest.mark.parametrize(("legacy", "name"), list(itertools.product(LEGACY, _NAMES)))
def test_older_texts_on_either_side_count_as_what_they_are_mapped_to(
    legacy: str, name: str, sync_pending: bool
) -> None:
    mapped = LEGACY[legacy]
    assert reconcile(name, legacy, sync_pending=sync_pending) == reconcile(name, mapped, sync_pending=sync_pending)
    assert reconcile(legacy, name, sync_pending=sync_pending) == reconcile(mapped, name, sync_pending=sync_pending)


@pytest.mark.parametrize("name", _NAMES)
def test_a_missing_side(name: str) -> None:
    adopted = reconcile(MISSING, name)
    assert (adopted.outcome, adopted.status) == (Outcome.ADOPT_NEW, name)
    assert reconcile(name, MISSING).outcome is Outcome.ASK
    begun = reconcile(name, MISSING, confirmed=False)
    assert begun.outcome is (Outcome.NOTHING if name == "Aborted" else Outcome.CREATE)


def test_what_only_the_catalog_has_is_adopted_whatever_it_says() -> None:
    assert reconcile(MISSING, "Paused").status == "Paused"
    assert reconcile(MISSING, None).status == "Created"
    assert reconcile(MISSING, "Completed").status == "Uploaded"
    assert reconcile(MISSING, MISSING).outcome is Outcome.ABSENT


_SIDES = st.one_of(st.none(), st.just(MISSING), st.sampled_from([*_NAMES, *LEGACY]), st.text(max_size=10))


@given(_SIDES, _SIDES, st.booleans(), st.booleans())
def test_any_pair_has_an_outcome_with_a_reason(
    here: str | Missing | None, there: str | Missing | None, sync_pending: bool, confirmed: bool
) -> None:
    decided = reconcile(here, there, sync_pending=sync_pending, confirmed=confirmed)
    assert decided.reason
    if decided.outcome in (Outcome.ASK, Outcome.ABSENT):
        assert decided.status is None
    else:
        assert isinstance(decided.status, str)


@given(st.sampled_from(_NAMES), st.sampled_from(_NAMES), st.booleans())
def test_adopting_never_invents_a_change_that_is_not_allowed(here: str, there: str, sync_pending: bool) -> None:
    if reconcile(here, there, sync_pending=sync_pending).outcome in (Outcome.ADOPT, Outcome.ADOPT_AND_KEEP):
        assert transition_path(here, there)


def test_the_documentation_shows_the_same_decisions() -> None:
    table = reconcile_table_markdown()
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    width = len(_NAMES) + len(LEGACY) + 3
    assert len(rows) == 2 * (width + 1)
    assert {line.count("|") for line in rows} == {width + 2}
    first = next(line for line in rows if line.startswith("| Running |"))
    assert [cell.strip() for cell in first.split("|")[2:9]] == [
        reconcile("Running", name).outcome.value for name in _NAMES
    ]


def test_the_documented_table_is_the_one_that_decides() -> None:
    page = Path(__file__).parents[2] / "docs" / "reliability.md"
    assert reconcile_table_markdown() in page.read_text(encoding="utf-8")
