"""Each single fault in a clean project or its catalog is found and reported with its fix."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from dml.catalog.rows import delete, insert, update
from dml.dataset.curation import delete_dataset
from dml.dataset.releases import mark_dev
from dml.errors import ForbiddenError, RetryableError
from dml.execution.catalog_facts import CatalogFacts
from dml.preflight import code_facts
from dml.preflight.checks import cache as cache_check
from dml.preflight.checks import identity
from dml.preflight.results import Report, Result, State
from experiments import RetinaProject

from .sample_catalog import SampleCatalog

RunChecks = Callable[..., Report]
MISSING = "0-0000"


def problems(report: Report) -> list[Result]:
    """The failures and warnings of a report."""
    return [result for result in report.results if result.state in (State.FAILED, State.WARNING)]


def only_problem(report: Report) -> Result:
    """The only failure or warning of a report."""
    results = problems(report)
    assert len(results) == 1, [(result.group, result.check, result.message) for result in results]
    return results[0]


# Configuration ---------------------------------------------------------------------------------------------------


def test_unknown_option(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    problem = only_problem(run_checks(clean_project, "datasets=retina_huge"))
    assert (problem.group, problem.state) == ("configuration", State.FAILED)
    assert "datasets/retina_huge" in problem.message


def test_module_that_raises(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    clean_project.write("src/configs/bad.py", "raise RuntimeError('weights are missing')\n")
    clean_project.commit()
    problem = only_problem(run_checks(clean_project))
    assert problem.message == "src/configs/bad.py:1: RuntimeError: weights are missing"


def test_missing_value(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    problem = only_problem(run_checks(clean_project, "model_config.epochs=???"))
    assert (problem.check, problem.subject) == ("missing", "model_config.epochs")


def test_broken_job_of_a_sweep(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    problem = only_problem(run_checks(clean_project, "+experiment=retina_quick,retina_large,retina_odd", multirun=True))
    assert problem.message.startswith("job 2: ")


def test_placeholder_catalog(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    clean_project.edit("src/configs/deriva.py", "catalog_id=1", "catalog_id=0")
    clean_project.commit()
    problem = only_problem(run_checks(clean_project))
    assert problem.message == "catalog_id 0 on local is a placeholder, not a catalog"
    assert "--catalog" in problem.fix


def test_invalid_host(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    problem = only_problem(run_checks(clean_project, "deriva_ml.hostname='not a host'"))
    assert "is not a host name" in problem.message


def test_empty_datasets(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    clean_project.edit("src/configs/datasets.py", "[], name=", "[], name='retina_empty')\ndatasets_store([], name=")
    clean_project.commit()
    problem = only_problem(run_checks(clean_project, "datasets=retina_empty"))
    assert (problem.state, problem.check) == (State.WARNING, "empty")
    assert problems(run_checks(clean_project, "datasets=no_datasets")) == []


def test_unknown_function(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    report = run_checks(clean_project, "model_config._zen_target=models.retina_net_of_old.train")
    assert {(result.group, result.check) for result in problems(report)} == {
        ("configuration", "function"),
        ("workflow", "source"),
    }


def test_options_that_refer_to_another_catalog(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    clean_project.edit("src/configs/datasets.py", '"Training images"', '"Training images of catalog 1407"')
    clean_project.commit()
    problem = only_problem(run_checks(clean_project))
    assert "refers to catalog 1407" in problem.message


def test_broken_notebook(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    clean_project.edit("src/configs/roc.py", "roc_quick", "roc_lr_sweep")
    clean_project.commit()
    problem = only_problem(run_checks(clean_project))
    assert (problem.state, problem.check, problem.subject) == (State.WARNING, "others", "notebook roc")


# Identity and catalog --------------------------------------------------------------------------------------------


def test_unknown_catalog(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    problem = only_problem(run_checks(clean_project, "deriva_ml.catalog_id=99"))
    assert (problem.group, problem.state) == ("catalog", State.FAILED)


def test_server_that_does_not_respond(
    clean_project: RetinaProject, run_checks: RunChecks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: object) -> None:
        raise RetryableError("connection refused", hint="Is it running?")

    monkeypatch.setattr("dml.catalog.connection.Catalog.whoami", refuse)
    report = run_checks(clean_project)
    problem = only_problem(report)
    assert problem.message == "local did not respond: connection refused"
    skipped = {result.group for result in report.results if result.state is State.SKIPPED}
    assert {"catalog", "datasets", "assets", "workflow", "vocabulary", "cache"} <= skipped


def test_not_signed_in(clean_project: RetinaProject, run_checks: RunChecks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dml.catalog.connection.Catalog.whoami", lambda _self: None)
    problem = only_problem(run_checks(clean_project))
    assert "`deriva-globus-auth-utils login --host local`" in problem.fix


def identity_of(rights: dict[str, bool] | None, store: int) -> dict[str, Result]:
    """The results of the identity check on a server with these rights, whose object store returns this status."""
    document = {"schemas": {"deriva-ml": {"tables": {"Execution": {"rights": rights} if rights else {}}}}}
    target = SimpleNamespace(host="data.example.org", is_embedded=False)
    requests: list[tuple[str, str]] = []

    def answer(method: str, path: str, *, accept: tuple[int, ...]) -> SimpleNamespace:
        requests.append((method, path))
        if store not in (200, *accept):
            raise RetryableError(f"the server said {store}")
        return SimpleNamespace(response=SimpleNamespace(status_code=store))

    catalog = SimpleNamespace(target=target, host_exchange=answer)
    facts = SimpleNamespace(catalog=catalog, identity=lambda: SimpleNamespace(display_name="ada"))
    facts.schema = lambda: SimpleNamespace(document=document)
    results = list(identity.check(SimpleNamespace(catalog=facts, no_catalog_reason="")))  # type: ignore[arg-type]
    assert requests == [("GET", "/hatrac/Execution_Metadata;acl")], "the store gets one request, which only reads"
    return {result.check: result for result in results}


@pytest.mark.parametrize(
    ("rights", "state"), [({"insert": False}, State.FAILED), ({"insert": True}, State.OK), (None, State.SKIPPED)]
)
def test_rights_in_the_schema(rights: dict[str, bool] | None, state: State) -> None:
    assert identity_of(rights, 200)["rights"].state is state


@pytest.mark.parametrize(
    ("store", "state"),
    [(401, State.FAILED), (403, State.SKIPPED), (404, State.SKIPPED), (503, State.SKIPPED)],
)
def test_rights_in_the_object_store(store: int, state: State) -> None:
    assert identity_of({"insert": True}, store)["objects"].state is state


def test_owner_may_store_files() -> None:
    results = identity_of({"insert": True}, 200)
    assert set(results) == {"rights"}
    assert results["rights"].message == "ada may create executions and store files"


def test_schema_may_not_be_read(
    clean_project: RetinaProject, run_checks: RunChecks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: object) -> None:
        raise ForbiddenError("ada may not read catalog 1")

    monkeypatch.setattr(CatalogFacts, "_read_schema", refuse)
    monkeypatch.setattr("dml.catalog.connection.Catalog.schema", refuse)
    failures = [result for result in run_checks(clean_project).results if result.state is State.FAILED]
    assert {result.group for result in failures} == {"identity", "catalog"}


def test_catalog_without_the_ml_schema(
    clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog
) -> None:
    if not sample.catalog.target.is_embedded:
        return
    from dml.catalog.administration import create_catalog

    empty = create_catalog("local")
    report = run_checks(clean_project, f"deriva_ml.catalog_id={empty.catalog_id}", only=("catalog",))
    assert only_problem(report).fix == f"dml catalog init --catalog {empty}"


def test_snapshot_cannot_be_written(clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog) -> None:
    snaptime = sample.catalog.snaptime()
    identifier = f"{sample.catalog.target.catalog_id}@{snaptime}"
    problem = only_problem(run_checks(clean_project, f"deriva_ml.catalog_id='{identifier}'"))
    assert (problem.group, problem.check) == ("catalog", "snapshot")


# Datasets --------------------------------------------------------------------------------------------------------


def replace_rid(clean_project: RetinaProject, literal: str, other: str) -> None:
    """Replace an RID in the project's datasets and assets."""
    for name in ("datasets", "assets"):
        path = clean_project.configs / f"{name}.py"
        path.write_text(path.read_text().replace(f'"{literal}"', f'"{other}"'))
    clean_project.commit()


