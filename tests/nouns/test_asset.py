"""``dml asset``: finding files, who used them, and getting their bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cli.runner import run
from dml.asset.list_assets import list_assets
from dml.catalog.connection import Catalog, connect
from dml.catalog.rows import insert, select

from .conftest import Story


def _maker(catalog: Catalog, asset: str) -> str:
    where = {"Execution_Asset": asset, "Asset_Role": "Output"}
    return str(select(catalog, "deriva-ml:Execution_Asset_Execution", where=where)[0]["Execution"])


def test_without_a_word_the_tables_are_listed(story: Story) -> None:
    found = run("asset", "list", "--json").json["tables"]
    assert {"deriva-ml:Execution_Asset", "deriva-ml:Execution_Metadata"} <= {one["table"] for one in found}


def test_a_table_by_type_and_role(story: Story, catalog: Catalog) -> None:
    every = run("asset", "list", "Execution_Asset", "--json").json["assets"]
    assert {story.model, story.predictions} <= {one["rid"] for one in every}
    types = {name for one in every for name in one["types"]}
    for name in types:
        some = run("asset", "list", "Execution_Asset", "--type", name, "--json").json["assets"]
        assert [one["rid"] for one in some] == [one["rid"] for one in every if name in one["types"]]
    read = run("asset", "list", "Execution_Asset", "--role", "input", "--json").json["assets"]
    assert story.model in {one["rid"] for one in read}
    assert story.predictions not in {one["rid"] for one in read}


def test_what_an_execution_made(story: Story, catalog: Catalog) -> None:
    maker = _maker(catalog, story.model)
    made = run("asset", "list", "--execution", maker, "--role", "Output", "--json").json["assets"]
    assert story.model in {one["rid"] for one in made}
    assert "deriva-ml:Execution_Metadata" in {one["table"] for one in made}
    assert story.predictions not in {one["rid"] for one in made}


def test_wrong_words_are_refused(story: Story) -> None:
    for words, code, said in (
        (("list", "Image", "--role", "Sideways"), 2, "Use Input or Output"),
        (("list", "Dataset"), 2, "not an asset table"),
        (("list", "Execution_Asset", "--type", "Model_Fil"), 6, "Model_File"),
        (("show", "1-ZZZZ"), 6, "No row"),
        (("show", story.executions[next(iter(story.executions))]), 2, "not an asset"),
        (("download",), 2, "no assets given"),
    ):
        result = run("asset", *words)
        assert result.code == code, result.shown
        assert said in result.stderr


def test_a_list_costs_three_requests_whatever_its_length(story: Story, catalog: Catalog) -> None:
    rows = [
        {"Filename": f"{i}.bin", "URL": f"/hatrac/x/{i}", "Length": 1, "MD5": f"{i:032x}", "Description": f"[b]{i}[/x]"}
        for i in range(500)
    ]
    made = insert(catalog, "deriva-ml:Execution_Asset", rows)
    typed = [{"Execution_Asset": row["RID"], "Asset_Type": "Model_File"} for row in made]
    insert(catalog, "deriva-ml:Execution_Asset_Asset_Type", typed)
    for limit in (1, 100, 450, None):
        fresh = connect(story.target)
        found, more = list_assets(fresh, table="Execution_Asset", asset_type="Model_File", limit=limit)
        assert fresh.traffic.requests <= 3
        assert more is (limit is not None)
        assert all("Model_File" in one.types for one in found)
        assert len(found) == limit if limit else len(found) >= 500
    shown = run("asset", "list", "Execution_Asset", "--limit", "3")
    assert shown.code == 0
    assert "[b]499[/x]" in shown.stdout.replace("\n", "") or "[b]" in shown.stdout


def test_show_tells_who_made_and_read_it(story: Story, catalog: Catalog) -> None:
    shown = run("asset", "show", story.model, "--json").json
    roles = {(one["role"], one["rid"]) for one in shown["executions"]}
    assert ("Output", _maker(catalog, story.model)) in roles
    assert "Input" in {role for role, _ in roles}
    assert shown["link"].endswith(story.model)
    readers = run("asset", "executions", story.model, "--role", "Input", "--json").json["executions"]
    assert {one["rid"] for one in readers} == {rid for role, rid in roles if role == "Input"}
    assert _maker(catalog, story.model) in run("asset", "executions", story.model).stdout
    assert run("asset", "show", story.model).code == 0


def test_download_is_verified_and_not_repeated(story: Story) -> None:
    first = run("asset", "download", story.model, "--output", "there", "--json").json["files"]
    assert first[0]["fetched"] is True
    path = Path(first[0]["path"])
    assert hashlib.md5(path.read_bytes()).hexdigest() == first[0]["md5"]
    again = run("asset", "download", story.model, "--output", "there")
    assert "nothing to do" in again.stderr
    path.chmod(0o644)
    path.write_bytes(b"something else")
    refused = run("asset", "download", story.model, "--output", "there")
    assert refused.code == 7
    assert path.read_bytes() == b"something else"


def test_download_of_all_that_an_execution_made(story: Story, catalog: Catalog) -> None:
    maker = _maker(catalog, story.model)
    made = run("asset", "list", "--execution", maker, "--role", "Output", "--json").json["assets"]
    files = run("asset", "download", "--execution", maker, "-o", "out", "--json").json["files"]
    assert {one["rid"] for one in files} == {one["rid"] for one in made}
    assert all(Path(one["path"]).stat().st_size == one["bytes"] for one in files)
    assert run("asset", "download", "--execution", story.model).code == 2


def test_bytes_that_are_not_those_described_are_refused(story: Story, home: Path) -> None:
    md5 = run("asset", "show", story.model, "--json").json["asset"]
    stored = [
        path
        for path in (home / "data").rglob("*")
        if path.is_file()
        and path.stat().st_size == md5["length"]
        and hashlib.md5(path.read_bytes()).hexdigest() == md5["md5"]
    ]
    assert stored
    for path in stored:
        path.chmod(0o644)
        path.write_bytes(bytes(len(path.read_bytes())))
    refused = run("asset", "download", story.model)
    assert refused.code != 0
    assert not Path(md5["filename"]).exists()
