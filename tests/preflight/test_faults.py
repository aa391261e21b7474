"""Each single fault, planted in a good project or its catalog, is found, and told with what mends it."""

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

from .world import World

Checked = Callable[..., Report]
MISSING = "0-0000"


def wrong(report: Report) -> list[Result]:
    """What is not well."""
    return [one for one in report.results if one.state in (State.FAILED, State.WARNING)]


def only_fault(report: Report) -> Result:
    """The one thing that is not well."""
    found = wrong(report)
    assert len(found) == 1, [(one.group, one.check, one.message) for one in found]
    return found[0]


# Configuration ---------------------------------------------------------------------------------------------------


def test_an_option_that_does_not_exist(good: RetinaProject, checked: Checked) -> None:
    fault = only_fault(checked(good, "datasets=retina_huge"))
    assert (fault.group, fault.state) == ("configuration", State.FAILED)
    assert "datasets/retina_huge" in fault.message


def test_a_module_that_raises(good: RetinaProject, checked: Checked) -> None:
    good.write("src/configs/bad.py", "raise RuntimeError('weights are missing')\n")
    good.commit()
    fault = only_fault(checked(good))
    assert fault.message == "src/configs/bad.py:1: RuntimeError: weights are missing"


def test_a_value_that_is_missing(good: RetinaProject, checked: Checked) -> None:
    fault = only_fault(checked(good, "model_config.epochs=???"))
    assert (fault.check, fault.subject) == ("missing", "model_config.epochs")


def test_one_job_of_a_sweep_that_does_not_compose(good: RetinaProject, checked: Checked) -> None:
    fault = only_fault(checked(good, "+experiment=retina_quick,retina_large,retina_odd", multirun=True))
    assert fault.message.startswith("job 2: ")


def test_a_placeholder_for_the_catalog(good: RetinaProject, checked: Checked) -> None:
    good.edit("src/configs/deriva.py", "catalog_id=1", "catalog_id=0")
    good.commit()
    fault = only_fault(checked(good))
    assert fault.message == "catalog_id 0 on local is a placeholder, not a catalog"
    assert "--catalog" in fault.fix


def test_a_host_that_is_none(good: RetinaProject, checked: Checked) -> None:
    fault = only_fault(checked(good, "deriva_ml.hostname='not a host'"))
    assert "is not a host name" in fault.message


def test_empty_datasets(good: RetinaProject, checked: Checked) -> None:
    good.edit("src/configs/datasets.py", "[], name=", "[], name='retina_empty')\ndatasets_store([], name=")
    good.commit()
    fault = only_fault(checked(good, "datasets=retina_empty"))
    assert (fault.state, fault.check) == (State.WARNING, "empty")
    assert wrong(checked(good, "datasets=no_datasets")) == []


def test_a_function_that_is_not_there(good: RetinaProject, checked: Checked) -> None:
    report = checked(good, "model_config._zen_target=models.retina_net_of_old.train")
    assert {(one.group, one.check) for one in wrong(report)} == {("configuration", "function"), ("workflow", "source")}


def test_options_that_speak_of_another_catalog(good: RetinaProject, checked: Checked) -> None:
    good.edit("src/configs/datasets.py", '"Training images"', '"Training images of catalog 1407"')
    good.commit()
    fault = only_fault(checked(good))
    assert "refers to catalog 1407" in fault.message


def test_a_notebook_that_does_not_compose(good: RetinaProject, checked: Checked) -> None:
    good.edit("src/configs/roc.py", "roc_quick", "roc_lr_sweep")
    good.commit()
    fault = only_fault(checked(good))
    assert (fault.state, fault.check, fault.subject) == (State.WARNING, "others", "notebook roc")


# Identity and catalog --------------------------------------------------------------------------------------------


def test_a_catalog_that_is_not_there(good: RetinaProject, checked: Checked) -> None:
    fault = only_fault(checked(good, "deriva_ml.catalog_id=99"))
    assert (fault.group, fault.state) == ("catalog", State.FAILED)


def test_a_server_that_does_not_answer(good: RetinaProject, checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: object) -> None:
        raise RetryableError("connection refused", hint="Is it running?")

    monkeypatch.setattr("dml.catalog.connection.Catalog.whoami", refuse)
    report = checked(good)
    fault = only_fault(report)
    assert fault.message == "local did not respond: connection refused"
    skipped = {one.group for one in report.results if one.state is State.SKIPPED}
    assert {"catalog", "datasets", "assets", "workflow", "vocabulary", "cache"} <= skipped