def test_unknown_dataset(clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog) -> None:
    replace_rid(clean_project, sample.dataset, MISSING)
    problem = only_problem(run_checks(clean_project))
    assert (problem.group, problem.check) == ("datasets", "exists")
    assert problem.message.startswith(f"no row {MISSING} in ")
    assert problem.fix == "edit src/configs/datasets.py:9"


def test_malformed_rid(clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog) -> None:
    replace_rid(clean_project, sample.dataset, "1-data")
    problem = only_problem(run_checks(clean_project))
    assert problem.message == "'1-data' is not a valid RID"


def test_asset_listed_as_a_dataset(clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog) -> None:
    replace_rid(clean_project, sample.dataset, sample.images[0])
    assert only_problem(run_checks(clean_project)).message == f"{sample.images[0]} is an asset of Image, not a dataset"


def test_other_row_listed_as_a_dataset(
    clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog
) -> None:
    row = insert(sample.catalog, "deriva-ml:Execution", [{"Description": "a row"}])[0]["RID"]
    replace_rid(clean_project, sample.dataset, row)
    assert only_problem(run_checks(clean_project)).message == f"{row} is a row of deriva-ml:Execution, not a dataset"


def test_deleted_dataset(clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog) -> None:
    delete_dataset(sample.catalog, sample.dataset)
    problem = only_problem(run_checks(clean_project))
    assert (problem.check, problem.message) == ("deleted", f"{sample.dataset} is marked as deleted")


