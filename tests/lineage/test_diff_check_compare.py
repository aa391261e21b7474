"""Lineages compared and checked, executions compared, and curves plotted."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dml.catalog.connection import Catalog
from dml.catalog.objects import object_path, upload
from dml.errors import NotFoundError, UsageError
from dml.lineage.check import Severity, check_lineage
from dml.lineage.compare import compare_executions
from dml.lineage.diff import diff_lineage
from dml.metrics.plot import character_plot, svg_plot

from .story import Story


def store(catalog: Catalog, directory: Path, content: bytes) -> dict[str, object]:
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    path = directory / digest
    path.write_bytes(content)
    url = upload(catalog, path, object_path("Image", digest, "file.bin"), md5_hex=digest)
    return {"URL": url, "Filename": "file.bin", "Length": len(content), "MD5": digest}


def test_a_diff_lists_changes_and_shared_steps(story: Story) -> None:
    old, new = story.workflow("Train", Checksum="a"), story.workflow("Train", Checksum="b")
    one = story.execution(old, Description="x [overrides: lr=0.1, seed=1]")
    two = story.execution(new, Description="y [overrides: lr=0.2, seed=1]", status="Failed")
    split = story.execution(story.workflow("Split"))
    dataset = story.dataset()
    first = story.version(dataset, "1.0.0", split)
    second = story.version(dataset, "1.1.0", split)
    story.use(one, dataset, first)
    story.use(two, dataset, second)
    left, right = story.asset(made_by=[one]), story.asset(made_by=[two])
    story.flush()
    diff = diff_lineage(story.catalog, left, right)
    assert [(change.kind, change.name, change.left, change.right) for change in diff.differences] == [
        ("code", "Train: checksum", ("a",), ("b",)),
        ("data", f"dataset {dataset}", ("1.0.0",), ("1.1.0",)),
        ("configuration", "Train: lr", ("0.1",), ("0.2",)),
        ("status", "Train", ("Uploaded",), ("Failed",)),
    ]
    assert diff.shared == (split,)
    assert (diff.only_left, diff.only_right) == ((one,), (two,))
    assert not diff_lineage(story.catalog, left, left).differences


def test_a_check_finds_gaps_and_errors(story: Story, tmp_path: Path) -> None:
    run = story.execution(story.workflow("Train", Version="0.1.dev1+gabcdef0.d20260101"), status="Failed")
    good = store(story.catalog, tmp_path, b"good")
    wrong = {**store(story.catalog, tmp_path, b"other"), "MD5": "0" * 32}
    short = {**store(story.catalog, tmp_path, b"short"), "Length": 99}
    fine = story.asset(made_by=[run], **good)
    bad = story.asset(read_by=[run], **wrong)
    cut = story.asset(read_by=[run], **short)
    gone = story.asset(read_by=[run])
    story.flush()
    for verify_content in (False, True):
        _, findings = check_lineage(story.catalog, fine, verify_content=verify_content)
        errors = {(finding.kind, finding.key) for finding in findings if finding.severity is Severity.error}
        assert errors == {("bytes_differ", bad), ("length_differs", cut), ("bytes_missing", gone)}
        warnings = {(finding.kind, finding.key) for finding in findings if finding.severity is Severity.warning}
        assert warnings == {
            ("no_producer", bad),
            ("no_producer", cut),
            ("no_producer", gone),
            ("no_code_checksum", run),
            ("dirty", run),
            ("not_uploaded", run),
        }


def test_executions_stand_side_by_side(story: Story) -> None:
    code = story.workflow("Train")
    one = story.execution(code, Description="[overrides: lr=0.1]", Execution_Duration="0.0H 1.0min 0.0sec")
    two = story.execution(code, Description="[overrides: lr=0.2]")
    story.asset(read_by=[one], Filename="weights.pt")
    dataset = story.dataset()
    version = story.version(dataset, "1.0.0")
    story.use(one, dataset, version)
    story.use(two, dataset, version)
    story.flush()
    found = compare_executions(story.catalog, [two, one])
    differing = {aspect.name: aspect.values for aspect in found.aspects if aspect.differs}
    assert differing.pop("files")[0] is None
    assert differing == {"duration": (None, 60.0), "lr": ("0.2", "0.1")}
    assert ("datasets", (f"{dataset}@1.0.0",) * 2) in [(one.name, one.values) for one in found.aspects]
    with pytest.raises(UsageError):
        compare_executions(story.catalog, [one, one])
    with pytest.raises(UsageError, match="not an execution"):
        compare_executions(story.catalog, [one, code])
    with pytest.raises(NotFoundError):
        compare_executions(story.catalog, [one, "9ZZZ-9ZZZ"])


def test_curves_stay_within_their_frame() -> None:
    lines = character_plot({"A": [1.0, 0.5, 0.25], "B": [0.3], "C": []}, width=20, height=5)
    assert len(lines) == 5
    assert lines[0].startswith("        1 │●")
    assert lines[-1].strip().startswith("0.25 │")
    assert all(len(line) <= 31 for line in lines)
    assert character_plot({"A": []}) == []
    drawn = svg_plot("</svg>", {"A": [1.0, 1.0], "<b>": [2.0]})
    assert (drawn.count("<polyline"), drawn.count("<circle")) == (1, 1)  # a single value is a dot
    assert "</svg>" not in drawn.removesuffix("</svg>\n")
