"""Results that no fault of the clean project produces, with their states and messages. Facts are built by hand."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dml.asset.rows_by_rid import CatalogAsset
from dml.catalog.objects import ObjectInfo
from dml.catalog.rows import RowLocation
from dml.catalog.schema import Capabilities
from dml.dataset.records import VersionRow
from dml.dataset.version import DatasetVersion
from dml.errors import DmlError, ForbiddenError, RetryableError
from dml.execution.catalog_facts import DatasetRow, InputDetails, InputRows
from dml.execution.input_cache_tiers import CacheTiers
from dml.execution.requested_inputs import RequestedAsset, RequestedDataset, RequestedFile
from dml.experiment.composition import ComposeRequest, Composition, Function, Job
from dml.experiment.project import Project
from dml.preflight.check_context import CheckContext
from dml.preflight.checks import environment, identity
from dml.preflight.code_facts import CodeFacts
from dml.preflight.preflight import Options, build_context, preflight
from dml.preflight.results import Result, State
from dml.preflight.run_plan import RequestedWorkflow, RunPlan, plan_from_composition
from dml.target import Target

OK, WARNING, FAILED, SKIPPED = State.OK, State.WARNING, State.FAILED, State.SKIPPED
TARGET = Target("data.example.org", "7")
JOB = Job(0, (), {"model_config": {"epochs": 2}}, {"datasets": "training"})
NO_ROWS = InputRows({}, {}, (), (), {}, None)
ABLE = Capabilities(True, ("Execution_Duration",), True, True, True, True, False, True, True, True)
SHA = "0123456789abcdef0123456789abcdef01234567"


def composition(root: Path, *jobs: Job, **fields: Any) -> Composition:
    """A composition of an empty project."""
    return Composition(
        Project(root, root / "configs", Path("python"), uses_venv=True), ComposeRequest(), jobs=jobs, **fields
    )


def facts(
    rows: InputRows = NO_ROWS, details: InputDetails | None = None, able: Capabilities = ABLE, **more: Any
) -> Any:
    """A catalog that contains these rows."""
    return SimpleNamespace(
        catalog=SimpleNamespace(target=TARGET, **more),
        identity=lambda: SimpleNamespace(display_name="ada"),
        schema=lambda: SimpleNamespace(capabilities=able),
        rows=lambda: rows,
        details=lambda: details or InputDetails(),
    )


def results_of(group: str, plan: RunPlan, catalog: Any = None, **options: Any) -> list[tuple[str, State, str, str]]:
    """The check, state, message and fix of each result of a group."""
    context = CheckContext(
        plan, catalog, "" if catalog is not None else "not checked (--offline)", CacheTiers(None), None, **options
    )
    results: list[Result] = list(import_module(f"dml.preflight.checks.{group}").check(context))
    return [(result.check, result.state, result.message, result.fix) for result in results]


# Configuration ---------------------------------------------------------------------------------------------------


def test_inputs_without_a_project_and_without_a_catalog() -> None:
    assert results_of("configuration", RunPlan("inputs")) == [
        ("inputs", OK, "inputs: inputs given without a Hydra project", ""),
        ("target", FAILED, "no catalog selected", "dml catalog use HOST/NUMBER"),
    ]


def test_configuration_without_a_host(tmp_path: Path) -> None:
    for node in ({}, {"hostname": None}, {"hostname": ""}, {"hostname": "???", "catalog_id": 7}):
        job = replace(JOB, config={**JOB.config, "deriva_ml": node}, choices={})
        plan = plan_from_composition(composition(tmp_path, job))
        assert results_of("configuration", plan)[1] == (
            "target",
            FAILED,
            "the configuration sets no host, and no catalog is selected",
            "dml catalog use HOST/NUMBER",
        )
        chosen = plan_from_composition(composition(tmp_path, job), default_target=TARGET)
        assert chosen.target == TARGET
        assert [result[0] for result in results_of("configuration", chosen)] == ["composes", "empty"]


def test_checks_that_need_a_catalog_are_skipped_without_one(tmp_path: Path) -> None:
    plan = plan_from_composition(composition(tmp_path, JOB))
    plan = replace(plan, datasets=(RequestedDataset("1-ABC"),), assets=(RequestedAsset("2-GHI"),), root=None)
    report = preflight(build_context(plan, None, None), Options())
    assert not report.passed
    groups = {
        result.group for result in report.results if result.message.endswith("no catalog") and result.state is SKIPPED
    }
    assert groups == {"identity", "catalog", "datasets", "assets", "vocabulary", "cache"}
    assert report.requests == 0


def test_composed_groups_and_parameters_are_counted(tmp_path: Path) -> None:
    plan = RunPlan("x", TARGET, datasets=(RequestedDataset("1-ABC"),), composition=composition(tmp_path, JOB))
    assert results_of("configuration", plan) == [("composes", OK, "composed 1 group, 1 parameter", "")]


def test_no_datasets(tmp_path: Path) -> None:
    bare = composition(tmp_path, replace(JOB, choices={}), groups={"datasets": ("eyes",)})
    empty = results_of("configuration", RunPlan("x", TARGET, composition=bare))[1]
    assert empty == ("empty", WARNING, "the configuration has no datasets: the model gets none", "datasets=eyes")
    alone = composition(tmp_path, JOB, groups={"datasets": ("training",)})
    assert (
        results_of("configuration", RunPlan("x", TARGET, composition=alone))[1][3]
        == "add a dataset to the config group datasets"
    )


# Identity and catalog --------------------------------------------------------------------------------------------


def test_unreadable_schema_says_nothing_about_rights() -> None:
    def refused(error: DmlError) -> Any:
        catalog = facts()
        catalog.schema = lambda: (_ for _ in ()).throw(error)
        return catalog

    asked = list(
        identity.check(CheckContext(RunPlan("x"), refused(RetryableError("no answer")), "", CacheTiers(None), None))
    )
    assert [(result.check, result.state, result.message) for result in asked] == [("identity", OK, "ada")]
    forbidden = results_of("identity", RunPlan("x"), refused(ForbiddenError("ada may not read it")))
    assert [result[:3] for result in forbidden] == [("rights", FAILED, "ada may not read it")]


@pytest.mark.parametrize(("embedded", "both"), [(True, " and store files"), (False, "")])
def test_rights_are_reported(embedded: bool, both: str) -> None:
    document = {"schemas": {"deriva-ml": {"tables": {"Execution": {"rights": {"insert": True}}}}}}
    catalog = facts()
    catalog.catalog.target = SimpleNamespace(host="data.example.org", is_embedded=embedded)
    catalog.catalog.host_exchange = lambda *_, **__: SimpleNamespace(response=SimpleNamespace(status_code=403))
    catalog.schema = lambda: SimpleNamespace(document=document)
    assert results_of("identity", RunPlan("x"), catalog)[0] == ("rights", OK, f"ada may create executions{both}", "")


def test_schema_capabilities() -> None:
    assert results_of("catalog", RunPlan("x"), facts()) == [
        ("model", OK, f"{TARGET}, schema of deriva-ml 1.51.13 or later", "")
    ]
    older = replace(ABLE, dataset_execution_version=False, workflow_type_table=False)
    assert results_of("catalog", RunPlan("x"), facts(able=older)) == [
        ("model", WARNING, f"{TARGET} cannot record the version of an input dataset and workflow types", "")
    ]


def test_silent_server_says_nothing_about_its_schema() -> None:
    catalog = facts()
    catalog.identity = lambda: (_ for _ in ()).throw(RetryableError("no answer"))
    assert results_of("catalog", RunPlan("x"), catalog) == [("model", SKIPPED, "data.example.org did not respond", "")]


@pytest.mark.parametrize("group", ["datasets", "assets", "workflow", "vocabulary", "cache"])
def test_rows_that_cannot_be_read_skip_the_group(group: str) -> None:
    def refuse() -> InputRows:
        raise RetryableError("the server said 503")

    catalog = facts()
    catalog.rows = refuse
    catalog.catalog.traffic = SimpleNamespace(requests=0)
    plan = RunPlan(
        "x",
        TARGET,
        datasets=(RequestedDataset("1-ABC"),),
        assets=(RequestedAsset("2-GHI"),),
        workflow=RequestedWorkflow("Train", ("Training",)),
        workflow_types=("Training",),
    )
    catalog.details = SimpleNamespace(known=False)
    catalog.identity = SimpleNamespace(known=False)
    context = CheckContext(plan, catalog, "", CacheTiers(None), None)
    (result,) = preflight(context, Options(groups=(group,))).results
    assert (result.check, result.state) == ("catalog", SKIPPED)
    assert result.message == "the catalog could not be read: the server said 503"


# Datasets and assets ---------------------------------------------------------------------------------------------


def version(text: str, snapshot: str | None = "2Z9-AAAA") -> VersionRow:
    """A version of dataset 1-ABC."""
    return VersionRow("3-VER", "1-ABC", text, DatasetVersion(text), "", None, snapshot, None, "2026-01-01")


def dataset(wanted: str | None, *versions: VersionRow, description: str = "Eyes\nand more") -> list[Any]:
    """The results for dataset 1-ABC with these versions, newest first."""
    rows = replace(NO_ROWS, datasets={"1-ABC": DatasetRow("1-ABC", description, False, versions)})
    return results_of("datasets", RunPlan("x", TARGET, datasets=(RequestedDataset("1-ABC", wanted),)), facts(rows))


def test_existing_version() -> None:
    assert dataset("1.0.0", version("1.0.0")) == [("version", OK, '1-ABC 1.0.0 "Eyes"', "")]
    newer = dataset("1.0.0", version("1.1.0"), version("1.0.0"), description="")
    assert newer == [("version", OK, "1-ABC 1.0.0; 1.1.0 is newer", "")]


def test_dataset_without_versions() -> None:
    assert dataset(None) == [("version", FAILED, "1-ABC has no version", "dml dataset release 1-ABC")]
    assert dataset("1.0.0") == [
        ("version", FAILED, "1-ABC has no version 1.0.0; it has no versions", "dml dataset list")
    ]


def test_malformed_version() -> None:
    messages = dataset("newest", version("1.0.0"))
    assert messages == [
        ("version", FAILED, "1-ABC has no version newest; it has 1.0.0 (newest first)", "dml dataset list")
    ]


def test_development_version_of_an_unreleased_dataset() -> None:
    (result,) = dataset("0.1.0.dev1", version("0.1.0.dev1", snapshot=None))
    assert (result[0], result[1], result[3]) == ("development", WARNING, "dml dataset release 1-ABC")


def test_unknown_and_deleted_rids() -> None:
    place = RowLocation("1-GONE", "deriva-ml", "Dataset", True)
    details = InputDetails(elsewhere={"1-GONE": place}, looked_up=frozenset(("1-GONE",)))
    named = RunPlan(
        "x", TARGET, datasets=(RequestedDataset("1-GONE"), RequestedDataset("1-FAR")), assets=(RequestedAsset("1-FAR"),)
    )
    assert [result[2] for result in results_of("datasets", named, facts(details=details))] == [
        "1-GONE is a deleted row of deriva-ml:Dataset, not a dataset",
        f"no dataset 1-FAR in {TARGET}",
    ]
    assert [result[2] for result in results_of("assets", named, facts(details=details))] == [
        f"no asset 1-FAR in {TARGET}"
    ]


ROW = {"RID": "2-GHI", "Filename": "weights.bin", "Length": 2048, "MD5": "0" * 32, "URL": "/hatrac/x"}


@pytest.mark.parametrize(
    ("objects", "state", "message"),
    [
        ({"2-GHI": ObjectInfo("/hatrac/x", 2048, "0" * 32)}, OK, "file present"),
        ({"2-GHI": ObjectInfo("/hatrac/x", 2048, None)}, OK, "file present"),
        (
            {"2-GHI": ObjectInfo("/hatrac/x", 2048, "f" * 32)},
            FAILED,
            "the stored file does not match the length or checksum in the catalog",
        ),
        ({"2-GHI": None}, FAILED, "the file is missing from the object store"),
        ({}, OK, "in the cache"),
    ],
)
def test_stored_file_of_an_asset(objects: dict[str, ObjectInfo | None], state: State, message: str) -> None:
    table: Any = SimpleNamespace(name="Execution_Asset")
    rows = replace(NO_ROWS, assets={"2-GHI": CatalogAsset(table, ROW)})
    named = RunPlan("x", TARGET, assets=(RequestedAsset("2-GHI"),))
    (result,) = results_of("assets", named, facts(rows, InputDetails(objects=objects)))
    assert result[:2] == ("bytes", state)
    assert result[2].startswith("2-GHI weights.bin 2.0 KiB")
    assert result[2].endswith(message)


def test_existing_local_file(tmp_path: Path) -> None:
    (tmp_path / "some.csv").write_text("a,b\n")
    plan = RunPlan("x", files=(RequestedFile("some.csv"),), root=tmp_path)
    assert results_of("assets", plan) == [("file", OK, "some.csv 4 B", "")]


# Inputs, workflow, vocabulary, description -----------------------------------------------------------------------


def test_inputs_without_conflicts() -> None:
    plan = RunPlan("x", TARGET, datasets=(RequestedDataset("1-ABC"),), assets=(RequestedAsset("2-GHI"),))
    assert results_of("inputs", plan, facts()) == [("together", OK, "2 inputs, each listed once", "")]


def test_jobs_of_a_sweep_may_use_different_versions(tmp_path: Path) -> None:
    named = (RequestedDataset("1-ABC", "1.0.0"), RequestedDataset("1-ABC", "1.1.0"))
    text = "1-ABC is listed in 2 versions: 1.0.0, 1.1.0"
    sweep = RunPlan("x", TARGET, datasets=named, composition=composition(tmp_path, JOB, is_sweep=True))
    assert results_of("inputs", sweep) == [("versions", WARNING, text, "choose one")]
    assert results_of("inputs", replace(sweep, composition=None)) == [("versions", FAILED, text, "choose one")]


def test_dataset_listed_twice() -> None:
    plan = RunPlan("x", TARGET, duplicates=(("dataset", "1-ABC"),))
    assert results_of("inputs", plan) == [("duplicate", FAILED, "the dataset 1-ABC is listed twice", "")]


def test_registered_workflow() -> None:
    plan = RunPlan("x", TARGET, workflow=RequestedWorkflow(rid="4-WFL"))
    assert results_of("workflow", plan) == [("workflow", SKIPPED, "not checked (--offline)", "")]
    registered = replace(NO_ROWS, workflow={"RID": "4-WFL", "Name": "Train"})
    assert results_of("workflow", plan, facts(registered)) == [("workflow", OK, "4-WFL Train", "")]
    missing = ("workflow", FAILED, f"no workflow 4-WFL in {TARGET}", "dml workflow list")
    assert results_of("workflow", plan, facts()) == [missing]
    malformed = replace(plan, workflow=RequestedWorkflow(rid="no rid"))
    assert results_of("workflow", malformed, facts(registered))[0][1] is FAILED


def test_workflow_with_url_and_checksum() -> None:
    workflow = RequestedWorkflow("Train", ("Training",), url="https://example.org/t.py", checksum="1")
    rows = replace(NO_ROWS, workflow_types=(SimpleNamespace(name="Training", synonyms=()),))  # type: ignore[arg-type]
    plan = RunPlan("x", TARGET, workflow=workflow, workflow_types=("Training",))
    assert results_of("workflow", plan, facts(rows)) == [
        ("types", OK, "Train · Training", ""),
        ("source", OK, "https://example.org/t.py", ""),
    ]


def test_source_without_a_repository_or_remote(tmp_path: Path) -> None:
    import subprocess

    path = tmp_path / "train.py"
    path.write_text("x = 1\n")
    workflow = RequestedWorkflow("Train", ("Training",), path=path)
    without_repository = ("source", WARNING, "train.py is not in a git repository: no link will be recorded", "")
    assert (
        results_of("workflow", RunPlan("x", workflow=workflow, workflow_types=("Training",)))[1] == without_repository
    )
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    without_remote = ("source", WARNING, "train.py is in a repository without a remote: no link will be recorded", "")
    assert results_of("workflow", RunPlan("x", workflow=workflow, workflow_types=("Training",)))[1] == without_remote


def test_source_not_found(tmp_path: Path) -> None:
    function = Function("model_config", "models.net.train", None)
    plan = RunPlan("x", workflow=RequestedWorkflow("Train"), composition=composition(tmp_path, JOB, function=function))
    assert results_of("workflow", plan)[1] == (
        "source",
        FAILED,
        "the source of models.net.train was not found",
        "check the name in the config group model_config",
    )


def test_all_terms_exist() -> None:
    from dml.preflight.checks.vocabulary import NEEDED

    known: Any = tuple(SimpleNamespace(name=name, synonyms=()) for name in (*NEEDED, "File"))
    assert results_of("vocabulary", RunPlan("x"), facts(replace(NO_ROWS, asset_types=known))) == [
        ("terms", OK, "8 asset types, including those that executions need", "")
    ]


def test_description_that_will_be_recorded(tmp_path: Path) -> None:
    plan = RunPlan("x", description="# Rates\n\nmore", composition=composition(tmp_path, JOB, is_sweep=True))
    assert results_of("description", plan) == [("text", OK, '"Rates" will be recorded, with each job\'s overrides', "")]
    long = replace(plan, description="a" * 61, composition=None)
    assert results_of("description", long) == [("text", OK, f'"{"a" * 60}…" will be recorded', "")]


# Code and environment --------------------------------------------------------------------------------------------

CLEAN = CodeFacts(Path("/src"), "main", SHA, remotes=("origin",), unpushed=0, tag="v1.0.0", version="1.0.0")


def code(facts_of_git: CodeFacts, *, allow_dirty: bool = False) -> list[tuple[str, State, str, str]]:
    """The results for code in this state."""
    plan = RunPlan("x", root=Path("/src"), allow_dirty=allow_dirty)
    return results_of("code", plan, code=lambda: facts_of_git)


def test_clean_code() -> None:
    assert code(CLEAN) == [("commit", OK, "main @ 0123456, clean, pushed · v1.0.0", "")]
    assert code(replace(CLEAN, branch=""))[0][2] == "detached @ 0123456, clean, pushed · v1.0.0"


def test_dirty_code_that_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    states = [
        (CodeFacts(), "repository"),
        (CodeFacts(Path("/src")), "commit"),
        (replace(CLEAN, remotes=()), "remote"),
        (replace(CLEAN, dirty=("a.py",)), "clean"),
    ]
    for state, check in states:
        assert code(state)[0][:2] == (check, FAILED)
        assert code(state, allow_dirty=True)[0][:2] == (check, WARNING)
    monkeypatch.setenv("DERIVA_ML_ALLOW_DIRTY", "True")
    assert [code(state)[0][1] for state, _ in states] == [WARNING] * 4


def test_many_changes_and_unpushed_commits() -> None:
    changed, unpushed, _ = code(replace(CLEAN, dirty=("a", "b", "c", "d", "e"), unpushed=2))
    assert changed[2] == "uncommitted changes: a, b, c and 2 more"
    assert unpushed[2] == "2 commits are not pushed: the recorded link will not work"
    first = code(replace(CLEAN, commits_since_tag=1, version=None))[0]
    assert first[:3] == ("tag", WARNING, "1 commit since v1.0.0; no version will be recorded")


def test_many_differing_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["a", "b", "c", "d"]
    lock = "".join(f'[[package]]\nname = "{name}"\nversion = "2"\n' for name in names)
    (tmp_path / "uv.lock").write_text(f"version = 1\n{lock}")
    packages = dict.fromkeys(names, "1")
    monkeypatch.setattr(environment.shutil, "which", lambda _name: None)
    plan = RunPlan("x", composition=composition(tmp_path, JOB, python="3.11.7", packages=packages))
    lacks, differs = results_of("environment", plan)
    assert lacks[1] is SKIPPED
    assert differs[:2] == ("agree", WARNING)
    assert (
        differs[2]
        == "installed versions differ from uv.lock: a 1 (locked: 2), b 1 (locked: 2), c 1 (locked: 2) and 1 more"
    )
    matching = composition(tmp_path, JOB, python="3.11.7", packages=dict.fromkeys(names, "2"))
    assert results_of("environment", replace(plan, composition=matching))[1] == (
        "agree",
        OK,
        "Python 3.11.7; the installed packages match uv.lock",
        "",
    )


def test_comments_of_an_unreadable_module(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "half.py").write_text("# src/gone.py\nX = (\n# src/lost.py\n  'a\n")
    (tmp_path / "configs" / "bytes.py").write_bytes(b"# src/gone.py \xff\n")
    (tmp_path / "configs" / "folder.py").mkdir()
    (tmp_path / "README.md").write_bytes(b"src/gone.py \xff\n")
    results = results_of("environment", RunPlan("x", composition=composition(tmp_path, JOB, python="3.11.7")))
    assert results[0][:3] == ("documents", WARNING, "configs/half.py:1 mentions src/gone.py, which does not exist")
    assert {result[0] for result in results} == {"documents", "lock"}


# Sweep -----------------------------------------------------------------------------------------------------------


def test_sweep_of_one_job(tmp_path: Path) -> None:
    sweep = composition(
        tmp_path, JOB, is_sweep=True, job_count=1, sweeper="hydra.BasicSweeper", launcher="joblib.JoblibLauncher"
    )
    assert results_of("sweep", RunPlan("x", composition=sweep)) == [
        ("jobs", OK, "1 job with JoblibLauncher, nested in one parent", "")
    ]