def test_unknown_version(clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog) -> None:
    clean_project.edit("src/configs/datasets.py", '"0.1.0"', '"2.1.1"')
    clean_project.commit()
    problem = only_problem(run_checks(clean_project))
    assert problem.message == f"{sample.dataset} has no version 2.1.1; it has 0.1.0 (newest first)"
    assert problem.fix == "edit src/configs/datasets.py:9"


def test_development_version(clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog) -> None:
    row = mark_dev(sample.catalog, sample.dataset)
    clean_project.edit("src/configs/datasets.py", '"0.1.0"', f'"{row.text}"')
    clean_project.commit()
    problem = only_problem(run_checks(clean_project))
    assert (problem.state, problem.check) == (State.WARNING, "development")
    assert problem.fix == "use version 0.1.0"


def test_interrupted_release(clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog) -> None:
    insert(sample.catalog, "deriva-ml:Dataset_Version", [{"Dataset": sample.dataset, "Version": "0.2.0"}])
    clean_project.edit("src/configs/datasets.py", '"0.1.0"', '"0.2.0"')
    clean_project.commit()
    problem = only_problem(run_checks(clean_project))
    assert "its release was interrupted" in problem.message
    assert problem.fix == f"dml dataset release {sample.dataset}"


def test_dataset_without_a_version(clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog) -> None:
    clean_project.edit("src/configs/datasets.py", ', version="0.1.0"', "")
    clean_project.commit()
    problem = only_problem(run_checks(clean_project))
    assert problem.state is State.WARNING
    assert problem.fix == f"use {sample.dataset}@0.1.0"


# Assets ----------------------------------------------------------------------------------------------------------


def test_unknown_asset(clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog) -> None:
    replace_rid(clean_project, sample.asset, MISSING)
    problem = only_problem(run_checks(clean_project))
    assert (problem.group, problem.check) == ("assets", "exists")


def test_dataset_listed_as_an_asset(clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog) -> None:
    other = sample.add_dataset()
    replace_rid(clean_project, sample.asset, other)
    assert only_problem(run_checks(clean_project)).message == f"{other} is a dataset, not an asset"


def test_other_row_listed_as_an_asset(
    clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog
) -> None:
    row = insert(sample.catalog, "deriva-ml:Execution", [{"Description": "a row"}])[0]["RID"]
    replace_rid(clean_project, sample.asset, row)
    assert only_problem(run_checks(clean_project)).message == f"{row} is a row of deriva-ml:Execution, not an asset"


def test_deleted_asset(clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog) -> None:
    gone = sample.add_asset("gone.bin", b"gone")
    delete(sample.catalog, "deriva-ml:Execution_Asset", {"RID": gone})
    replace_rid(clean_project, sample.asset, gone)
    assert (
        only_problem(run_checks(clean_project)).message
        == f"{gone} is a deleted row of deriva-ml:Execution_Asset, not an asset"
    )


def test_missing_object(clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog) -> None:
    lost = sample.add_asset("lost.bin", b"lost", send=False)
    replace_rid(clean_project, sample.asset, lost)
    problem = only_problem(run_checks(clean_project))
    assert problem.check == "bytes"
    assert "the file is missing from the object store" in problem.message


