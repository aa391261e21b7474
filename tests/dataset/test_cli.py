"""``dml dataset`` from the outside: what it prints, how it exits, what it writes."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dml.catalog.administration import create_catalog
from dml.catalog.definitions import ColumnDefinition, create_table
from dml.cli.__main__ import main
from dml.dataset.curation import create_dataset
from dml.dataset.lookup import find_dataset, history
from dml.dataset.members import list_members

from .laboratory import Laboratory

Say = Callable[..., "Answer"]


class Answer:
    """What one invocation gave: exit code, standard output and error, and the JSON document if it was one."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def document(self) -> dict[str, object]:
        return json.loads(self.out)  # type: ignore[no-any-return]


@pytest.fixture
def say(
    laboratory: Laboratory, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Say]:
    """Runs ``dml dataset`` on the test's catalog."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    capsys.readouterr()

    def run(*words: str) -> Answer:
        code = main(["dataset", *words, "--catalog", str(laboratory.catalog.target)])
        shown = capsys.readouterr()
        return Answer(code, shown.out, shown.err)

    return run  # type: ignore[return-value]


def test_a_dataset_from_creation_to_release(laboratory: Laboratory, say: Say, tmp_path: Path) -> None:
    (tmp_path / "rids.txt").write_text("# chosen by hand\n" + "\n".join(laboratory.subjects[:3]) + "\n")
    made = say("create", "-d", "Chosen", "--type", "Training", "--from", "rids.txt", "--json")
    assert made.code == 0
    rid = str(made.document["rid"])
    assert made.document["members"] == {laboratory.table: 3}
    assert made.document["schema"] == "dml.dataset.create/1"
    added = say("add", rid, *laboratory.subjects[2:5])
    assert added.code == 0
    assert f"{rid}  2 members added; version 0.1.0.post1.dev1" in added.out
    assert "nothing to do; version 0.1.0.post1.dev1" in say("add", rid, *laboratory.subjects[2:5]).out
    assert "1 member removed" in say("remove", rid, laboratory.subjects[0]).out
    assert f"{rid}  released 0.2.0" in say("release", rid, "-d", "Four").out
    assert f"{rid}  nothing to do: no change since 0.2.0" in say("release", rid).out
    assert f"{rid}  version 0.2.0.post1.dev1" in say("mark-dev", rid, "-d", "Looked again").out
    assert "released 1.0.0" in say("release", rid, "--major").out
    shown = say("show", rid, "--json").document
    assert shown["members"] == {laboratory.table: 4}
    assert [row["version"] for row in shown["history"]] == ["1.0.0", "0.2.0", "0.1.0"]  # type: ignore[index,attr-defined]
    assert say("show", f"{rid}@0.1.0", "--json").document["members"] == {laboratory.table: 3}


def test_the_list_and_the_history(laboratory: Laboratory, say: Say) -> None:
    rid = create_dataset(laboratory.catalog, description="A [bold]name[/x]\x1b[31m", types=["Testing"]).rid
    listed = say("list", "--type", "Testing")
    assert rid in listed.out
    assert "A [bold]name[/x]" in listed.out
    assert "\x1b" not in listed.out
    assert rid not in say("list", "--type", "Training").out
    assert [one["rid"] for one in say("list", "--json").document["datasets"]].count(rid) == 1  # type: ignore[attr-defined]
    versions = say("history", rid, "--json").document["versions"]
    assert [(row["version"], row["state"]) for row in versions] == [("0.1.0", "released")]  # type: ignore[attr-defined]
    assert "0.1.0" in say("history", rid).out


def test_split_and_subset(laboratory: Laboratory, say: Say) -> None:
    rid = create_dataset(laboratory.catalog, description="All", members={laboratory.table: laboratory.subjects}).rid
    before = laboratory.datasets()
    plan = say("split", rid, "--training", "0.6", "--testing", "0.4", "--stratify-by", "Site", "--dry-run", "--json")
    assert plan.document["rid"] is None
    assert {name: part["size"] for name, part in plan.document["parts"].items()} == {"training": 18, "testing": 12}  # type: ignore[attr-defined]
    assert laboratory.datasets() == before == {rid}
    words = ("split", rid, "--training", "0.6", "--testing", "0.4", "--seed", "3", "--token", f"t-{rid}", "--json")
    made = say(*words)
    assert say(*words).document == made.document
    assert len(laboratory.datasets()) == len(before) + 3
    subset = say("subset", rid, "--size", "4", "--stratify-by", laboratory.feature, "--json")
    members = list_members(laboratory.catalog, str(subset.document["rid"]))
    assert len(members[laboratory.table]) == 4


def test_parquet_without_its_library_is_refused_before_anything_is_read(
    laboratory: Laboratory, say: Say, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rid = create_dataset(laboratory.catalog, description="All", members={laboratory.table: laboratory.subjects}).rid
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    answer = say("denormalize", rid, laboratory.table, "--live", "-o", str(tmp_path / "rows.parquet"))
    assert (answer.code, answer.out) == (2, "")
    assert "error: Parquet needs pyarrow" in answer.err
    assert "hint: pip install pyarrow, or write a file that ends in .csv." in answer.err
    assert not (tmp_path / "rows.parquet").exists()


def test_deleting_asks(laboratory: Laboratory, say: Say) -> None:
    rid = create_dataset(laboratory.catalog, description="Gone").rid
    asked = say("delete", rid)
    assert asked.code == 2
    assert "--yes" in asked.err
    assert say("delete", rid, "--yes").out == f"deleted {rid}\n"
    assert find_dataset(laboratory.catalog, rid, deleted=True).deleted
    assert "nothing to do" in say("delete", rid, "--yes").out
    assert rid not in say("list").out
    assert "deleted · Gone" in say("list", "--deleted").out


def test_an_element_type_is_added_once(laboratory: Laboratory, say: Say) -> None:
    domain = laboratory.table.partition(":")[0]
    create_table(laboratory.catalog, f"{domain}:Specimen", [ColumnDefinition("Name")])
    first = say("element-type", f"{domain}:Specimen")
    assert first.code == 0
    assert f"{domain}:Dataset_Specimen" in first.out
    assert say("element-type", f"{domain}:Specimen").out == first.out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("show", "no rid"), 2, "RID"),
        (("show", "9-ZZZZ-ZZZZ"), 6, "No row 9-ZZZZ-ZZZZ"),
        (("create",), 2, "needs a description"),
        (("create", "-d", "x", "--type", "Trainig"), 6, "Did you mean Training"),
        (("create", "-d", "x", "--from", "absent.txt"), 2, "cannot read absent.txt"),
        (("release", "9-ZZZZ-ZZZZ", "--major", "--patch"), 2, "exclude each other"),
        (("release", "9-ZZZZ-ZZZZ", "--version", "one"), 2, "not a dataset version"),
        (("add", "9-ZZZZ-ZZZZ", "1-ABCD"), 6, "No row 9-ZZZZ-ZZZZ"),
        (("frobnicate",), 2, "frobnicate"),
    ],
)
def test_what_goes_wrong_is_said(say: Say, words: tuple[str, ...], code: int, message: str) -> None:
    answer = say(*words)
    assert (answer.code, answer.out) == (code, "")
    assert message in answer.err
    assert "Traceback" not in answer.err


def test_an_interrupted_creation_says_how_to_finish_it(
    laboratory: Laboratory, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dml.dataset.curation as curation
    from dml.errors import RetryableError

    def unreachable(*_: object) -> None:
        raise RetryableError("the server is gone", hint="Try again.")

    with monkeypatch.context() as patch:
        patch.setattr(curation, "seal", unreachable)
        cut = say("create", "-d", "Cut", "--version", "2.0.0")
    assert cut.code == 5
    token = cut.err.partition("--token ")[2].split()[0]
    done = say("create", "-d", "Cut", "--version", "2.0.0", "--token", token, "--json")
    versions = history(laboratory.catalog, str(done.document["rid"]))
    assert [(row.text, row.snapshot is not None) for row in versions] == [("2.0.0", True)]


def test_a_catalog_without_the_schema_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    target = create_catalog("local")
    for words in (["list"], ["show", "1-ABC"], ["release", "1-ABC"]):
        assert main(["dataset", *words, "--catalog", str(target)]) == 6
        assert f"error: {target} has no deriva-ml schema" in (said := capsys.readouterr().err)
        assert "hint: `dml catalog init`" in said


def test_messages_stay_as_they_are(laboratory: Laboratory, say: Say) -> None:
    rid = create_dataset(
        laboratory.catalog,
        description="Subjects of the north",
        types=["Training", "Labeled"],
        members={laboratory.table: laboratory.subjects[:3]},
    ).rid
    say("add", rid, laboratory.subjects[3], "-d", "One more")
    other = laboratory.subjects[0]
    said = []
    for words in (
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
        answer = say(*words)
        line = f"$ dml dataset {' '.join(words)}\n{answer.out}{answer.err}exit {answer.code}\n"
        said.append(_normalised(line, laboratory, rid, other))
    path = Path(__file__).parent / "messages.txt"
    if os.environ.get("DML_UPDATE_SNAPSHOTS"):
        path.write_text("\n".join(said), encoding="utf-8")
    assert "\n".join(said) == path.read_text(encoding="utf-8")


def _normalised(text: str, laboratory: Laboratory, rid: str, other: str) -> str:
    """The text without what differs from run to run."""
    snapshots = {row.snapshot for row in history(laboratory.catalog, rid) if row.snapshot}
    at = laboratory.catalog.target
    text = text.replace(f"https://{at.host}/id/{at.catalog_id}", "LINK")
    known = {rid: "DATASET", other: "SUBJECT", laboratory.table.partition(":")[0]: "domain"}
    for place, word in {**known, laboratory.feature: "Origin", **dict.fromkeys(snapshots, "SNAPTIME")}.items():
        text = text.replace(place, word)
    return re.sub(r" +\n", "\n", re.sub(r" {2,}", "  ", text)).replace(str(laboratory.catalog.target), "TARGET")
