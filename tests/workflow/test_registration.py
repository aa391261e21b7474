"""Registering a workflow writes one row, however often and by however many processes it is registered."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dml.catalog.connection import Catalog
from dml.catalog.rows import delete, insert, select
from dml.errors import NotFoundError, RetryableError, UsageError
from dml.workflow import registration
from dml.workflow.registration import find_registered, register
from dml.workflow.source import WorkflowSource
from dml.workspace import intents
from dml.workspace.layout import Workspace
from dml.workspace.registry import Registry


@pytest.fixture
def registries(tmp_path: Path, catalog: Catalog) -> Iterator[tuple[Registry, Registry]]:
    with (
        Registry.writing(Workspace(tmp_path / "a", catalog.target)) as first,
        Registry.writing(Workspace(tmp_path / "b", catalog.target)) as second,
    ):
        yield first, second


@pytest.fixture
def source() -> WorkflowSource:
    return WorkflowSource(f"https://example.org/{uuid.uuid4().hex}/a b.py", uuid.uuid4().hex, "1.0")


def _register(
    catalog: Catalog, registry: Registry, source: WorkflowSource, types: tuple[str, ...] = ("Training",)
) -> str:
    return register(catalog, name="Train", types=types, source=source, description="trains", registry=registry)


def _rows(catalog: Catalog, source: WorkflowSource) -> list[dict[str, object]]:
    return select(catalog, "deriva-ml:Workflow", where={"URL": source.url})


def _types(catalog: Catalog, rid: str) -> list[str]:
    found = select(catalog, "deriva-ml:Workflow_Workflow_Type", where={"Workflow": rid})
    return sorted(str(row["Workflow_Type"]) for row in found)


def test_a_new_workflow_is_one_row_with_its_types(
    catalog: Catalog, registries: tuple[Registry, Registry], source: WorkflowSource
) -> None:
    rid = _register(catalog, registries[0], source, ("Training", "Analysis", "Training"))
    [row] = _rows(catalog, source)
    assert (row["RID"], row["Name"], row["Checksum"], row["Version"]) == (rid, "Train", source.checksum, "1.0")
    assert _types(catalog, rid) == ["Analysis", "Training"]
    assert intents.find_intents(registries[0], unfinished=True) == []


def test_an_existing_workflow_costs_one_request_and_no_write(
    catalog: Catalog, registries: tuple[Registry, Registry], source: WorkflowSource
) -> None:
    rid = _register(catalog, registries[0], source)
    same_bytes = WorkflowSource("https://elsewhere.example.org/x.py", source.checksum)
    same_link = WorkflowSource(source.url, "other")
    for wanted in (source, same_bytes, same_link):
        catalog.traffic.reset()
        assert _register(catalog, registries[1], wanted) == rid
        assert catalog.traffic.requests == 1
    assert intents.find_intents(registries[1]) == []


def test_the_oldest_of_several_rows_is_used(
    catalog: Catalog, registries: tuple[Registry, Registry], source: WorkflowSource
) -> None:
    rows = insert(catalog, "deriva-ml:Workflow", [{"Name": name, "URL": source.url} for name in ("a", "b", "c")])
    lowest = min((str(row["RID"]) for row in rows), key=lambda rid: (len(rid.replace("-", "")), rid.replace("-", "")))
    assert _register(catalog, registries[0], source) == lowest


def test_two_racing_workspaces_of_one_user_write_one_row(
    catalog: Catalog,
    registries: tuple[Registry, Registry],
    source: WorkflowSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second process looks before the first one writes."""
    real: Callable[..., str | None] = find_registered
    answers: list[str | None] = [None]
    monkeypatch.setattr(registration, "find_registered", lambda *a: answers.pop() if answers else real(*a))
    first = _register(catalog, registries[0], source)
    answers.append(None)
    second = _register(catalog, registries[1], source)
    assert first == second
    assert len(_rows(catalog, source)) == 1
    assert _types(catalog, first) == ["Training"]


@pytest.mark.parametrize("written_before", [0, 1])
def test_an_interrupted_registration_is_finished(
    catalog: Catalog,
    registries: tuple[Registry, Registry],
    source: WorkflowSource,
    monkeypatch: pytest.MonkeyPatch,
    written_before: int,
) -> None:
    real = registration.insert
    remaining = [written_before]

    def interrupted_insert(*arguments: object, **options: object) -> list[dict[str, object]]:
        if not remaining[0]:
            raise RetryableError("the connection is gone")
        remaining[0] -= 1
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(registration, "insert", interrupted_insert)
    with pytest.raises(RetryableError):
        _register(catalog, registries[0], source)
    monkeypatch.undo()
    rid = _register(catalog, registries[0], source)
    assert [row["RID"] for row in _rows(catalog, source)] == [rid]
    assert _types(catalog, rid) == ["Training"]
    assert intents.find_intents(registries[0], unfinished=True) == []


def test_an_unknown_type_is_refused_before_anything_is_written(
    catalog: Catalog, registries: tuple[Registry, Registry], source: WorkflowSource
) -> None:
    with pytest.raises(NotFoundError) as refused:
        _register(catalog, registries[0], source, ("Trainig",))
    assert "Training" in refused.value.message + refused.value.hint
    assert _rows(catalog, source) == []
    assert intents.find_intents(registries[0]) == []


def test_a_source_without_url_and_checksum_is_refused(catalog: Catalog, registries: tuple[Registry, Registry]) -> None:
    with pytest.raises(UsageError, match="neither"):
        _register(catalog, registries[0], WorkflowSource("", ""))


def test_a_deleted_workflow_is_registered_again(
    catalog: Catalog, registries: tuple[Registry, Registry], source: WorkflowSource
) -> None:
    rid = _register(catalog, registries[0], source)
    delete(catalog, "deriva-ml:Workflow_Workflow_Type", {"Workflow": rid})
    delete(catalog, "deriva-ml:Workflow", {"RID": rid})
    again = _register(catalog, registries[0], source, ("Analysis",))
    assert [row["RID"] for row in _rows(catalog, source)] == [again]
    assert _types(catalog, again) == ["Analysis"]
