"""The commands of ``dml dataset``: output, exit codes and messages."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dml.catalog.administration import create_catalog
from dml.catalog.definitions import ColumnDefinition, create_table
from dml.cli.__main__ import main
from dml.dataset.curation import create_dataset
from dml.dataset.lookup import find_dataset, history
from dml.dataset.members import list_members

from .laboratory import Laboratory

Run = Callable[..., "Result"]


class Result:
    """Exit code, standard output and standard error of one invocation."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def document(self) -> dict[str, object]:
        """The JSON document on standard output."""
        return json.loads(self.out)  # type: ignore[no-any-return]


@pytest.fixture
def run(
    laboratory: Laboratory, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Runs ``dml dataset`` with the test's catalog."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    capsys.readouterr()

    def invoke(*arguments: str) -> Result:
        code = main(["dataset", *arguments, "--catalog", str(laboratory.catalog.target)])
        output = capsys.readouterr()
        return Result(code, output.out, output.err)

    return invoke  # type: ignore[return-value]


def test_a_dataset_is_created_changed_and_released(laboratory: Laboratory, run: Run, tmp_path: Path) -> None:
    (tmp_path / "rids.txt").write_text("# chosen by hand\n" + "\n".join(laboratory.subjects[:3]) + "\n")
    made = run("create", "-d", "Chosen", "--type", "Training", "--from", "rids.txt", "--json")
    assert made.code == 0
    rid = str(made.document["rid"])
    assert made.document["members"] == {laboratory.table: 3}
    assert made.document["schema"] == "dml.dataset.create/1"
    added = run("add", rid, *laboratory.subjects[2:5])
    assert added.code == 0
    assert f"{rid}  2 members added; version 0.1.0.post1.dev1" in added.out
    assert "nothing to do; version 0.1.0.post1.dev1" in run("add", rid, *laboratory.subjects[2:5]).out
    assert "1 member removed" in run("remove", rid, laboratory.subjects[0]).out
    assert f"{rid}  released 0.2.0" in run("release", rid, "-d", "Four").out
    assert f"{rid}  nothing to do: unchanged since 0.2.0" in run("release", rid).out
    assert f"{rid}  version 0.2.0.post1.dev1" in run("mark-dev", rid, "-d", "Looked again").out
    assert "released 1.0.0" in run("release", rid, "--major").out
    shown = run("show", rid, "--json").document
    assert shown["members"] == {laboratory.table: 4}
    assert [row["version"] for row in shown["history"]] == ["1.0.0", "0.2.0", "0.1.0"]  # type: ignore[index,attr-defined]
    assert run("show", f"{rid}@0.1.0", "--json").document["members"] == {laboratory.table: 3}


def test_list_and_history(laboratory: Laboratory, run: Run) -> None:
    rid = create_dataset(laboratory.catalog, description="A [bold]name[/x]\x1b[31m", types=["Testing"]).rid
    listed = run("list", "--type", "Testing")
    assert rid in listed.out
    assert "A [bold]name[/x]" in listed.out
    assert "\x1b" not in listed.out
    assert rid not in run("list", "--type", "Training").out
    assert [item["rid"] for item in run("list", "--json").document["datasets"]].count(rid) == 1  # type: ignore[attr-defined]
    versions = run("history", rid, "--json").document["versions"]
    assert [(row["version"], row["state"]) for row in versions] == [("0.1.0", "released")]  # type: ignore[attr-defined]
    assert "0.1.0" in run("history", rid).out


def test_split_and_subset(laboratory: Laboratory, run: Run) -> None:
    rid = create_dataset(laboratory.catalog, description="All", members={laboratory.table: laboratory.subjects}).rid
    before = laboratory.datasets()
    plan = run("split", rid, "--training", "0.6", "--testing", "0.4", "--stratify-by", "Site", "--dry-run", "--json")
    assert plan.document["rid"] is None
    assert {name: part["size"] for name, part in plan.document["parts"].items()} == {"training": 18, "testing": 12}  # type: ignore[attr-defined]
    assert laboratory.datasets() == before == {rid}
    arguments = ("split", rid, "--training", "0.6", "--testing", "0.4", "--seed", "3", "--token", f"t-{rid}", "--json")
    made = run(*arguments)
    assert run(*arguments).document == made.document
    assert len(laboratory.datasets()) == len(before) + 3
    subset = run("subset", rid, "--size", "4", "--stratify-by", laboratory.feature, "--json")
    members = list_members(laboratory.catalog, str(subset.document["rid"]))
    assert len(members[laboratory.table]) == 4


def test_parquet_without_pyarrow_is_refused_before_any_request(
    laboratory: Laboratory, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rid = create_dataset(laboratory.catalog, description="All", members={laboratory.table: laboratory.subjects}).rid
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = run("denormalize", rid, laboratory.table, "--live", "-o", str(tmp_path / "rows.parquet"))
    assert (result.code, result.out) == (2, "")
    assert "error: Parquet needs pyarrow" in result.err
    assert "hint: pip install pyarrow, or name the file .csv." in result.err
    assert not (tmp_path / "rows.parquet").exists()


def test_deleting_needs_confirmation(laboratory: Laboratory, run: Run) -> None:
    rid = create_dataset(laboratory.catalog, description="Gone").rid
    asked = run("delete", rid)
    assert asked.code == 2
    assert "--yes" in asked.err
    assert run("delete", rid, "--yes").out == f"deleted {rid}\n"
    assert find_dataset(laboratory.catalog, rid, deleted=True).deleted
    assert "nothing to do" in run("delete", rid, "--yes").out
    assert rid not in run("list").out
    assert "deleted · Gone" in run("list", "--deleted").out


def test_adding_an_element_type_is_idempotent(laboratory: Laboratory, run: Run) -> None:
    domain = laboratory.table.partition(":")[0]
    create_table(laboratory.catalog, f"{domain}:Specimen", [ColumnDefinition("Name")])
    first = run("element-type", f"{domain}:Specimen")
    assert first.code == 0
    assert f"{domain}:Dataset_Specimen" in first.out
    assert run("element-type", f"{domain}:Specimen").out == first.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("show", "no rid"), 2, "RID"),
        (("show", "9-ZZZZ-ZZZZ"), 6, "No row 9-ZZZZ-ZZZZ"),
        (("create",), 2, "needs a description"),
        (("create", "-d", "x", "--type", "Trainig"), 6, "Did you mean Training"),
        (("create", "-d", "x", "--from", "absent.txt"), 2, "cannot read absent.txt"),
        (("release", "9-ZZZZ-ZZZZ", "--major", "--patch"), 2, "mutually exclusive"),
        (("release", "9-ZZZZ-ZZZZ", "--version", "one"), 2, "not a dataset version"),
        (("add", "9-ZZZZ-ZZZZ", "1-ABCD"), 6, "No row 9-ZZZZ-ZZZZ"),
        (("frobnicate",), 2, "frobnicate"),
    ],
)
def test_errors(run: Run, arguments: tuple[str, ...], code: int, message: str) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (code, "")
    assert message in result.err
    assert "Traceback" not in result.err


