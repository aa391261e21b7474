"""What is done, broken and done again: the steps of a lifecycle on an embedded catalog, and what must come of them.

Every function runs in a process of its own, below a directory that ``HOME`` and the XDG variables name.
"""

from __future__ import annotations

import os
import random
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dml.api.execution import Execution
from dml.catalog.administration import create_catalog
from dml.catalog.connection import Catalog, connect
from dml.catalog.definitions import create_asset_table, create_feature, create_schema, create_vocabulary
from dml.catalog.documents import ColumnDefinition
from dml.catalog.ml_schema import initialise
from dml.catalog.objects import stat
from dml.catalog.retry import RetryPolicy
from dml.catalog.rows import insert, select
from dml.catalog.schema import EXECUTION
from dml.catalog.vocabulary import add_term
from dml.deriva_ml import DerivaML
from dml.directories import embedded_directory
from dml.execution import lifecycle
from dml.execution.commit import CommitOptions, commit
from dml.execution.local_list import details_of, list_local
from dml.execution.resume import resume
from dml.execution.status import ExecutionStatus, effective_status
from dml.execution.workflow import Workflow
from dml.target import Target
from dml.workspace import assets, executions, features, intents
from dml.workspace.registry import Registry
from dml.workspace.session import WorkspaceSession

TARGET = Target("local", "1")
WORKFLOW = Workflow("Train", "Training", url="https://example.org/train.py", checksum="c0ffee")
CANARY = "canary7c1f0e93"
"""A secret that is put wherever a secret may be, and must be found nowhere."""

RATING = "lab:Execution_Execution_Asset_Rating"
_CHANGING = "environment_snapshot"


@dataclass(frozen=True)
class Size:
    """How much an execution puts out.

    Attributes:
        files: Small files, in two tables.
        large: Bytes of one more file.
        chunk: Bytes of a piece of it.
        features: Feature rows.
    """

    files: int
    large: int
    chunk: int
    features: int


SMALL = Size(5, 200_000, 64_000, 6)
WHOLE = Size(20, 40_000_000, 8_000_000, 50)


def plant_secrets() -> None:
    """Put the canary where users have secrets: the environment, the command line, a URL with a password."""
    os.environ["LAB_API_TOKEN"] = CANARY
    os.environ["HTTPS_PROXY_PASSWORD"] = CANARY
    os.environ["CONDA_SOURCE"] = f"https://someone:{CANARY}@example.org/simple"
    sys.argv = ["train.py", f"--token={CANARY}", "--password", CANARY, f"https://someone:{CANARY}@example.org/x"]


def catalog() -> Catalog:
    """A connection whose retries do not wait."""
    return connect(TARGET, policy=RetryPolicy(attempts=3, sleep=lambda _: None))


def session() -> WorkspaceSession:
    """The workspace with that connection."""
    return WorkspaceSession.writing(TARGET, catalog=catalog())


def prepare_catalog() -> None:
    """An embedded catalog with a vocabulary, an asset table with a column of its own, and a feature."""
    create_catalog("local")
    there = connect(TARGET)
    initialise(there)
    create_schema(there, "lab")
    create_vocabulary(there, "lab:Quality")
    add_term(there, "lab:Quality", "good", "fine")
    create_asset_table(there, "lab:Image", columns=[ColumnDefinition("Place", "text")])
    create_feature(
        there, "deriva-ml:Execution_Asset", "Rating", terms=["lab:Quality"], assets=["lab:Image"], schema="lab"
    )


def prepare_created(size: Size) -> str:
    """An execution that was created."""
    return DerivaML("local", 1).create_execution(workflow=WORKFLOW, description="a run").execution_rid


def prepare_running(size: Size) -> str:
    """One that runs, started by a command."""
    rid = prepare_created(size)
    lifecycle.begin(session(), rid)
    return rid


def prepare_stopped(size: Size) -> str:
    """One that has everything staged: three tables, a large file, features that refer to rows and files."""
    ml = DerivaML("local", 1)
    execution = ml.create_execution(workflow=WORKFLOW, description="a run")
    with execution.execute():
        stage_outputs(ml, execution, size)
    return execution.execution_rid