def test_object_that_differs_from_its_row(
    clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog
) -> None:
    update(sample.catalog, "deriva-ml:Execution_Asset", [{"RID": sample.asset, "Length": 7}], columns=["Length"])
    assert "does not match the length or checksum" in only_problem(run_checks(clean_project)).message


def test_missing_local_file(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    clean_project.edit(
        "src/configs/assets.py",
        'asset_store([], name="no_assets")',
        'asset_store([{"path": "data/none.csv"}], name="no_assets")',
    )
    clean_project.commit()
    problem = only_problem(run_checks(clean_project, "assets=no_assets"))
    assert problem.message == "file data/none.csv does not exist"
    assert problem.fix == "edit src/configs/assets.py:8"
    clean_project.write("data/none.csv", "a,b\n")
    clean_project.commit()
    assert problems(run_checks(clean_project, "assets=no_assets")) == []


# Conflicts between inputs ---------------------------------------------------------------------------------------


def test_input_listed_twice(clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog) -> None:
    clean_project.edit("src/configs/assets.py", f'["{sample.asset}"]', f'["{sample.asset}", "{sample.asset}"]')
    clean_project.commit()
    problem = only_problem(run_checks(clean_project))
    assert problem.message == f"the asset {sample.asset} is listed twice"


def test_dataset_in_two_versions(clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog) -> None:
    from dml.dataset.releases import release

    mark_dev(sample.catalog, sample.dataset)
    release(sample.catalog, sample.dataset)
    spec = f'DatasetSpecConfig(rid="{sample.dataset}", version="0.1.0")'
    clean_project.edit("src/configs/datasets.py", f"[{spec}]", f"[{spec}, {spec.replace('0.1.0', '0.2.0')}]")
    clean_project.commit()
    checks = {(result.group, result.check) for result in problems(run_checks(clean_project))}
    assert checks == {("inputs", "duplicate"), ("inputs", "versions")}


def test_dataset_also_listed_as_an_asset(
    clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog
) -> None:
    replace_rid(clean_project, sample.asset, sample.dataset)
    checks = {(result.group, result.check) for result in problems(run_checks(clean_project))}
    assert checks == {("inputs", "role"), ("assets", "exists")}


def test_dataset_nested_in_another_input(
    clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog
) -> None:
    outer = sample.add_dataset(nested=[sample.dataset])
    spec = f'DatasetSpecConfig(rid="{sample.dataset}", version="0.1.0")'
    clean_project.edit("src/configs/datasets.py", f"[{spec}]", f"[{spec}, {spec.replace(sample.dataset, outer)}]")
    clean_project.commit()
    problem = only_problem(run_checks(clean_project))
    assert problem.message == f"{sample.dataset} is nested in {outer}: its members are included twice"


def test_two_assets_with_the_same_name(
    clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog
) -> None:
    other = sample.add_asset("weights.bin", b"other weights")
    clean_project.edit("src/configs/assets.py", f'["{sample.asset}"]', f'["{sample.asset}", "{other}"]')
    clean_project.commit()
    assert "2 inputs have the name" in only_problem(run_checks(clean_project)).message


# Workflow, vocabulary, description ---------------------------------------------------------------------------------


def test_workflow_type_that_is_not_a_term(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    clean_project.edit("src/configs/workflow.py", '["Training"]', '["Image Classification"]')
    clean_project.commit()
    problem = only_problem(run_checks(clean_project))
    assert problem.message.startswith('no term "Image Classification" in Workflow_Type; nearest: ')
    assert problem.fix == "dml vocab add Workflow_Type 'Image Classification' -d \"…\""


def test_workflow_without_a_type_or_a_name(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    assert only_problem(run_checks(clean_project, "workflow.workflow_type=[]")).check == "types"
    assert only_problem(run_checks(clean_project, "workflow.name=''")).check == "name"


def test_no_workflow(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    checks = {(result.group, result.check) for result in problems(run_checks(clean_project, "~workflow"))}
    assert checks == {("configuration", "missing"), ("workflow", "workflow")}


def test_registered_workflow(clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog) -> None:
    workflow = insert(
        sample.catalog, "deriva-ml:Workflow", [{"Name": "Old", "URL": "https://example.org/a", "Checksum": "1"}]
    )[0]
    assert problems(run_checks(clean_project, f"workflow.workflow_rid={workflow['RID']}")) == []
    problem = only_problem(run_checks(clean_project, f"workflow.workflow_rid={MISSING}"))
    assert "no workflow" in problem.message


def test_missing_term_that_executions_need(
    clean_project: RetinaProject, run_checks: RunChecks, sample: SampleCatalog
) -> None:
    if not sample.catalog.target.is_embedded:
        return
    delete(sample.catalog, "deriva-ml:Asset_Type", {"Name": "Hydra_Config"})
    problem = only_problem(run_checks(clean_project))
    assert (problem.group, problem.subject) == ("vocabulary", "Hydra_Config")


def test_no_description(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    assert only_problem(run_checks(clean_project, "description=''")).group == "description"


# Cache -----------------------------------------------------------------------------------------------------------


def test_full_disk(clean_project: RetinaProject, run_checks: RunChecks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_check, "free_bytes", lambda _place: 900)
    problem = only_problem(run_checks(clean_project))
    assert problem.check == "disk"
    assert "1009 B to download, but only 900 B free" in problem.message.replace("1.0 KiB", "1009 B")


def test_unknown_free_space(
    clean_project: RetinaProject, run_checks: RunChecks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_check, "free_bytes", lambda _place: None)
    report = run_checks(clean_project)
    assert [result.check for result in report.of("cache") if result.state is State.SKIPPED] == ["disk"]


def test_workspace_that_is_not_writable(
    clean_project: RetinaProject, run_checks: RunChecks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_check, "is_writable", lambda _place: False)
    assert only_problem(run_checks(clean_project)).check == "workspace"


def test_workspace_on_a_network_file_system(
    clean_project: RetinaProject, run_checks: RunChecks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_check, "file_system_type", lambda _place: "nfs4")
    problem = only_problem(run_checks(clean_project))
    assert (problem.state, problem.check) == (State.WARNING, "workspace")


# Code ------------------------------------------------------------------------------------------------------------


def test_uncommitted_changes(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    clean_project.write("src/models/new.py", "x = 1\n")
    problem = only_problem(run_checks(clean_project))
    assert (problem.group, problem.check, problem.state) == ("code", "clean", State.FAILED)
    assert "src/models/new.py" in problem.message
    assert only_problem(run_checks(clean_project, allow_dirty=True)).state is State.WARNING


def test_unpushed_commits(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    clean_project.git("commit", "-q", "--allow-empty", "-m", "more")
    report = run_checks(clean_project)
    assert {result.check for result in problems(report)} == {"pushed", "tag"}
    assert next(result for result in problems(report) if result.check == "pushed").message.startswith(
        "1 commit is not pushed"
    )


def test_commits_since_the_version_tag(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    clean_project.commit("more", tag=False)
    clean_project.commit("and more", tag=False)
    problem = only_problem(run_checks(clean_project))
    assert problem.message.startswith("2 commits since v0.3.1; the recorded version will be 0.3.2.dev2+g")
    assert problem.fix == "dml bump patch"


def test_no_version_tag(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    clean_project.git("tag", "-d", "v0.3.1")
    assert only_problem(run_checks(clean_project)).message == "no version tag; the recorded version will be 0.3.1"


def test_no_remote(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    clean_project.git("remote", "remove", "origin")
    report = run_checks(clean_project)
    assert {(result.group, result.check) for result in problems(report)} == {("code", "remote"), ("workflow", "source")}


def test_nothing_pushed_yet(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    clean_project.git("update-ref", "-d", "refs/remotes/origin/main")
    assert only_problem(run_checks(clean_project)).message == "nothing has been pushed yet"


def test_no_repository(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    shutil.rmtree(clean_project.root / ".git")
    report = run_checks(clean_project)
    assert {(result.group, result.check) for result in problems(report)} == {
        ("code", "repository"),
        ("workflow", "source"),
    }


def test_no_commit(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    shutil.rmtree(clean_project.root / ".git")
    clean_project.git("init", "-q")
    assert "commit" in {result.check for result in problems(run_checks(clean_project)) if result.group == "code"}


def test_git_not_installed(
    clean_project: RetinaProject, run_checks: RunChecks, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dml.errors import DmlError

    def refuse(_path: Path) -> None:
        raise DmlError("git is not installed")

    monkeypatch.setattr(code_facts.git, "open_repository", refuse)
    report = run_checks(clean_project)
    assert [result.message for result in report.of("code")] == ["git is not installed"]


# Environment -----------------------------------------------------------------------------------------------------

LOCK = """version = 1
requires-python = ">=3.10"

[[package]]
name = "retina"
version = "0.3.1"
source = { editable = "." }

[[package]]
name = "hydra-zen"
version = "%s"
source = { registry = "https://example.org/simple" }
"""


def installed(name: str) -> str:
    from importlib.metadata import version

    return version(name)


def test_matching_lock(clean_project: RetinaProject, run_checks: RunChecks, no_uv: None) -> None:
    clean_project.write("uv.lock", LOCK % installed("hydra-zen"))
    clean_project.git("add", "-A")
    report = run_checks(clean_project, only=("environment",))
    assert problems(report) == []
    assert [result.state for result in report.results] == [State.SKIPPED, State.OK]


def test_packages_that_differ_from_the_lock(clean_project: RetinaProject, run_checks: RunChecks, no_uv: None) -> None:
    clean_project.write("uv.lock", LOCK % "0.0.1")
    problem = only_problem(run_checks(clean_project, only=("environment",)))
    assert (
        problem.message == f"installed versions differ from uv.lock: hydra-zen {installed('hydra-zen')} (locked: 0.0.1)"
    )
    assert problem.fix == "uv sync"


def test_unreadable_lock(clean_project: RetinaProject, run_checks: RunChecks, no_uv: None) -> None:
    clean_project.write("uv.lock", "not toml [")
    assert only_problem(run_checks(clean_project, only=("environment",))).check == "agree"


def test_lock_without_an_environment(
    clean_project: RetinaProject, run_checks: RunChecks, no_uv: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean_project.write("uv.lock", LOCK % installed("hydra-zen"))
    (clean_project.root / ".venv").unlink()
    monkeypatch.setenv("PATH", f"{clean_project.python.parent}:/usr/bin:/bin")
    problem = only_problem(run_checks(clean_project, only=("environment",)))
    assert problem.check == "interpreter"


@pytest.mark.parametrize(
    ("code", "output", "state"),
    [
        (0, "", State.OK),
        (1, "error: The lockfile at `uv.lock` needs to be updated", State.FAILED),
        (2, "error: Failed to fetch: no route to host", State.SKIPPED),
    ],
)
def test_output_of_uv(
    clean_project: RetinaProject,
    run_checks: RunChecks,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    code: int,
    output: str,
    state: State,
) -> None:
    clean_project.write("uv.lock", LOCK % installed("hydra-zen"))
    uv = tmp_path / "tools" / "uv"
    uv.parent.mkdir()
    uv.write_text(f"#!/bin/sh\necho '{output}' >&2\nexit {code}\n")
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", f"{uv.parent}:{Path('/usr/bin')}:{Path('/bin')}")
    first = run_checks(clean_project, only=("environment",)).results[0]
    assert (first.check, first.state) == ("lock", state)


def test_uv_that_does_not_finish(
    clean_project: RetinaProject, run_checks: RunChecks, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dml.preflight.checks import environment

    def never(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("uv", 60)

    clean_project.write("uv.lock", LOCK % installed("hydra-zen"))
    monkeypatch.setattr(environment.shutil, "which", lambda *_: "/nowhere/uv")
    monkeypatch.setattr(
        environment, "subprocess", SimpleNamespace(run=never, DEVNULL=-3, TimeoutExpired=subprocess.TimeoutExpired)
    )
    assert (
        run_checks(clean_project, only=("environment",)).results[0].message
        == "uv lock --check did not finish: TimeoutExpired"
    )


def test_readme_that_mentions_missing_files(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    clean_project.write("README.md", "# Retina\n\nRun `src/deriva_run.py`, or list with `deriva-ml-run --info`.\n")
    messages = [result.message for result in problems(run_checks(clean_project, only=("environment",)))]
    assert messages == [
        "README.md:3 mentions src/deriva_run.py, which does not exist",
        "README.md:3 lists configurations with --info; use --list-configs",
    ]


# Sweep -----------------------------------------------------------------------------------------------------------


def test_very_large_sweep(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    problem = only_problem(run_checks(clean_project, "model_config.epochs=range(1,200)", multirun=True, job_limit=5))
    assert (problem.group, problem.check) == ("sweep", "jobs")


def test_identical_jobs(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    problem = only_problem(run_checks(clean_project, "model_config.epochs=1,1", multirun=True))
    assert problem.message == "1 of 2 jobs repeats the configuration of another job"


def test_jobs_on_different_catalogs(clean_project: RetinaProject, run_checks: RunChecks) -> None:
    problem = only_problem(run_checks(clean_project, "deriva_ml=default_deriva,local_2", multirun=True))
    assert problem.check == "targets"
