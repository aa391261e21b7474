"""``dml cite`` and ``dml metrics``."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from PIL import Image

from cli.runner import run
from dml.catalog.connection import Catalog
from dml.metrics.read import find_metrics_files

from .conftest import Story


def test_both_links(story: Story, catalog: Catalog) -> None:
    found = run("cite", story.model, "--json").json
    assert found["current"] == catalog.chaise_path(story.model)
    assert found["permanent"] == f"{found['current']}@{found['snapshot']}"
    assert found["table"] == "deriva-ml:Execution_Asset"
    assert run("cite", story.model, "--current").stdout == f"{found['current']}\n"
    assert run("cite", story.model, "--permanent").stdout == f"{found['permanent']}\n"
    people = run("cite", story.model)
    assert found["permanent"] in people.stdout
    earlier = run("cite", f"{story.model}@2TA-YR3J-YTC0", "--json").json
    assert earlier["permanent"].endswith("@2TA-YR3J-YTC0")


def test_links_to_a_feature_and_a_table(story: Story, catalog: Catalog) -> None:
    found = run("cite", "Image.Digit", "--json").json
    assert (found["rid"], found["table"]) == (
        None,
        run("feature", "show", "Image.Digit", "--json").json["feature"]["table"],
    )
    assert found["current"] == catalog.chaise_table(found["table"])
    number = story.target.catalog_id
    assert found["permanent"] == found["current"].replace(f"#{number}/", f"#{number}@{found['snapshot']}/")
    table = catalog.schema().table("Image").qualified_name
    earlier = run("cite", f"{table}@2TA-YR3J-YTC0", "--json").json
    assert earlier["current"] == catalog.chaise_table(table)
    assert "@2TA-YR3J-YTC0/" in earlier["permanent"]
    assert run("cite", "Image.Digit").stdout.startswith(" table ")
    assert run("cite", "Image.Dgit").code == 6
    assert run("cite", "digits:Imag").code == 6


def test_cite_refuses(story: Story) -> None:
    assert run("cite", "1-ZZZZ").code == 6
    assert run("cite", "no rid").code == 2
    assert run("cite", story.model, "--current", "--permanent").code == 2


def test_metrics_as_table_plot_and_drawing(story: Story, catalog: Catalog) -> None:
    rids = list(story.executions.values())
    files = find_metrics_files(catalog, rids)
    measured = next(iter(files))
    other = next(rid for rid in rids if rid not in files)
    metrics = {entry["rid"]: entry for entry in run("metrics", measured, other, "--steps", "--json").json["executions"]}
    last = metrics[measured]["last"]
    metric = next(iter(last))
    assert metrics[measured]["steps"][-1][metric] == last[metric]
    assert metrics[other]["last"] == {}
    shown = run("metrics", measured, other, "--plot", metric)
    assert shown.code == 0
    assert f"{last[metric]:.5g}" in shown.stdout
    assert "│" in shown.stdout
    assert f"no metrics file: {other}" in shown.stderr
    drawn = run("metrics", measured, "--plot", metric, "--output", "m.svg")
    assert drawn.code == 0
    assert ElementTree.fromstring(Path("m.svg").read_text()).tag.endswith("svg")
    for command in ("metrics", "compare"):
        words = (command, measured, other, "--plot", metric, "--output", f"{command}.png")
        done = run(*words)
        assert (done.code, done.stderr.splitlines()[-1]) == (0, f"{command}.png written")
        with Image.open(f"{command}.png") as image:
            assert (image.format, image.size) == ("PNG", (1440, 720))


def test_metrics_refuses(story: Story) -> None:
    rid = next(iter(story.executions.values()))
    assert run("metrics", rid, "--plot", "nothing").code == 6
    for words, said in (
        (("--output", "m.svg"), f"error: --output requires --plot\nhint: dml metrics {rid} --plot METRIC -o m.svg\n"),
        (("--plot", "loss", "-o", "m.gif"), "error: m.gif is no drawing\nhint: Name a file .svg or .png.\n"),
    ):
        refused = run("metrics", rid, *words)
        assert (refused.code, refused.stderr) == (2, said)
        assert run("compare", rid, rid, *words).code == 2
