"""Every list and show: cut where it says so, few requests whatever its length, links, and the words of each."""

from __future__ import annotations

from typing import Any

import pytest

from cli.runner import check_message, run
from dml.catalog.connection import Catalog
from dml.catalog.rows import insert, select
from dml.catalog.traffic import Traffic

from .conftest import Story

LISTS = [
    (("workflow", "list"), "workflows"),
    (("asset", "list", "Image"), "assets"),
    (("asset", "list", "Image", "--type", "Image", "--role", "Output"), "assets"),
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
    whole = run(*words, "--limit", "0", "--json").json
    assert whole["more"] is False
    assert len(whole[key]) > 1
    requests.clear()
    cut = run(*words, "--limit", "1", "--json").json
    assert len(requests) <= 3, requests
    assert (cut["more"], cut[key]) == (True, whole[key][:1])
    assert "the first 1 are shown; --limit 0 shows all" in run(*words, "--limit", "1").stderr
    assert "are shown" not in run(*words, "--limit", "0").stderr


@pytest.mark.parametrize("limit", ["50", "0"])
def test_many_datasets_cost_three_requests(story: Story, catalog: Catalog, requests: list[str], limit: str) -> None:
    made = insert(catalog, "deriva-ml:Dataset", [{"Description": f"d{n}"} for n in range(260)])
    typed = [{"Dataset": row["RID"], "Dataset_Type": "Training"} for row in made]
    insert(catalog, "deriva-ml:Dataset_Dataset_Type", typed)
    run("dataset", "list")
    requests.clear()
    found = run("dataset", "list", "--limit", limit, "--json").json
    assert len(requests) <= 3
    assert len(found["datasets"]) == 50 if limit == "50" else len(found["datasets"]) >= 260
    assert all(one["types"] == ["Training"] for one in found["datasets"] if one["description"].startswith("d1"))
    of_type = run("dataset", "list", "--type", "Training", "--limit", limit, "--json").json
    assert of_type["more"] is found["more"]


def test_the_executions_of_a_workspace_need_no_request(story: Story, requests: list[str]) -> None:
    found = run("exec", "list", "--limit", "2", "--json").json
    assert len(found["executions"]) == 2
    assert requests == []


def test_links_lead_to_what_is_shown(story: Story, catalog: Catalog, requests: list[str]) -> None:
    here = f"https://local/id/{story.target.catalog_id}"
    execution = next(iter(story.executions.values()))
    assert run("exec", "show", execution, "--json").json["link"] == f"{here}/{execution}"
    assert f"{here}/{execution}" in run("exec", "show", execution).stdout.replace("\n", "")
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
    assert "the first 2 are shown" in cut.stderr
    assert parquet.read_table("two.parquet").num_rows == 2