def test_an_interrupted_creation_can_be_completed_with_its_token(
    laboratory: Laboratory, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dml.dataset.curation as curation
    from dml.errors import RetryableError

    def unreachable(*_: object) -> None:
        raise RetryableError("the server failed", hint="Try again.")

    with monkeypatch.context() as patch:
        patch.setattr(curation, "record_snapshot", unreachable)
        cut = run("create", "-d", "Cut", "--version", "2.0.0")
    assert cut.code == 5
    token = cut.err.partition("--token ")[2].split()[0]
    done = run("create", "-d", "Cut", "--version", "2.0.0", "--token", token, "--json")
    versions = history(laboratory.catalog, str(done.document["rid"]))
    assert [(row.text, row.snapshot is not None) for row in versions] == [("2.0.0", True)]


def test_a_catalog_without_the_deriva_ml_schema(capsys: pytest.CaptureFixture[str]) -> None:
    target = create_catalog("local")
    for arguments in (["list"], ["show", "1-ABC"], ["release", "1-ABC"]):
        assert main(["dataset", *arguments, "--catalog", str(target)]) == 6
        assert f"error: {target} has no deriva-ml schema" in (output := capsys.readouterr().err)
        assert "hint: Create the schema with `dml catalog init`." in output


def test_messages(laboratory: Laboratory, run: Run) -> None:
    rid = create_dataset(
        laboratory.catalog,
        description="Subjects of the north",
        types=["Training", "Labeled"],
        members={laboratory.table: laboratory.subjects[:3]},
    ).rid
    run("add", rid, laboratory.subjects[3], "-d", "One more")
    other = laboratory.subjects[0]
    transcript = []
    for arguments in (
        ("list", "--type", "Labeled"),
        ("show", rid),
        ("history", rid),
        ("show", f"{rid}@3.0.0"),
        ("show", other),
        ("add", rid, rid),
        ("release", rid, "--version", "0.0.9"),
        ("split", rid, "--training", "0.5"),
        ("split", rid, "--stratify-by", "Colour"),
        ("subset", rid, "--size", "40"),
        ("delete", rid),
    ):
        result = run(*arguments)
        text = f"$ dml dataset {' '.join(arguments)}\n{result.out}{result.err}exit {result.code}\n"
        transcript.append(_normalised(text, laboratory, rid, other))
    path = Path(__file__).parent / "messages.txt"
    if os.environ.get("DML_UPDATE_SNAPSHOTS"):
        path.write_text("\n".join(transcript), encoding="utf-8")
    assert "\n".join(transcript) == path.read_text(encoding="utf-8")


def _normalised(text: str, laboratory: Laboratory, rid: str, other: str) -> str:
    """The text without what differs between runs."""
    snapshots = {row.snapshot for row in history(laboratory.catalog, rid) if row.snapshot}
    at = laboratory.catalog.target
    text = text.replace(f"https://{at.host}/id/{at.catalog_id}", "LINK")
    known = {rid: "DATASET", other: "SUBJECT", laboratory.table.partition(":")[0]: "domain"}
    for value, placeholder in {**known, laboratory.feature: "Origin", **dict.fromkeys(snapshots, "SNAPTIME")}.items():
        text = text.replace(value, placeholder)
    return re.sub(r" +\n", "\n", re.sub(r" {2,}", "  ", text)).replace(str(laboratory.catalog.target), "TARGET")