def stage_outputs(ml: DerivaML, execution: Execution, size: Size) -> None:
    """Files written in place, copied and linked, and feature rows."""
    outside = Path(os.environ["DML_TEST_OUTSIDE"])
    large = outside / "large.bin"
    large.write_bytes(random.Random(1).randbytes(size.large))
    execution.asset_file_path("Execution_Asset", large, asset_types=["Model_File"])
    for number in range(size.files):
        table = ("Execution_Asset", "Image")[number % 2]
        more = {"Place": f"p{number}"} if table == "Image" else {}
        source = outside / f"f{number}.bin"
        source.write_bytes(f"file {number}".encode())
        execution.asset_file_path(table, source, asset_types=[], metadata=more, copy_file=number % 4 == 3)
    with execution.metrics_file().open("a") as stream:
        stream.write("{}\n")
    rating = ml.feature_record_class("Execution_Asset", "Rating")
    image = ml.session.workspace.staged_path(execution.execution_rid, "Image", "f1.bin")
    rows = [
        {"URL": f"/hatrac/none/{number}", "Filename": f"old{number}", "Length": 1, "MD5": f"{number:032x}"}
        for number in range(size.features)
    ]
    insert(ml.catalog, "deriva-ml:Execution_Asset", rows, on_conflict="skip")
    found = select(ml.catalog, "deriva-ml:Execution_Asset", where={"URL": [row["URL"] for row in rows]}, sort=["URL"])
    targets = [row["RID"] for row in found]
    execution.add_features([rating(Execution_Asset=rid, Quality="good", Image=str(image)) for rid in targets])


def do_create(rid: str | None, size: Size) -> None:
    """Create one; what an earlier try began is finished by resume, and only if there is nothing, begun anew."""
    there = session()
    begun = [row.rid for row in executions.list_executions(there.registry)]
    for one in begun:
        resume(there, one)
    if not begun:
        DerivaML("local", 1).create_execution(workflow=WORKFLOW, description="a run")


def do_discard(rid: str | None, size: Size) -> None:
    """Create one; what an earlier try began is given up, and another one made."""
    there = session()
    for row in executions.list_executions(there.registry):
        lifecycle.abort(there, row.rid, "discarded")
    DerivaML("local", 1).create_execution(workflow=WORKFLOW, description="a run")


def do_stage(rid: str | None, size: Size) -> None:
    """Stage everything; after a fault the same again."""
    assert rid is not None
    ml = DerivaML("local", 1)
    stage_outputs(ml, ml.resume_execution(rid), size)


def do_start(rid: str | None, size: Size) -> None:
    """Start it, unless that was done."""
    _advance(rid, ExecutionStatus.RUNNING, lifecycle.begin)


def do_stop(rid: str | None, size: Size) -> None:
    """Stop it, unless that was done."""
    _advance(rid, ExecutionStatus.STOPPED, lifecycle.stop)


def do_abort(rid: str | None, size: Size) -> None:
    """Give it up, unless that was done."""
    _advance(rid, ExecutionStatus.ABORTED, lifecycle.abort)


def do_commit(rid: str | None, size: Size) -> None:
    """Commit it; after a fault the same again."""
    assert rid is not None
    commit(session(), rid, CommitOptions(jobs=1, chunk_size=size.chunk))


def _advance(rid: str | None, status: ExecutionStatus, step: Callable[[WorkspaceSession, str], Any]) -> None:
    assert rid is not None
    there = session()
    row = executions.get_execution(there.registry, rid)
    if effective_status(row.status) is not status:
        step(there, rid)
    else:
        resume(there, rid)


@dataclass(frozen=True)
class Scenario:
    """One step of the lifecycle.

    Attributes:
        prepare: Brings an execution to where the step begins; None when it begins with nothing.
        act: The step, which may be called again after it was interrupted.
    """

    prepare: Callable[[Size], str] | None
    act: Callable[[str | None, Size], None]


SCENARIOS: dict[str, Scenario] = {
    "create": Scenario(None, do_create),
    "discard": Scenario(None, do_discard),
    "stage": Scenario(prepare_created, do_stage),
    "start": Scenario(prepare_created, do_start),
    "stop": Scenario(prepare_running, do_stop),
    "abort": Scenario(prepare_running, do_abort),
    "commit": Scenario(prepare_stopped, do_commit),
}


def problems_between(rid: str | None) -> list[str]:
    """What is wrong right after a fault, before anything is repeated: false successes, lost files, unreadable lists."""
    place_now = WorkspaceSession.reading(TARGET)
    found: list[str] = []
    there = catalog()
    for one in list_local(place_now):
        details = details_of(place_now, one.rid)
        if one.status not in {str(status) for status in ExecutionStatus}:
            found.append(f"{one.rid} is listed as {one.status}")
        if one.status != "Uploaded" and one.status != "Aborted" and not one.next_command and one.life == "":
            found.append(f"{one.rid} is {one.status} and no next command is named")
        found += [problem for row in details.assets for problem in _asset_problems(place_now, there, row)]
        row = select(there, EXECUTION, where={"RID": one.rid})
        if row and row[0]["Status"] == "Uploaded" and rid is not None and one.pending:
            found.append(f"{one.rid} is Uploaded in the catalog with pending work")
    for path in Path(os.environ["HOME"]).iterdir():
        if path.name not in (".deriva-ml", "config", "cache", "state", "data"):
            found.append(f"{path} was made outside the roots")
    return found


