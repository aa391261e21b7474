"""The public names: each resolves, each that deriva-ml's users know about executions is there with its parameters."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dml
import dml.experiment
from dml.api.execution import Execution
from dml.api.execution_record import ExecutionRecord
from dml.api.execution_snapshot import ExecutionSnapshot, PendingAssetCount, PendingRowCount, PendingSummary
from dml.deriva_ml import DerivaML

ROOT = Path(__file__).parents[1]

DERIVA_ML = {
    "create_execution": "configuration datasets assets workflow description dry_run",
    "lookup_execution": "execution_rid",
    "list_executions": "status workflow_rid mode since",
    "find_executions": "workflow workflow_type status sort dataset dataset_role",
    "find_incomplete_executions": "",
    "resume_execution": "execution_rid",
    "restore_execution": "execution_rid",
    "gc_executions": "older_than status delete_working_dir",
    "pending_summary": "",
    "commit_pending_executions": "execution_rids clean_folder",
    "find_executions_consuming": "rid",
    "multirun_status_summary": "workflow_rid",
    "lookup_lineage": "rid depth max_executions",
    "lookup_experiment": "execution_rid",
    "find_experiments": "workflow_rid status",
    "audit_provenance": "",
    "unknown_provenance_execution_rid": "",
    "unknown_provenance_file_rid": "",
    "create_workflow": "name workflow_type description",
    "find_workflows": "sort",
    "lookup_workflow": "workflow_rid",
    "lookup_workflow_by_url": "url_or_checksum",
    "list_workflow_executions": "workflow",
    "find_datasets": "deleted sort",
    "lookup_dataset": "dataset deleted",
    "delete_dataset": "dataset recurse",
    "download_dataset_bag": "dataset",
    "estimate_bag_size": "dataset",
    "bag_info": "dataset",
    "cache_dataset": "dataset materialize",
    "list_dataset_element_types": "",
    "list_cached_bags": "",
    "list_cached_assets": "",
    "clear_cache": "older_than_days",
    "get_cache_size": "",
    "create_asset": "name",
    "list_assets": "asset_table",
    "find_assets": "asset_table asset_type",
    "lookup_asset": "rid",
    "list_asset_tables": "",
    "list_execution_assets": "execution_rid asset_role",
    "list_asset_executions": "asset_rid asset_role",
    "resolve_rid": "rid",
    "resolve_rids": "rids candidate_tables",
    "add_term": "table term_name description synonyms",
    "lookup_term": "table term_name",
    "list_vocabulary_terms": "table",
    "find_features": "table",
    "lookup_feature": "table feature_name",
    "feature_values": "table feature_name selector",
    "add_files": "files execution_rid dataset_types description",
    "list_files": "file_types",
    "whoami": "",
    "is_authenticated": "",
    "catalog_snapshot": "snapshot",
    "pathBuilder": "",
    "refresh_schema": "force",
    "chaise_url": "rid",
    "cite": "entity current",
    "from_context": "path",
    "instantiate": "config",
    "pin_schema": "reason",
    "unpin_schema": "",
    "pin_status": "",
    "diff_schema": "",
    "validate_dataset_specs": "specs",
    "validate_execution_configuration": "config",
    "list_execution_dirs": "",
    "clean_execution_dirs": "older_than_days exclude_rids",
    "delete_cached_bag": "dataset_rid version",
    "delete_cached_asset": "asset_rid md5",
    "get_storage_summary": "",
    "asset_record_class": "asset_table",
    "download_asset": "asset_rid",
    "__init__": "hostname catalog_id domain_schemas default_schema project_name cache_dir working_dir"
    " hydra_runtime_output_dir ml_schema logging_level deriva_logging_level credential s3_bucket use_minid"
    " clean_execution_dir mode reuse_schema_json",
}
EXECUTION = {
    "execute": "",
    "execution_start": "",
    "execution_stop": "",
    "update_status": "target error",
    "abort": "",
    "commit_output_assets": "clean_folder progress_callback",
    "asset_file_path": "asset_name file_name asset_types copy_file rename_file metadata description kwargs",
    "metrics_file": "filename",
    "add_features": "features",
    "download_asset": "asset_rid dest_dir update_catalog use_cache",
    "download_dataset_bag": "dataset",
    "create_dataset": "dataset_types version description",
    "add_input_dataset": "rid version",
    "add_files": "files dataset_types description",
    "add_nested_execution": "nested_execution sequence",
    "is_nested": "",
    "is_parent": "",
    "list_input_datasets": "",
    "list_assets": "asset_role",
    "list_nested_executions": "recurse",
    "list_parent_executions": "recurse",
    "pending_summary": "",
    "table_path": "table",
    "upload_assets": "assets_dir",
    "upload_execution_outputs": "clean_folder progress_callback max_retries retry_delay timeout chunk_size",
}
RECORD = {
    "list_execution_children": "recurse",
    "list_execution_parents": "recurse",
    "add_nested_execution": "nested_execution sequence",
    "list_input_datasets": "",
    "list_assets": "asset_role",
    "is_nested": "",
    "is_parent": "",
    "update_status": "status detail",
}
PROPERTIES = {
    DerivaML: "working_dir cache_dir catalog host_name catalog_id is_snapshot default_schema mode",
    Execution: "status error start_time stop_time datasets asset_paths uploaded_assets working_dir configuration"
    " execution_record workflow_rid database_catalog catalog dataset_rids",
    ExecutionRecord: "workflow start_time stop_time",
}
FIELDS = {
    ExecutionRecord: "execution_rid workflow_rid status description duration download_duration upload_duration",
    ExecutionSnapshot: "rid workflow_rid description status mode working_dir_rel start_time stop_time last_activity"
    " error sync_pending created_at pending_rows failed_rows pending_files failed_files",
    PendingSummary: "execution_rid rows assets diagnostics",
    PendingRowCount: "table pending failed uploaded",
    PendingAssetCount: "table pending_files failed_files uploaded_files total_bytes_pending",
}
METHODS = [
    (kind, name, parameters.split())
    for kind, known in ((DerivaML, DERIVA_ML), (Execution, EXECUTION), (ExecutionRecord, RECORD))
    for name, parameters in known.items()
]


@pytest.mark.parametrize(
    ("kind", "name", "expected"), METHODS, ids=lambda value: str(getattr(value, "__name__", value))
)
def test_a_known_method_takes_the_known_parameters_in_their_order(kind: type, name: str, expected: list[str]) -> None:
    found = list(inspect.signature(getattr(kind, name)).parameters)
    assert [one for one in found if one in expected] == expected
    assert inspect.getdoc(kind if name == "__init__" else getattr(kind, name))


@pytest.mark.parametrize(("kind", "names"), PROPERTIES.items(), ids=lambda value: str(getattr(value, "__name__", "")))
def test_known_properties_are_there(kind: type, names: str) -> None:
    assert [name for name in names.split() if not isinstance(inspect.getattr_static(kind, name), property)] == []


@pytest.mark.parametrize(("kind", "names"), FIELDS.items(), ids=lambda value: str(getattr(value, "__name__", "")))
def test_known_fields_are_there(kind: type, names: str) -> None:
    assert set(names.split()) <= set(kind.__dataclass_fields__)  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore:Status is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", dml.__all__)
def test_a_public_name_resolves(name: str) -> None:
    assert getattr(dml, name) is not None


def test_the_names_for_configurations_are_public_here_too() -> None:
    assert set(dml.experiment.__all__) <= set(dml.__all__)
    for name in dml.experiment.__all__:
        assert getattr(dml, name) is getattr(dml.experiment, name)


def test_no_module_hides_a_name() -> None:
    assert not {module.stem for module in Path(dml.__file__).parent.iterdir()} & set(dml.__all__)


def test_a_name_that_is_not_public_is_refused() -> None:
    with pytest.raises(AttributeError, match="unheard_of"):
        _ = dml.unheard_of  # type: ignore[attr-defined]


def test_importing_dml_loads_nothing() -> None:
    program = "import sys, dml; print(*(m for m in sys.modules if m.startswith('dml.') or m in ('requests', 'deriva')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["dml.lazy_names"]


def public_classes() -> list[type]:
    """Every class among the public names."""
    return [kind for name in dml.__all__ if name != "Status" and isinstance(kind := getattr(dml, name), type)]


@pytest.mark.parametrize("kind", public_classes(), ids=lambda kind: kind.__name__)
def test_methods_name_their_first_parameter_self(kind: type) -> None:
    methods = {name: value for name, value in vars(kind).items() if inspect.isfunction(value)}
    # ``__new__`` and functions that a library generates have conventions of their own.
    own = {name: value for name, value in methods.items() if value.__module__.startswith("dml.") and name != "__new__"}
    first = {name: next(iter(inspect.signature(value).parameters), "") for name, value in own.items()}
    assert {name: parameter for name, parameter in first.items() if parameter != "self"} == {}


ENTRY = re.compile(r"^ +\*{0,2}\w[\w, ]*: (.+)$")
"""An entry of a section such as ``Args`` in a docstring."""


def docstrings() -> Iterator[tuple[str, str]]:
    """The docstrings of the public classes and functions, and of the public members of the classes."""
    for name in dml.__all__:
        value = None if name == "Status" else getattr(dml, name)
        if not callable(value):
            continue
        yield name, value.__doc__ or ""
        for member, attribute in vars(value).items() if isinstance(value, type) else ():
            function = attribute.fget if isinstance(attribute, property) else getattr(attribute, "__func__", attribute)
            if inspect.isfunction(function) and not member.startswith("_"):
                yield f"{name}.{member}", function.__doc__ or ""


DOCSTRINGS = dict(docstrings())


@pytest.mark.parametrize("name", DOCSTRINGS)
def test_docstrings_say_something(name: str) -> None:
    text = DOCSTRINGS[name]
    assert len(text.partition("\n")[0].split()) > 2, f"the summary of {name} says nothing"
    entries = [match for line in text.splitlines() if (match := ENTRY.match(line))]
    assert [match[0].strip() for match in entries if len(match[1].split()) <= 2] == []


def test_the_tables_of_the_page_are_current() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "api_tables.py"), "--check"], timeout=60, check=False)
    assert done.returncode == 0, "docs/python-api.md differs from the docstrings: run `make docs`"
