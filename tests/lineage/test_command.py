"""``dml lineage``, ``dml nested`` and ``dml compare`` as people and programs run them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cli.runner import run
from dml.lineage.graph import rid_sort_key
from dml.lineage.result import result_mapping, summarise
from dml.lineage.tree import DEPTH, INDENTED, Mark, lines_of

from .graphs import HOSTILE, deep, small, wide
from .story import Story


@pytest.fixture
def chosen(story: Story, monkeypatch: pytest.MonkeyPatch) -> Story:
    """The story's catalog as the one that commands speak to."""
    monkeypatch.setenv("DML_HOST", story.catalog.target.host)
    monkeypatch.setenv("DML_CATALOG", story.catalog.target.catalog_id)
    monkeypatch.setenv("COLUMNS", "80")
    return story


def test_the_tree_is_the_one_of_the_sketch(chosen: Story) -> None:
    code = chosen.workflow("Train", URL="https://code.example.org/blob/9c0ffee1234567890abcdef1234567890abcdef1/t.py")
    chosen.add("deriva-ml:Workflow_Workflow_Type", Workflow=code, Workflow_Type="Training")
    train = chosen.execution(code, Execution_Duration="2.0H 10.0min 0.0sec")
    evaluate = chosen.execution(chosen.workflow("Evaluate"))
    dataset = chosen.dataset(Description="Retina")
    version = chosen.version(dataset, "1.4.0")
    chosen.use(train, dataset, version)
    chosen.use(evaluate, dataset, version)
    model = chosen.asset(chosen.tables[1], made_by=[train], read_by=[evaluate], Filename="best.pt", Length=98 << 20)
    file = chosen.asset("deriva-ml:Execution_Asset", made_by=[evaluate], Filename="p.csv", Length=1258291)
    chosen.flush()
    done = run("lineage", file)
    assert done.code == 0
    tree, summary = done.stdout.rstrip("\n").rsplit("\n", 1)
    assert sorted([dataset, model], key=rid_sort_key) == [dataset, model]
    assert tree == (
        f"{file} p.csv · Execution_Asset · 1.2 MiB\n"
        f"└─ {evaluate} Evaluate · ✔ Uploaded\n"
        f'   ├─ input  {dataset} 1.4.0 "Retina" ── no recorded producer\n'
        f"   └─ input  {model} best.pt · Model · 98 MiB\n"
        f"      └─ {train} Train · Training · ✔ Uploaded · 2 h 10 min · @9c0ffee\n"
        f'         └─ input  {dataset} 1.4.0 "Retina" ── no recorded producer'
    )
    assert summary.startswith("2 executions, complete · ")
    assert "\x1b" not in done.stdout
    shown = run("lineage", file, terminal=True).stdout
    assert "\x1b]8;" in shown
    assert "https://code.example.org/blob/9c0ffee" in shown


