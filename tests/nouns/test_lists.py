"""Every list and show: cut where it says so, few requests whatever its length, links, and the words of each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cli.runner import check_message, run
from dml.catalog.connection import Catalog
from dml.catalog.definitions import create_asset_table
from dml.catalog.rows import insert, select
from dml.catalog.session import Session
from dml.catalog.traffic import Traffic

from .conftest import Story

LISTS = [
    (("workflow", "list"), "workflows"),
    (("asset", "list", "Image"), "assets"),
    (("asset", "list", "Image", "--type", "Image", "--role", "Output"), "assets"),
    (("asset", "executions", "MODEL"), "executions"),
    (("asset", "show", "MODEL"), "executions"),
    (("feature", "list"), "features"),
    (("feature", "values", "Image.Digit"), "values"),
    (("vocab", "list"), "vocabularies"),
    (("vocab", "list", "Workflow_Type"), "terms"),
    (("dataset", "list"), "datasets"),
    (("dataset", "list", "--deleted"), "datasets"),
    (("exec", "list"), "executions"),
]


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that commands send from now on."""
    sent: list[str] = []
    record = Traffic.record

    def recorded(self: Traffic, method: str, path: str, *rest: Any) -> None:
        sent.append(f"{method} {path}")
        record(self, method, path, *rest)

    monkeypatch.setattr(Traffic, "record", recorded)
    return sent