def _asset_problems(here: WorkspaceSession, there: Catalog, row: assets.AssetRow) -> list[str]:
    if row.status != "uploaded":
        path = here.workspace.staged_path(row.execution_rid, row.asset_table, row.filename)
        to_be_written = row.method == "written" and row.identity is None
        if not path.exists() and not to_be_written and not (row.source and Path(row.source).exists()):
            return [f"{row.key} is neither uploaded nor on disk"]
        return []
    found = select(there, f"{row.schema}:{row.asset_table}", where={"RID": row.rid})
    info = stat(there, found[0]["URL"]) if found else None
    if not found or info is None or info.md5_hex != found[0]["MD5"]:
        return [f"{row.key} is called uploaded, and the catalog does not have it"]
    return []


def observe(*, keep_aborted: bool) -> dict[str, Any]:
    """Everything that an undisturbed run and a broken one that was repeated must agree on, without RIDs and times."""
    there = catalog()
    rows = [row for row in select(there, EXECUTION) if "sentinel" not in (row["Description"] or "")]
    rows = [row for row in rows if keep_aborted or row["Status"] != "Aborted"]
    rids = {row["RID"] for row in rows}
    found: dict[str, Any] = {
        "executions": sorted((row["Status"], row["Description"], bool(row["Workflow"])) for row in rows),
        "workflows": len(select(there, "deriva-ml:Workflow")),
        "workflow types": len(select(there, "deriva-ml:Workflow_Workflow_Type")),
    }
    for table in there.schema().asset_tables():
        name = table.qualified_name
        kept = {row["RID"]: row for row in select(there, name)}
        edges = [e for e in select(there, f"{table.schema}:{table.name}_Execution") if e["Execution"] in rids]
        types = select(there, f"{table.schema}:{table.name}_Asset_Type")
        found[name] = sorted(_plain(kept[edge[table.name]], edge, types, table.name) for edge in edges)
        if keep_aborted:
            found[f"{name} rows"] = len(kept)
        for edge in edges:
            url = kept[edge[table.name]]["URL"]
            if url.startswith("/hatrac/"):
                info = stat(there, url)
                assert info is not None, f"a row points at bytes that are not there: {url}"
                assert info.md5_hex == kept[edge[table.name]]["MD5"]
    values = select(there, RATING)
    found["features"] = sorted((row["Quality"], bool(row["Image"]), row["Execution"] in rids) for row in values)
    found["feature targets"] = len({row["Execution_Asset"] for row in values})
    if keep_aborted:
        found["objects"] = _stored_objects()
    return found | _observe_registry(rids)


def _stored_objects() -> dict[str, int]:
    """Objects by the first part of their name, without those whose content differs in each run."""
    counts: dict[str, int] = {}
    with closing(sqlite3.connect(embedded_directory() / "hatrac" / "hatrac.sqlite3")) as store:
        for (path,) in store.execute("SELECT n.path FROM name AS n JOIN version AS v ON v.name_id = n.id"):
            table = str(path).strip("/").partition("/")[0]
            counts[table] = counts.get(table, 0) + 1
    return counts


def _plain(row: dict[str, Any], edge: dict[str, Any], types: list[dict[str, Any]], table: str) -> list[Any]:
    name = row["Filename"] if not row["Filename"].startswith(_CHANGING) else _CHANGING
    known = sorted(one["Asset_Type"] for one in types if one[table] == row["RID"])
    return [name, edge["Asset_Role"], known, str(row.get("Place")), row["Length"] if name == "large.bin" else 0]


def _observe_registry(rids: set[str]) -> dict[str, Any]:
    with Registry.reading(WorkspaceSession.reading(TARGET).workspace) as registry:
        known = [row for row in executions.list_executions(registry) if row.rid in rids]
        unfinished = intents.find_intents(registry, unfinished=True)
        return {
            "registry": sorted((row.status, row.sync_pending) for row in known),
            "unknown to the registry": len(rids) - len(known),
            "files": sorted(
                (row.status, bool(row.rid)) for row in assets.list_assets(registry) if row.execution_rid in rids
            ),
            "feature rows": sorted(row.status for row in features.list_features(registry)),
            "unfinished": [intent.kind for intent in unfinished if intent.execution_rid in rids],
        }
