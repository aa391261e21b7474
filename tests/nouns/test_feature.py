"""``dml feature``: definitions, values with a selector and for executions, files of them, and adding them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from cli.runner import run
from dml.catalog.connection import Catalog, connect
from dml.catalog.rows import count
from dml.feature.values import read_value_table

from .conftest import IMAGES, Story


def _add(story: Story, digits: dict[str, str], name: str = "labels.csv") -> str:
    lines = ["Image,Digit", *(f"{rid},{digit}" for rid, digit in digits.items())]
    Path(name).write_text("\n".join(lines) + "\n")
    done = run("feature", "add", "Image.Digit", "--csv", name, "--json")
    assert done.code == 0, done.shown
    assert done.json["status"] == "Uploaded"
    assert done.json["inserted"] == len(digits)
    return str(done.json["rid"])


def test_definitions_with_their_columns(story: Story) -> None:
    found = {f"{one['target']}.{one['name']}": one for one in run("feature", "list", "--json").json["features"]}
    (digit,) = [one for name, one in found.items() if name.endswith(":Image.Digit")]
    assert [one["terms_of"] for one in digit["columns"] if one["terms_of"]]
    shown = run("feature", "show", "Image.Digit", "--json").json
    assert shown["feature"] == digit
    assert shown["values"] == IMAGES
    assert run("feature", "list").code == 0
    assert run("feature", "list", "--table", "Dataset", "--json").json["features"] == []
    assert "term of" in run("feature", "show", "Image.Digit").stdout


def test_an_unknown_feature_names_those_there_are(story: Story) -> None:
    refused = run("feature", "values", "Image.Digi")
    assert refused.code == 6
    assert "Image.Digit" in refused.stderr
    assert run("feature", "show", "Digit").code == 2
    assert run("feature", "values", "Image.Digit", "--selector", "best").code == 2


def test_selectors_and_executions(story: Story, catalog: Catalog) -> None:
    one, other = story.images[:2]
    first = _add(story, {one: "3", other: "4"})
    second = _add(story, {one: "5"})
    every = run("feature", "values", "Image.Digit", "--limit", "0", "--json").json["values"]
    assert len(every) == IMAGES + 3
    newest = {
        row["Image"]: row
        for row in run("feature", "values", "Image.Digit", "--selector", "newest", "--limit", "0", "--json").json[
            "values"
        ]
    }
    assert len(newest) == IMAGES
    assert (newest[one]["Digit"], newest[one]["Execution"]) == ("5", second)
    assert (newest[other]["Digit"], newest[other]["Execution"]) == ("4", first)
    oldest = run("feature", "values", "Image.Digit", "--selector", "first", "--limit", "0", "--json").json["values"]
    assert not {first, second} & {row["Execution"] for row in oldest}
    words = ("feature", "values", "Image.Digit", "--execution", first, "--execution", second, "--json")
    assert {(row["Image"], row["Digit"]) for row in run(*words).json["values"]} == {
        (one, "3"),
        (other, "4"),
        (one, "5"),
    }


def test_values_are_chosen_by_the_server_and_cost_one_request(story: Story) -> None:
    rid = _add(story, {story.images[0]: "7"})
    fresh = connect(story.target)
    feature = fresh.schema().feature("Image", "Digit")
    fresh.traffic.reset()
    table = read_value_table(fresh, feature, executions=[rid])
    assert fresh.traffic.requests == 1
    assert len(table.rows) == 1
    assert read_value_table(fresh, feature, limit=2).more


def test_files_of_values(story: Story) -> None:
    words = ("feature", "values", "Image.Digit", "--limit", "0")
    expected = run(*words, "--json").json["values"]
    for name in ("v.csv", "v.json", "v.jsonl"):
        assert run(*words, "--output", name).code == 0
    assert json.loads(Path("v.json").read_text()) == expected
    assert [json.loads(line) for line in Path("v.jsonl").read_text().splitlines()] == expected
    table = list(csv.DictReader(io.StringIO(Path("v.csv").read_text())))
    assert [row["Image"] for row in table] == [row["Image"] for row in expected]
    printed = run(*words, "--csv").stdout
    assert [row["Digit"] for row in csv.DictReader(io.StringIO(printed))] == [row["Digit"] for row in expected]
    assert run(*words, "--output", "v.xls").code == 2
    assert run(*words, "--output", "missing/v.csv").code == 1


def test_values_as_parquet(story: Story) -> None:
    from pyarrow import parquet

    words = ("feature", "values", "Image.Digit", "--limit", "0")
    assert run(*words, "--output", "v.parquet").code == 0
    assert parquet.read_table("v.parquet").to_pylist() == run(*words, "--json").json["values"]
    assert run(*words, "--execution", story.executions["Train digit classifier"], "--output", "none.parquet").code == 0
    nothing = parquet.read_table("none.parquet")
    assert (nothing.num_rows, nothing.column_names) == (0, ["Image", "Digit", "Execution", "RCT"])


def test_parquet_says_what_it_needs(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    refused = run("feature", "values", "Image.Digit", "--output", "v.parquet")
    assert refused.code == 2
    assert "pip install pyarrow" in refused.stderr
    assert not Path("v.parquet").exists()


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("Image,Digit\n{image},elevenses\n", 6, "elevenses"),
        ("Image,Digit\n1-ZZZZ,3\n", 6, "has no row 1-ZZZZ"),
        ("Image,Nonsense\n{image},3\n", 2, "Nonsense"),
        ("Image,Digit\n", 2, "There are no values"),
        ("Digit\n3\n", 2, "has no Image"),
    ],
    ids=["term", "row", "column", "empty", "target"],
)
def test_a_wrong_file_leaves_nothing(story: Story, catalog: Catalog, text: str, code: int, said: str) -> None:
    before = count(catalog, "deriva-ml:Execution")
    Path("wrong.csv").write_text(text.format(image=story.images[0]))
    refused = run("feature", "add", "Image.Digit", "--csv", "wrong.csv")
    assert refused.code == code, refused.shown
    assert said in refused.stderr
    assert count(catalog, "deriva-ml:Execution") == before


def test_a_feature_is_made_once_and_takes_values(story: Story) -> None:
    words = ("feature", "create", "Image.Review", "--column", "Score:float8", "--terms", "Workflow_Type")
    made = run(*words, "--optional", "Workflow_Type", "-d", "How good", "--json").json
    assert made["created"] is True
    assert {one["name"]: one["optional"] for one in made["feature"]["columns"]} == {
        "Workflow_Type": True,
        "Score": False,
    }
    assert "nothing to do" in run(*words, "--optional", "Workflow_Type", "-d", "How good").stdout
    Path("scores.csv").write_text(f"Image,Score,Workflow_Type\n{story.images[0]},0.5,\n")
    assert run("feature", "add", "Image.Review", "--csv", "scores.csv").code == 0
    (row,) = run("feature", "values", "Image.Review", "--json").json["values"]
    assert (row["Score"], row["Workflow_Type"]) == (0.5, None)
    assert run("feature", "create", "Image.Other", "--column", "Score").code == 2
    assert run("feature", "create", "Image.Other").code == 2
