"""Text that a server cannot index: ours is shortened, a user's is refused before anything is written."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dml.api.execution import Execution
from dml.catalog.connection import Catalog
from dml.catalog.indexed_text import LONGEST_TEXT, fits, shortened
from dml.catalog.rows import count, select
from dml.dataset.curation import create_dataset
from dml.deriva_ml import DerivaML
from dml.errors import LockedError, UsageError
from dml.execution import lifecycle
from dml.execution.workflow import Workflow
from dml.workspace import assets, executions
from dml.workspace.status_change import compare_and_set_status

Dml = Callable[..., Any]

EXECUTION = "deriva-ml:Execution"
LONG = base64.b64encode(random.Random(7).randbytes(4000)).decode()[:4000]
"""Text that does not compress, as in a traceback with values in it."""


def row_of(catalog: Catalog, rid: str) -> dict[str, Any]:
    (row,) = select(catalog, EXECUTION, where={"RID": rid})
    return row


def test_a_long_failure_is_recorded_short_and_commits(ml: DerivaML, execution: Execution) -> None:
    def run() -> None:
        with execution as running:
            running.asset_file_path("Execution_Asset", "kept.txt").write_text("kept")
            raise ValueError(f"not well: {LONG}; at the very end")

    with pytest.raises(ValueError, match="not well"):
        run()
    stored = row_of(ml.catalog, execution.execution_rid)
    assert stored["Status"] == "Failed"
    assert stored["Status_Detail"].startswith("ValueError: not well")
    assert stored["Status_Detail"].endswith("at the very end")
    assert "characters left out" in stored["Status_Detail"]
    assert LONG in str(executions.get_execution(ml.session.registry, execution.execution_rid).error)
    assert execution.commit_output_assets().total_uploaded >= 1
    assert row_of(ml.catalog, execution.execution_rid)["Status"] == "Uploaded"


def test_long_progress_is_recorded_short(ml: DerivaML, execution: Execution) -> None:
    with execution as run:
        run.update_status("Running", LONG)
        detail = row_of(ml.catalog, execution.execution_rid)["Status_Detail"]
    assert detail.startswith(LONG[:500])
    assert fits(detail)


def test_an_execution_that_an_older_release_left_stuck_is_freed(ml: DerivaML, execution: Execution, dml: Dml) -> None:
    rid = execution.execution_rid
    lifecycle.begin(ml.session, rid)
    compare_and_set_status(
        ml.session.registry, rid, "Running", "Failed", sync_pending=True, error=f"ValueError: {LONG}"
    )
    assert dml("exec", "resume", rid, "--commit").code == 0
    assert row_of(ml.catalog, rid)["Status"] == "Uploaded"


def test_a_detail_that_a_server_refuses_does_not_stop_the_status(
    ml: DerivaML, execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dml.execution.sync.shortened", lambda text: text)
    lifecycle.begin(ml.session, execution.execution_rid)
    lifecycle.fail(ml.session, execution.execution_rid, LONG)
    stored = row_of(ml.catalog, execution.execution_rid)
    assert (stored["Status"], stored["Status_Detail"]) == ("Failed", None)


def test_the_programs_own_error_is_raised_when_the_failure_cannot_be_recorded(
    execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: Any, **__: Any) -> None:
        raise LockedError("the registry is busy")

    def run() -> None:
        with execution:
            monkeypatch.setattr(lifecycle, "fail", refuses)
            raise ValueError("bad batch")

    with pytest.raises(ValueError, match="bad batch") as raised:
        run()
    assert any("could not record" in note and "busy" in note for note in raised.value.__notes__)


def test_a_long_description_of_an_execution_is_refused_first(ml: DerivaML, workflow: Workflow) -> None:
    before = count(ml.catalog, EXECUTION)
    with pytest.raises(UsageError, match=r"The description is too long: 4,000 bytes"):
        ml.create_execution(workflow=workflow, description=LONG)
    assert count(ml.catalog, EXECUTION) == before
    assert executions.list_executions(ml.session.registry) == []


def test_a_long_description_of_a_dataset_is_refused_first(catalog: Catalog) -> None:
    leases = count(catalog, "public:ERMrest_RID_Lease")
    with pytest.raises(UsageError, match="The description is too long"):
        create_dataset(catalog, description=LONG)
    assert count(catalog, "public:ERMrest_RID_Lease") == leases


def test_long_values_of_a_staged_file_are_refused_first(
    ml: DerivaML, execution: Execution, dml: Dml, tmp_path: Path
) -> None:
    source = tmp_path / "a.txt"
    source.write_text("a")
    rid = execution.execution_rid
    said = dml("exec", "stage", rid, source, "--table", "Execution_Asset", "--description", LONG)
    assert said.code == 2
    assert "The description of a.txt is too long: 4,000 bytes" in said.err
    assert "a.txt" not in {asset.filename for asset in assets.list_assets(ml.session.registry, rid)}


def test_a_term_with_a_long_description_is_refused_by_its_column(dml: Dml) -> None:
    said = dml("vocab", "add", "Workflow_Type", "Long", "-d", LONG)
    assert said.code == 2
    assert "Description of deriva-ml:Workflow_Type is too long: 4,000 bytes, and a server takes about 2,600" in said.err


def test_long_text_that_compresses_is_taken(ml: DerivaML, workflow: Workflow) -> None:
    text = "epoch after epoch, " * 300
    made = ml.create_execution(workflow=workflow, description=text)
    assert row_of(ml.catalog, made.execution_rid)["Description"] == text


@given(st.text(max_size=12_000))
def test_shortened_text_always_fits_and_short_text_stays(text: str) -> None:
    short = shortened(text)
    assert fits(short)
    if len(text.encode("utf-8", "surrogatepass")) <= LONGEST_TEXT:
        assert short == text