def test_nobody_is_signed_in(good: RetinaProject, checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dml.catalog.connection.Catalog.whoami", lambda _self: None)
    fault = only_fault(checked(good))
    assert "`deriva-globus-auth-utils login --host local`" in fault.fix


def identity_of(rights: dict[str, bool] | None, store: int) -> dict[str, Result]:
    """What the check of the identity finds on a server that grants these rights and answers for its store so."""
    document = {"schemas": {"deriva-ml": {"tables": {"Execution": {"rights": rights} if rights else {}}}}}
    target = SimpleNamespace(host="data.example.org", is_embedded=False)
    asked: list[tuple[str, str]] = []

    def answer(method: str, path: str, *, accept: tuple[int, ...]) -> SimpleNamespace:
        asked.append((method, path))
        if store not in (200, *accept):
            raise RetryableError(f"the server said {store}")
        return SimpleNamespace(response=SimpleNamespace(status_code=store))

    catalog = SimpleNamespace(target=target, host_exchange=answer)
    facts = SimpleNamespace(catalog=catalog, identity=lambda: SimpleNamespace(display_name="ada"))
    facts.schema = lambda: SimpleNamespace(document=document)
    found = list(identity.check(SimpleNamespace(catalog=facts, no_catalog_reason="")))  # type: ignore[arg-type]
    assert asked == [("GET", "/hatrac/Execution_Metadata;acl")], "the store is asked once, and only asked"
    return {one.check: one for one in found}


@pytest.mark.parametrize(
    ("rights", "state"), [({"insert": False}, State.FAILED), ({"insert": True}, State.OK), (None, State.SKIPPED)]
)
def test_what_a_server_says_about_our_rights(rights: dict[str, bool] | None, state: State) -> None:
    assert identity_of(rights, 200)["rights"].state is state


@pytest.mark.parametrize(
    ("store", "state"),
    [(401, State.FAILED), (403, State.SKIPPED), (404, State.SKIPPED), (503, State.SKIPPED)],
)
def test_what_the_object_store_says_about_our_rights(store: int, state: State) -> None:
    assert identity_of({"insert": True}, store)["objects"].state is state


def test_an_owner_may_store_files() -> None:
    found = identity_of({"insert": True}, 200)
    assert set(found) == {"rights"}
    assert found["rights"].message == "ada may create executions and store files"


def test_we_may_not_read_the_model(good: RetinaProject, checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: object) -> None:
        raise ForbiddenError("ada may not read catalog 1")

    monkeypatch.setattr(CatalogFacts, "_read_schema", refuse)
    monkeypatch.setattr("dml.catalog.connection.Catalog.schema", refuse)
    failures = [one for one in checked(good).results if one.state is State.FAILED]
    assert {one.group for one in failures} == {"identity", "catalog"}


def test_a_catalog_without_the_ml_schema(good: RetinaProject, checked: Checked, world: World) -> None:
    if not world.catalog.target.is_embedded:
        return
    from dml.catalog.administration import create_catalog

    empty = create_catalog("local")
    report = checked(good, f"deriva_ml.catalog_id={empty.catalog_id}", only=("catalog",))
    assert only_fault(report).fix == f"dml catalog init --catalog {empty}"


def test_a_snapshot_cannot_be_written(good: RetinaProject, checked: Checked, world: World) -> None:
    snaptime = world.catalog.snaptime()
    identifier = f"{world.catalog.target.catalog_id}@{snaptime}"
    fault = only_fault(checked(good, f"deriva_ml.catalog_id='{identifier}'"))
    assert (fault.group, fault.check) == ("catalog", "snapshot")


# Datasets --------------------------------------------------------------------------------------------------------


def planted(good: RetinaProject, literal: str, other: str) -> None:
    """Replace a literal in the project's datasets and assets."""
    for name in ("datasets", "assets"):
        path = good.configs / f"{name}.py"
        path.write_text(path.read_text().replace(f'"{literal}"', f'"{other}"'))
    good.commit()


def test_a_dataset_that_does_not_exist(good: RetinaProject, checked: Checked, world: World) -> None:
    planted(good, world.dataset, MISSING)
    fault = only_fault(checked(good))
    assert (fault.group, fault.check) == ("datasets", "exists")
    assert fault.message.startswith(f"no row {MISSING} in ")
    assert fault.fix == "edit src/configs/datasets.py:9"


def test_a_malformed_rid(good: RetinaProject, checked: Checked, world: World) -> None:
    planted(good, world.dataset, "1-data")
    fault = only_fault(checked(good))
    assert fault.message == "'1-data' is not a valid RID"


def test_an_asset_named_as_a_dataset(good: RetinaProject, checked: Checked, world: World) -> None:
    planted(good, world.dataset, world.images[0])
    assert only_fault(checked(good)).message == f"{world.images[0]} is an asset of Image, not a dataset"


def test_another_row_named_as_a_dataset(good: RetinaProject, checked: Checked, world: World) -> None:
    row = insert(world.catalog, "deriva-ml:Execution", [{"Description": "a row"}])[0]["RID"]
    planted(good, world.dataset, row)
    assert only_fault(checked(good)).message == f"{row} is a row of deriva-ml:Execution, not a dataset"


def test_a_deleted_dataset(good: RetinaProject, checked: Checked, world: World) -> None:
    delete_dataset(world.catalog, world.dataset)
    fault = only_fault(checked(good))
    assert (fault.check, fault.message) == ("deleted", f"{world.dataset} is marked as deleted")


def test_a_version_that_does_not_exist(good: RetinaProject, checked: Checked, world: World) -> None:
    good.edit("src/configs/datasets.py", '"0.1.0"', '"2.1.1"')
    good.commit()
    fault = only_fault(checked(good))
    assert fault.message == f"{world.dataset} has no version 2.1.1; it has 0.1.0 (newest first)"
    assert fault.fix == "edit src/configs/datasets.py:9"


def test_a_development_version(good: RetinaProject, checked: Checked, world: World) -> None:
    row = mark_dev(world.catalog, world.dataset)
    good.edit("src/configs/datasets.py", '"0.1.0"', f'"{row.text}"')
    good.commit()
    fault = only_fault(checked(good))
    assert (fault.state, fault.check) == (State.WARNING, "development")
    assert fault.fix == "use version 0.1.0"


def test_a_release_that_was_interrupted(good: RetinaProject, checked: Checked, world: World) -> None:
    insert(world.catalog, "deriva-ml:Dataset_Version", [{"Dataset": world.dataset, "Version": "0.2.0"}])
    good.edit("src/configs/datasets.py", '"0.1.0"', '"0.2.0"')
    good.commit()
    fault = only_fault(checked(good))
    assert "its release was interrupted" in fault.message
    assert fault.fix == f"dml dataset release {world.dataset}"


def test_a_dataset_without_a_version(good: RetinaProject, checked: Checked, world: World) -> None:
    good.edit("src/configs/datasets.py", ', version="0.1.0"', "")
    good.commit()
    fault = only_fault(checked(good))
    assert fault.state is State.WARNING
    assert fault.fix == f"use {world.dataset}@0.1.0"


# Assets ----------------------------------------------------------------------------------------------------------


def test_an_asset_that_does_not_exist(good: RetinaProject, checked: Checked, world: World) -> None:
    planted(good, world.asset, MISSING)
    fault = only_fault(checked(good))
    assert (fault.group, fault.check) == ("assets", "exists")


def test_a_dataset_named_as_an_asset(good: RetinaProject, checked: Checked, world: World) -> None:
    other = world.add_dataset()
    planted(good, world.asset, other)
    assert only_fault(checked(good)).message == f"{other} is a dataset, not an asset"


def test_a_row_of_another_table_named_as_an_asset(good: RetinaProject, checked: Checked, world: World) -> None:
    row = insert(world.catalog, "deriva-ml:Execution", [{"Description": "a row"}])[0]["RID"]
    planted(good, world.asset, row)
    assert only_fault(checked(good)).message == f"{row} is a row of deriva-ml:Execution, not an asset"


def test_an_asset_that_was_deleted(good: RetinaProject, checked: Checked, world: World) -> None:
    gone = world.add_asset("gone.bin", b"gone")
    delete(world.catalog, "deriva-ml:Execution_Asset", {"RID": gone})
    planted(good, world.asset, gone)
    assert only_fault(checked(good)).message == f"{gone} is a deleted row of deriva-ml:Execution_Asset, not an asset"


def test_bytes_that_are_not_there(good: RetinaProject, checked: Checked, world: World) -> None:
    lost = world.add_asset("lost.bin", b"lost", send=False)
    planted(good, world.asset, lost)
    fault = only_fault(checked(good))
    assert fault.check == "bytes"
    assert "the file is missing from the object store" in fault.message


def test_bytes_that_are_others(good: RetinaProject, checked: Checked, world: World) -> None:
    update(world.catalog, "deriva-ml:Execution_Asset", [{"RID": world.asset, "Length": 7}], columns=["Length"])
    assert "does not match the length or checksum" in only_fault(checked(good)).message


def test_a_local_file_that_is_not_there(good: RetinaProject, checked: Checked) -> None:
    good.edit(
        "src/configs/assets.py",
        'asset_store([], name="no_assets")',
        'asset_store([{"path": "data/none.csv"}], name="no_assets")',
    )
    good.commit()
    fault = only_fault(checked(good, "assets=no_assets"))
    assert fault.message == "file data/none.csv does not exist"
    assert fault.fix == "edit src/configs/assets.py:8"
    good.write("data/none.csv", "a,b\n")
    good.commit()
    assert wrong(checked(good, "assets=no_assets")) == []


# Inputs against each other ---------------------------------------------------------------------------------------


def test_an_input_named_twice(good: RetinaProject, checked: Checked, world: World) -> None:
    good.edit("src/configs/assets.py", f'["{world.asset}"]', f'["{world.asset}", "{world.asset}"]')
    good.commit()
    fault = only_fault(checked(good))
    assert fault.message == f"the asset {world.asset} is listed twice"


def test_a_dataset_in_two_versions(good: RetinaProject, checked: Checked, world: World) -> None:
    from dml.dataset.releases import release

    mark_dev(world.catalog, world.dataset)
    release(world.catalog, world.dataset)
    spec = f'DatasetSpecConfig(rid="{world.dataset}", version="0.1.0")'
    good.edit("src/configs/datasets.py", f"[{spec}]", f"[{spec}, {spec.replace('0.1.0', '0.2.0')}]")
    good.commit()
    checks = {(one.group, one.check) for one in wrong(checked(good))}
    assert checks == {("inputs", "duplicate"), ("inputs", "versions")}


def test_a_dataset_named_as_an_asset_as_well(good: RetinaProject, checked: Checked, world: World) -> None:
    planted(good, world.asset, world.dataset)
    checks = {(one.group, one.check) for one in wrong(checked(good))}
    assert checks == {("inputs", "role"), ("assets", "exists")}


def test_a_dataset_nested_in_another_input(good: RetinaProject, checked: Checked, world: World) -> None:
    outer = world.add_dataset(nested=[world.dataset])
    spec = f'DatasetSpecConfig(rid="{world.dataset}", version="0.1.0")'
    good.edit("src/configs/datasets.py", f"[{spec}]", f"[{spec}, {spec.replace(world.dataset, outer)}]")
    good.commit()
    fault = only_fault(checked(good))
    assert fault.message == f"{world.dataset} is nested in {outer}: its members are included twice"


def test_two_assets_of_one_name(good: RetinaProject, checked: Checked, world: World) -> None:
    other = world.add_asset("weights.bin", b"other weights")
    good.edit("src/configs/assets.py", f'["{world.asset}"]', f'["{world.asset}", "{other}"]')
    good.commit()
    assert "2 inputs have the name" in only_fault(checked(good)).message


# Workflow, vocabulary, description ---------------------------------------------------------------------------------


def test_a_workflow_type_that_is_no_term(good: RetinaProject, checked: Checked) -> None:
    good.edit("src/configs/workflow.py", '["Training"]', '["Image Classification"]')
    good.commit()
    fault = only_fault(checked(good))
    assert fault.message.startswith('no term "Image Classification" in Workflow_Type; nearest: ')
    assert fault.fix == "dml vocab add Workflow_Type 'Image Classification' -d \"…\""


def test_a_workflow_without_a_type_or_a_name(good: RetinaProject, checked: Checked) -> None:
    assert only_fault(checked(good, "workflow.workflow_type=[]")).check == "types"
    assert only_fault(checked(good, "workflow.name=''")).check == "name"


def test_no_workflow_at_all(good: RetinaProject, checked: Checked) -> None:
    checks = {(one.group, one.check) for one in wrong(checked(good, "~workflow"))}
    assert checks == {("configuration", "missing"), ("workflow", "workflow")}


def test_a_registered_workflow(good: RetinaProject, checked: Checked, world: World) -> None:
    there = insert(
        world.catalog, "deriva-ml:Workflow", [{"Name": "Old", "URL": "https://example.org/a", "Checksum": "1"}]
    )[0]
    assert wrong(checked(good, f"workflow.workflow_rid={there['RID']}")) == []
    fault = only_fault(checked(good, f"workflow.workflow_rid={MISSING}"))
    assert "no workflow" in fault.message


def test_a_term_that_executions_need(good: RetinaProject, checked: Checked, world: World) -> None:
    if not world.catalog.target.is_embedded:
        return
    delete(world.catalog, "deriva-ml:Asset_Type", {"Name": "Hydra_Config"})
    fault = only_fault(checked(good))
    assert (fault.group, fault.subject) == ("vocabulary", "Hydra_Config")


def test_no_description(good: RetinaProject, checked: Checked) -> None:
    assert only_fault(checked(good, "description=''")).group == "description"


# Cache -----------------------------------------------------------------------------------------------------------


def test_a_full_disk(good: RetinaProject, checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_check, "free_bytes", lambda _place: 900)
    fault = only_fault(checked(good))
    assert fault.check == "disk"
    assert "1009 B to download, but only 900 B free" in fault.message.replace("1.0 KiB", "1009 B")


def test_a_disk_that_tells_nothing(good: RetinaProject, checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_check, "free_bytes", lambda _place: None)
    report = checked(good)
    assert [one.check for one in report.of("cache") if one.state is State.SKIPPED] == ["disk"]


def test_a_workspace_that_cannot_be_written(
    good: RetinaProject, checked: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_check, "is_writable", lambda _place: False)
    assert only_fault(checked(good)).check == "workspace"


def test_a_workspace_on_a_network_file_system(
    good: RetinaProject, checked: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_check, "file_system_type", lambda _place: "nfs4")
    fault = only_fault(checked(good))
    assert (fault.state, fault.check) == (State.WARNING, "workspace")


# Code ------------------------------------------------------------------------------------------------------------


def test_uncommitted_changes(good: RetinaProject, checked: Checked) -> None:
    good.write("src/models/new.py", "x = 1\n")
    fault = only_fault(checked(good))
    assert (fault.group, fault.check, fault.state) == ("code", "clean", State.FAILED)
    assert "src/models/new.py" in fault.message
    assert only_fault(checked(good, allow_dirty=True)).state is State.WARNING


def test_commits_that_are_not_pushed(good: RetinaProject, checked: Checked) -> None:
    good.git("commit", "-q", "--allow-empty", "-m", "more")
    report = checked(good)
    assert {one.check for one in wrong(report)} == {"pushed", "tag"}
    assert next(one for one in wrong(report) if one.check == "pushed").message.startswith("1 commit is not pushed")


def test_commits_after_the_version_tag(good: RetinaProject, checked: Checked) -> None:
    good.commit("more", tag=False)
    good.commit("and more", tag=False)
    fault = only_fault(checked(good))
    assert fault.message.startswith("2 commits since v0.3.1; the recorded version will be 0.3.2.dev2+g")
    assert fault.fix == "dml bump patch"


def test_no_version_tag(good: RetinaProject, checked: Checked) -> None:
    good.git("tag", "-d", "v0.3.1")
    assert only_fault(checked(good)).message == "no version tag; the recorded version will be 0.3.1"


def test_no_remote(good: RetinaProject, checked: Checked) -> None:
    good.git("remote", "remove", "origin")
    report = checked(good)
    assert {(one.group, one.check) for one in wrong(report)} == {("code", "remote"), ("workflow", "source")}


def test_nothing_was_ever_pushed(good: RetinaProject, checked: Checked) -> None:
    good.git("update-ref", "-d", "refs/remotes/origin/main")
    assert only_fault(checked(good)).message == "nothing has been pushed yet"


def test_no_repository(good: RetinaProject, checked: Checked) -> None:
    shutil.rmtree(good.root / ".git")
    report = checked(good)
    assert {(one.group, one.check) for one in wrong(report)} == {("code", "repository"), ("workflow", "source")}


def test_no_commit(good: RetinaProject, checked: Checked) -> None:
    shutil.rmtree(good.root / ".git")
    good.git("init", "-q")
    assert "commit" in {one.check for one in wrong(checked(good)) if one.group == "code"}


def test_git_that_cannot_be_asked(good: RetinaProject, checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    from dml.errors import DmlError

    def refuse(_path: Path) -> None:
        raise DmlError("git is not installed")

    monkeypatch.setattr(code_facts.git, "open_repository", refuse)
    report = checked(good)
    assert [one.message for one in report.of("code")] == ["git is not installed"]


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


def test_a_lock_that_agrees(good: RetinaProject, checked: Checked, without_uv: None) -> None:
    good.write("uv.lock", LOCK % installed("hydra-zen"))
    good.git("add", "-A")
    report = checked(good, only=("environment",))
    assert wrong(report) == []
    assert [one.state for one in report.results] == [State.SKIPPED, State.OK]


def test_packages_that_differ_from_the_lock(good: RetinaProject, checked: Checked, without_uv: None) -> None:
    good.write("uv.lock", LOCK % "0.0.1")
    fault = only_fault(checked(good, only=("environment",)))
    assert (
        fault.message == f"installed versions differ from uv.lock: hydra-zen {installed('hydra-zen')} (locked: 0.0.1)"
    )
    assert fault.fix == "uv sync"


def test_a_lock_that_cannot_be_read(good: RetinaProject, checked: Checked, without_uv: None) -> None:
    good.write("uv.lock", "not toml [")
    assert only_fault(checked(good, only=("environment",))).check == "agree"


def test_a_lock_without_an_environment(
    good: RetinaProject, checked: Checked, without_uv: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    good.write("uv.lock", LOCK % installed("hydra-zen"))
    (good.root / ".venv").unlink()
    monkeypatch.setenv("PATH", f"{good.python.parent}:/usr/bin:/bin")
    fault = only_fault(checked(good, only=("environment",)))
    assert fault.check == "interpreter"


@pytest.mark.parametrize(
    ("code", "said", "state"),
    [
        (0, "", State.OK),
        (1, "error: The lockfile at `uv.lock` needs to be updated", State.FAILED),
        (2, "error: Failed to fetch: no route to host", State.SKIPPED),
    ],
)
def test_what_uv_says_about_the_lock(
    good: RetinaProject,
    checked: Checked,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    code: int,
    said: str,
    state: State,
) -> None:
    good.write("uv.lock", LOCK % installed("hydra-zen"))
    uv = tmp_path / "tools" / "uv"
    uv.parent.mkdir()
    uv.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit {code}\n")
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", f"{uv.parent}:{Path('/usr/bin')}:{Path('/bin')}")
    first = checked(good, only=("environment",)).results[0]
    assert (first.check, first.state) == ("lock", state)


def test_uv_that_does_not_end(good: RetinaProject, checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    from dml.preflight.checks import environment

    def never(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("uv", 60)

    good.write("uv.lock", LOCK % installed("hydra-zen"))
    monkeypatch.setattr(environment.shutil, "which", lambda *_: "/nowhere/uv")
    monkeypatch.setattr(
        environment, "subprocess", SimpleNamespace(run=never, DEVNULL=-3, TimeoutExpired=subprocess.TimeoutExpired)
    )
    assert checked(good, only=("environment",)).results[0].message == "uv lock --check did not finish: TimeoutExpired"


def test_documents_that_name_what_is_gone(good: RetinaProject, checked: Checked) -> None:
    good.write("README.md", "# Retina\n\nRun `src/deriva_run.py`, or list with `deriva-ml-run --info`.\n")
    messages = [one.message for one in wrong(checked(good, only=("environment",)))]
    assert messages == [
        "README.md:3 mentions src/deriva_run.py, which does not exist",
        "README.md:3 lists configurations with --info; use --list-configs",
    ]


# Sweep -----------------------------------------------------------------------------------------------------------


def test_a_sweep_of_very_many_jobs(good: RetinaProject, checked: Checked) -> None:
    fault = only_fault(checked(good, "model_config.epochs=range(1,200)", multirun=True, job_limit=5))
    assert (fault.group, fault.check) == ("sweep", "jobs")


def test_jobs_that_are_the_same(good: RetinaProject, checked: Checked) -> None:
    fault = only_fault(checked(good, "model_config.epochs=1,1", multirun=True))
    assert fault.message == "1 of 2 jobs repeats the configuration of another job"


def test_jobs_on_different_catalogs(good: RetinaProject, checked: Checked) -> None:
    fault = only_fault(checked(good, "deriva_ml=default_deriva,local_2", multirun=True))
    assert fault.check == "targets"