def test_on_a_narrow_terminal_lines_keep_rids_and_leave_out_the_last_details(
    chosen: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    chain, read = [], [chosen.asset(Filename="origin-of-everything.csv")]
    for number in range(3):
        run_ = chosen.execution(chosen.workflow(f"A workflow with a long name {number}"), Execution_Duration="2.0H")
        for asset in read:
            chosen.link(chosen.tables[0], asset, run_, "Input")
        read = [chosen.asset(made_by=[run_], Filename=f"an-output-with-a-long-name-{number}.bin")]
        chain += [run_, *read]
    chosen.flush()
    shown = run("lineage", chain[-1], terminal=True).stdout
    plain = re.sub(r"\x1b(\[[0-9;]*m|\]8;[^\x1b\x07]*(\x1b\\\\|\x07))", "", shown).replace("\r", "").splitlines()
    assert max(map(len, plain)) <= 60
    assert all(any(rid in line for line in plain) for rid in chain)
    assert any(line.endswith("no recorded producer") for line in plain)
    assert not any(line.rstrip().endswith("·") for line in plain)
    assert max(map(len, run("lineage", chain[-1]).stdout.splitlines())) > 60, "a pipe is given everything"


def test_a_program_gets_the_names_of_deriva_ml(chosen: Story) -> None:
    maker = chosen.execution()
    file = chosen.asset(made_by=[maker])
    chosen.flush()
    document = run("lineage", file, "--json").json
    assert document["schema"] == "dml.lineage/1"
    assert document["root"]["producing_execution"]["rid"] == maker
    assert document["lineage"]["parents"] == []
    assert [node["key"] for node in document["graph"]["nodes"]] == sorted([maker, file], key=rid_sort_key)
    assert document["requests"] > 0
    onward = run("lineage", maker, "--forward", "--json").json
    assert onward["schema"] == "dml.lineage.forward/1"
    assert [edge["target"] for edge in onward["graph"]["edges"]] == [file]
    between = run("lineage", file, "--between", maker, "--json").json
    assert between["schema"] == "dml.lineage.between/1"


def test_formats_go_to_standard_output_or_a_file(chosen: Story, tmp_path: Path) -> None:
    file = chosen.asset(made_by=[chosen.execution()])
    chosen.flush()
    assert run("lineage", file, "--format", "dot").stdout.startswith("digraph lineage {")
    path = tmp_path / "page.html"
    assert run("lineage", file, "--format", "html", "--output", str(path)).code == 0
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert run("lineage", file, "--format", "pdf").code == 2
    assert run("lineage", file, "--format", "dot", "--json").code == 2
    assert run("lineage", file, "--output", str(path)).code == 2
    assert run("lineage", file, "--forward", "--between", file).code == 2
    assert run("lineage", file, "--format", "dot", "--output", str(tmp_path)).code == 1
    assert run("lineage", "9ZZZ-9ZZZ").code == 6
    assert run("lineage", "none").code == 2


def test_hostile_names_stay_on_their_lines(chosen: Story) -> None:
    # A server indexes every text column, which limits its length; longer text reaches only the exports.
    bad = [text[:500] for text in HOSTILE if "\x00" not in text]
    run_ = chosen.execution(chosen.workflow(bad[0]), Description=bad[1], Status_Detail=bad[3])
    for text in bad:
        chosen.asset(read_by=[run_], Filename=text, Description=text)
    escape = chosen.asset(read_by=[run_], Filename="\x1b]0;title\x07\x1b[2J\u202egnp")
    chosen.flush()
    for flags in ((), ("-v",), ("--full",)):
        done = run("lineage", run_, *flags)
        assert done.code == 0
        assert len(done.stdout.splitlines()) == 1 + len(bad) + 1 + 1
        assert not set("\x1b\x07\u202e") & set(done.stdout)
        assert len(done.stdout) < 20_000
    assert run("lineage", run_, "--json").json["root"]["rid"] == run_
    assert run("lineage", escape, "--forward").code == 0


def test_histories_are_compared_and_checked(chosen: Story) -> None:
    one, two = chosen.execution(chosen.workflow("A")), chosen.execution(chosen.workflow("B"))
    left, right = chosen.asset(made_by=[one]), chosen.asset(made_by=[two])
    chosen.flush()
    document = run("lineage", "diff", left, right, "--json").json
    assert {entry["name"] for entry in document["differences"] if entry["kind"] == "step"} == {"A", "B"}
    assert "no differences" in run("lineage", "diff", left, left).stdout
    checked = run("lineage", "check", left, "--json")
    assert checked.code == 3
    assert checked.json["findings"][0]["kind"] == "bytes_missing"
    clean = run("lineage", "check", one)
    assert clean.code == 0
    assert "no recorded inputs" in clean.stdout


def test_nested_shows_adds_and_removes(chosen: Story) -> None:
    parent, child = chosen.execution(chosen.workflow("Sweep")), chosen.execution(Description="[overrides: lr=1]")
    chosen.flush()
    assert run("nested", "add", parent, child, "--sequence", "0").code == 0
    assert "nothing to do" in run("nested", "add", parent, child, "--sequence", "0").stdout
    assert run("nested", "add", child, parent).code == 7
    shown = run("nested", parent)
    assert shown.stdout.startswith(f"{parent}  Sweep · 1 of 1 Uploaded\n")
    assert run("nested", child, "--parents", "--json").json["executions"][0]["rid"] == parent
    watched = [json.loads(line) for line in run("nested", parent, "--watch", "--json").stdout.splitlines()]
    assert [one["record"] for one in watched] == ["result"]
    assert run("nested", "remove", parent, child).code == 0
    assert run("nested", parent, "--json").json["executions"] == []


def test_compare_shows_what_differs(chosen: Story) -> None:
    one, two = chosen.execution(Description="[overrides: lr=1]"), chosen.execution(Description="[overrides: lr=2]")
    chosen.flush()
    shown = run("compare", one, two)
    assert "configuration lr" in shown.stdout
    assert "more are identical" in shown.stdout
    aspects = run("compare", one, two, "--json").json["aspects"]
    assert {"group": "configuration", "name": "lr", "values": ["1", "2"], "differs": True} in aspects
    assert run("compare", one, two, "--plot", "loss").code == 6
    assert run("compare", one).code == 2


def test_wide_and_deep_levels_are_folded() -> None:
    subject = wide(10_000)
    folded = lines_of(subject.graph, subject.root_key)
    assert len(folded) < 300
    assert sum(line.folded for line in folded if line.level == 1) == 1_000 - 12
    whole = lines_of(subject.graph, subject.root_key, full=True)
    assert len(whole) == 20_001
    assert {line.node.key for line in whole if line.node} == set(subject.graph.nodes)


def test_a_chain_of_ten_thousand_neither_recurses_nor_grows_by_its_square() -> None:
    subject = deep(10_000)
    graph, root = subject.graph, subject.root_key
    assert lines_of(graph, root)[-1].folded == 19_998 - DEPTH
    whole = lines_of(graph, root, full=True)
    assert len(whole) == 19_999
    assert max(len(line.ancestors) for line in whole) == INDENTED
    result = summarise(graph, root, visited=10_000, complete=True, depth_capped=False)
    document = json.loads(json.dumps(result_mapping(result)))
    assert len(document["graph"]["nodes"]) == 19_999
    assert "parents_left_out" in json.dumps(document["lineage"])
    assert not result.cycle_detected


def test_each_node_is_opened_once() -> None:
    graph = small().graph
    lines = [line for line in lines_of(graph, "1-A") if line.node]
    opened = [line.node.key for line in lines if line.node and line.mark is not Mark.shown_above]
    assert len(opened) == len(set(opened))


def test_an_older_catalog_says_what_it_lacks(older: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = older.execution()
    older.flush()
    monkeypatch.setenv("DML_HOST", older.catalog.target.host)
    monkeypatch.setenv("DML_CATALOG", older.catalog.target.catalog_id)
    refused = run("nested", parent)
    assert refused.code == 7
    assert "before deriva-ml 1.17.11" in refused.stderr
    assert run("lineage", parent).code == 0