@pytest.mark.parametrize(("words", "key"), LISTS, ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_a_list_is_cut_and_says_so(story: Story, words: tuple[str, ...], key: str, requests: list[str]) -> None:
    if key == "features":
        assert run("feature", "create", "Image.Second", "--terms", "Workflow_Type").code == 0
    words = tuple(story.model if word == "MODEL" else word for word in words)
    whole = run(*words, "--limit", "0", "--json").json
    assert whole["more"] is False
    assert len(whole[key]) > 1
    requests.clear()
    cut = run(*words, "--limit", "1", "--json").json
    assert len(requests) <= (6 if "show" in words else 3), requests
    assert (cut["more"], cut[key]) == (True, whole[key][:1])
    assert "showing the first 1; use --limit 0 for all" in run(*words, "--limit", "1").stderr
    assert "showing the first" not in run(*words, "--limit", "0").stderr


MANY = 230
"""Rows of each kind; more than fit by their RIDs into one path."""


@pytest.fixture
def many(story: Story, catalog: Catalog) -> str:
    """Many rows of everything that is listed; the RID of an execution that read and made many assets."""
    execution = story.executions["Train digit classifier"]
    datasets = insert(catalog, "deriva-ml:Dataset", [{"Description": f"many {n}"} for n in range(MANY)])
    rids = [row["RID"] for row in datasets]
    typed = [{"Dataset": rid, "Dataset_Type": "Training"} for rid in rids]
    insert(catalog, "deriva-ml:Dataset_Dataset_Type", typed)
    versions = [{"Dataset": rid, "Version": f"1.{n}.0"} for rid in rids for n in range(3)]
    insert(catalog, "deriva-ml:Dataset_Version", versions)
    workflows = [{"Name": f"many {n}", "URL": f"https://example.org/{n}", "Checksum": f"{n}"} for n in range(MANY)]
    made = insert(catalog, "deriva-ml:Workflow", workflows)
    of_type = [{"Workflow": row["RID"], "Workflow_Type": "Training"} for row in made]
    insert(catalog, "deriva-ml:Workflow_Workflow_Type", of_type)
    runs = [{"Workflow": made[0]["RID"], "Status": "Uploaded", "Description": f"many {n}"} for n in range(MANY)]
    executions = [row["RID"] for row in insert(catalog, "deriva-ml:Execution", runs)]
    terms = [{"Name": f"Many_{n}", "Description": "one of many"} for n in range(MANY)]
    insert(catalog, "deriva-ml:Workflow_Type", terms, defaults=["ID", "URI"])
    image = catalog.schema().table("Image")
    used = catalog.schema().asset_execution_table(image)
    types = catalog.schema().asset_type_table(image)
    digit = next(one for one in catalog.schema().feature_tables() if one.name == "Digit").table.qualified_name
    assert used is not None
    assert types is not None
    files = [{"Filename": f"{n}.png", "URL": f"/hatrac/many/{n}", "Length": 1, "MD5": f"{n:032x}"} for n in range(MANY)]
    images = [row["RID"] for row in insert(catalog, image.qualified_name, files)]
    insert(catalog, types.qualified_name, [{"Image": rid, "Asset_Type": "Image"} for rid in images])
    links = [{"Image": rid, "Execution": execution, "Asset_Role": "Output"} for rid in images]
    links += [{"Image": images[0], "Execution": rid, "Asset_Role": "Input"} for rid in executions]
    insert(catalog, used.qualified_name, links)
    said = {"Execution": execution, "Feature_Name": "Digit", "Digit": "7"}
    insert(catalog, digit, [{"Image": rid, **said} for rid in images])
    return execution


COUNTED = [
    ("workflow", "list"),
    ("workflow", "list", "--type", "Training"),
    ("asset", "list"),
    ("asset", "list", "Image"),
    ("asset", "list", "Image", "--execution", "RUN"),
    ("asset", "list", "Image", "--type", "Image", "--role", "Output"),
    ("asset", "executions", "IMAGE"),
    ("feature", "list"),
    ("feature", "values", "Image.Digit"),
    ("feature", "values", "Image.Digit", "--selector", "newest"),
    ("feature", "values", "Image.Digit", "--execution", "RUN"),
    ("vocab", "list"),
    ("vocab", "list", "Workflow_Type"),
    ("dataset", "list"),
    ("dataset", "list", "--type", "Training", "--deleted"),
    ("dataset", "history", "DATASET"),
    ("exec", "list"),
    ("exec", "list", "--workflow", "Train digit classifier"),
    ("cache", "list"),
    ("catalog", "list"),
]


@pytest.mark.parametrize("limit", ["", "3", "0"])
def test_every_list_costs_three_requests_whatever_its_length(
    story: Story, catalog: Catalog, many: str, requests: list[str], limit: str
) -> None:
    image = select(catalog, catalog.schema().table("Image").qualified_name, where={"Filename": "0.png"})[0]["RID"]
    dataset = select(catalog, "deriva-ml:Dataset", where={"Description": "many 7"})[0]["RID"]
    names = {"RUN": many, "IMAGE": image, "DATASET": dataset}
    for words in COUNTED:
        spelled = [names.get(word, word) for word in words]
        if limit and "--limit" in run(*words[:2], "--help").stdout:
            spelled += ["--limit", limit]
        requests.clear()
        done = run(*spelled)
        assert done.code == 0, done.shown
        assert len(requests) <= 3, (spelled, requests)
        if words[0] in ("exec", "cache") or words == ("catalog", "list"):
            assert requests == []


def test_the_types_of_many_datasets(story: Story, many: str) -> None:
    found = run("dataset", "list", "--limit", "0", "--json").json
    assert len(found["datasets"]) >= MANY
    assert all(one["types"] == ["Training"] for one in found["datasets"] if one["description"].startswith("many"))
    assert run("dataset", "list", "--type", "Training", "--limit", "50", "--json").json["more"] is True


@contextmanager
def in_rounds(monkeypatch: pytest.MonkeyPatch, *sizes: int) -> Iterator[None]:
    """Requests wait until as many as their round has are under way; fails where they come one after the other."""
    gates = [threading.Barrier(size) for size in sizes]
    waiting = iter([gate for gate in gates for _ in range(gate.parties)])
    send = Session.exchange

    def held(self: Session, *arguments: Any, **options: Any) -> Any:
        next(waiting).wait(60)
        return send(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "exchange", held)
        yield
    assert next(waiting, None) is None


@pytest.mark.parametrize("tables", [4, 12])
def test_assets_of_all_tables_take_as_long_as_three_requests(
    story: Story,
    catalog: Catalog,
    many: str,
    requests: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tables: int,
) -> None:
    for number in range(tables - len(catalog.schema().asset_tables())):
        create_asset_table(catalog, f"deriva-ml:Kind_{number}")
    assert len(catalog.schema().asset_tables()) == tables
    for words in (
        ("--execution", many),
        ("--execution", many, "--role", "Output"),
        ("--type", "Image"),
        ("--role", "Input"),
    ):
        for limit in ("3", "100", "0"):
            requests.clear()
            found = run("asset", "list", *words, "--limit", limit, "--json").json["assets"]
            shown = {one["table"] for one in found}
            assert shown
            assert len(requests) == 1 + tables + len(shown), requests
            with in_rounds(monkeypatch, 1, tables, len(shown)):
                assert run("asset", "list", *words, "--limit", limit, "--json").json["assets"] == found
            assert [one["created"] for one in found] == sorted((one["created"] for one in found), reverse=True)


def test_a_list_of_assets_says_what_is_not_known_yet(story: Story) -> None:
    named = run("asset", "list", "Execution_Asset").stdout.splitlines()
    assert named[0].split() == ["RID", "file", "types", "size", "description"]
    of_all = run("asset", "list", "--type", "Model_File").stdout.splitlines()
    assert of_all[0].split() == ["RID", "file", "types", "size", "table"]
    assert of_all[1].startswith(f" {story.model}  digit_classifier.npz")
    assert of_all[1].endswith("Execution_Asset")


def test_assets_of_what_is_no_execution(story: Story) -> None:
    unknown = run("asset", "list", "--execution", "1-ZZZZ")
    assert (unknown.code, "No execution 1-ZZZZ" in unknown.stderr) == (6, True)
    other = run("asset", "list", "--execution", story.model)
    assert (other.code, "not an execution" in other.stderr) == (2, True)


def test_a_type_may_be_asked_for_by_a_synonym(story: Story, catalog: Catalog) -> None:
    assert run("vocab", "synonym", "Asset_Type", "Model_File", "Weights").code == 0
    found = run("asset", "list", "--type", "Weights", "--json").json["assets"]
    assert story.model in {one["rid"] for one in found}


def test_the_executions_of_a_workspace_need_no_request(story: Story, requests: list[str]) -> None:
    found = run("exec", "list", "--limit", "2", "--json").json
    assert len(found["executions"]) == 2
    assert requests == []


def test_links_lead_to_what_is_shown(story: Story, catalog: Catalog, requests: list[str]) -> None:
    here = f"https://local/id/{story.target.catalog_id}"
    execution = next(iter(story.executions.values()))
    shown = run("exec", "show", execution, "--json").json
    assert (shown["link"], shown["permanent_link"]) == (f"{here}/{execution}", None)
    assert f"{here}/{execution}" in run("exec", "show", execution).stdout.replace("\n", "")
    assert f"dml cite {execution}" in run("exec", "show", execution).stdout
    assert requests == []
    dataset = run("dataset", "list", "--json").json["datasets"][0]
    shown = run("dataset", "show", dataset["rid"], "--json").json
    assert shown["link"] == f"{here}/{dataset['rid']}"
    assert shown["permanent_link"] == f"{here}/{dataset['rid']}@{dataset['snapshot']}"
    run("dataset", "mark-dev", dataset["rid"], "-d", "changed")
    assert run("dataset", "show", dataset["rid"], "--json").json["permanent_link"] is None
    old = run("dataset", "show", f"{dataset['rid']}@{dataset['version']}", "--json").json
    assert old["permanent_link"] == shown["permanent_link"]
    feature = run("feature", "show", "Image.Digit", "--json").json
    table = feature["feature"]["table"]
    assert feature["link"] == f"https://local/chaise/recordset/#{story.target.catalog_id}/{table}"
    assert select(catalog, table, limit=1)
    assert "dml cite Image.Digit" in run("feature", "show", "Image.Digit").stdout


def test_at_a_snapshot_every_link_is_permanent(story: Story, catalog: Catalog, requests: list[str]) -> None:
    now = run("cite", story.model, "--json").json["snapshot"]
    workflow = run("workflow", "list", "--json").json["workflows"][0]["rid"]
    for words in (
        ("asset", "show", story.model),
        ("workflow", "show", workflow),
        ("feature", "show", "Image.Digit"),
    ):
        requests.clear()
        live = run(*words, "--json").json
        asked = len(requests)
        assert (live["permanent_link"], f"@{now}" in live["link"]) == (None, False)
        assert not any(request.endswith("/catalog/1") for request in requests), requests
        at = ("--catalog", f"local/1@{now}", *words)
        then = run(*at, "--json").json
        assert then["permanent_link"] == then["link"]
        assert f"@{now}" in then["link"]
        assert "dml cite" not in run(*at).stdout
        requests.clear()
        run(*words)
        assert len(requests) == asked


MESSAGES = {
    "asset-tables": ("asset", "list"),
    "feature-list": ("feature", "list"),
    "feature-show": ("feature", "show", "Image.Digit"),
    "feature-values-cut": ("feature", "values", "Image.Digit", "--limit", "2"),
}


@pytest.mark.parametrize(("name", "words"), MESSAGES.items(), ids=MESSAGES)
def test_the_words_of_lists_stay_as_they_are(story: Story, name: str, words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.code == 0
    check_message(f"nouns-{name}", f"{done.stdout}---\n{done.stderr}")


def test_a_joined_table_as_parquet(story: Story) -> None:
    from pyarrow import parquet

    rid = next(one["rid"] for one in run("dataset", "list", "--json").json["datasets"] if "Training" in one["types"])
    words = ("dataset", "denormalize", rid, "Image", "--feature", "Digit")
    assert run(*words, "--output", "images.parquet").code == 0
    rows = run(*words, "--json").json["rows"]
    written = parquet.read_table("images.parquet").to_pylist()
    assert [list(row) for row in written] == [list(row) for row in rows]
    assert [row["Image.RID"] for row in written] == [row["Image.RID"] for row in rows]
    cut = run(*words, "--limit", "2", "--output", "two.parquet")
    assert "showing the first 2" in cut.stderr
    assert parquet.read_table("two.parquet").num_rows == 2
