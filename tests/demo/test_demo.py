"""The worked example: complete results after one run, after repeated runs, and after any interruption."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from cli.runner import run as run_command
from demo.pictures import WIDTH, assert_drawn, terminal_picture
from dml import settings
from dml.catalog.administration import create_catalog, list_embedded_catalogs
from dml.catalog.connection import Catalog, connect
from dml.catalog.rows import select
from dml.catalog.session import Session
from dml.cli.__main__ import main
from dml.dataset.lookup import list_datasets, resolve
from dml.dataset.members import list_members
from dml.demo import demo_catalog, evaluate
from dml.demo.run import DemoResult, run
from dml.directories import data_directory
from dml.errors import LockedError, UsageError
from dml.lineage.lookup import lookup_lineage
from dml.lineage.result import result_mapping
from dml.target import Target

FEW = 40
"""Number of images in tests that do not check the accuracy."""

KILLS = [
    ("POST /ermrest/catalog", 2),
    ("PUT /hatrac", 20),
    ("POST digits:Execution_Image_Digit", 1),
    ("POST Dataset_Dataset", 1),
    ("POST Execution_Asset_Execution", 2),
]
"""Where the example is killed: after the n-th response to this kind of request."""

if os.environ.get("DML_TEST_FULL"):
    KILLS += [
        ("POST", 12),
        ("PUT /hatrac", 1),
        ("POST digits:Image", 1),
        ("POST Dataset_Version", 1),
        ("POST digits:Dataset_Image", 2),
        ("PUT Dataset_Version", 3),
        ("GET /hatrac", 20),
        ("POST Execution_Asset_Execution", 1),
    ]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expect no accuracy from a model that is trained on few images."""
    monkeypatch.setattr(evaluate, "EXPECTED", 0.0)


def executions(catalog: Catalog) -> Counter[tuple[str, str]]:
    """The number of executions of each workflow in each status."""
    names = {row["RID"]: row["Name"] for row in select(catalog, "deriva-ml:Workflow")}
    return Counter(
        (names[row["Workflow"]], row["Status"]) for row in select(catalog, "deriva-ml:Execution") if row["Workflow"]
    )


def writing_requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collects every further request that is not a read."""
    written: list[str] = []
    exchange = Session.exchange

    def counted(self: Session, method: str, *args: object, **kwargs: object) -> object:
        if method not in ("GET", "HEAD"):
            written.append(method)
        return exchange(self, method, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "exchange", counted)
    return written


def assert_complete(result: DemoResult, images: int) -> None:
    """Every result exists, exactly once."""
    catalog = connect(result.target)
    uploaded = [
        name for (name, status), number in executions(catalog).items() if status == "Uploaded" for _ in range(number)
    ]
    assert sorted(uploaded) == sorted(result.executions)
    assert {status for _, status in executions(catalog)} <= {"Uploaded", "Aborted"}
    assert len(select(catalog, "digits:Image")) == images
    load = result.executions["Load digits"]
    assert len(select(catalog, "digits:Execution_Image_Digit", where={"Execution": load})) == images
    assert len(list_datasets(catalog)) == 4
    parts = [
        list_members(resolve(catalog, result.datasets[name]).reader(catalog), result.datasets[name].partition("@")[0])
        for name in ("training", "testing")
    ]
    rids = [rid for part in parts for rid in part["digits:Image"]]
    assert len(rids) == len(set(rids)) == images


def test_complete_example(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    result = run()
    assert result.made
    assert result.accuracy >= 0.9
    assert_complete(result, 600)
    assert settings.resolve().target == result.target
    graph = json.dumps(result_mapping(lookup_lineage(connect(result.target), result.predictions)))
    for rid in (*result.executions.values(), result.model):
        assert f'"{rid}"' in graph
    written = writing_requests(monkeypatch)
    again = run()
    assert written == []
    assert not again.made
    assert (again.executions, again.datasets, again.model, again.predictions, again.accuracy) == (
        result.executions,
        result.datasets,
        result.model,
        result.predictions,
        result.accuracy,
    )
    capsys.readouterr()
    assert main(["demo"]) == 0
    shown = capsys.readouterr().out
    assert "Nothing to do" in shown
    assert main(["demo", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["created"]) == ("dml.demo/1", False)
    tree = shown.partition(f"dml lineage {result.predictions}")[2]
    for rid in (document["predictions"], document["model"], *document["executions"].values()):
        assert rid in tree
    assert written == []
    assert_pictures_are_current(result.predictions, monkeypatch)


def assert_pictures_are_current(predictions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures in the documentation match the output of the commands."""
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = run_command("lineage", predictions, terminal=True)
    assert_drawn("demo-lineage.svg", terminal_picture(f"dml lineage {predictions}", shown.stdout))
    assert_drawn("demo-lineage-graph.svg", run_command("lineage", predictions, "--format", "svg").stdout)


@pytest.mark.usefixtures("small")
def test_later_default_target_is_left_alone() -> None:
    run(images=FEW)
    settings.write_profile("catalog", "data.example.org/7")
    assert not run(images=FEW).made
    assert settings.resolve().target == Target("data.example.org", "7")


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("kind", "number"), KILLS)
def test_next_run_completes_a_killed_run(kind: str, number: int) -> None:
    child = os.fork()
    if child == 0:
        _run_until_killed(kind, number)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    result = run(images=FEW)
    assert result.made
    assert_complete(result, FEW)
    assert len(list_embedded_catalogs()) == 1
    assert not run(images=FEW).made


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("wanted", ["digits:Image", "Dataset_Dataset"])
def test_next_run_completes_an_interrupted_run(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = Session.exchange

    def interrupted(self: Session, method: str, url: str, *args: object, **kwargs: object) -> object:
        if method == "POST" and wanted in url:
            raise KeyboardInterrupt
        return exchange(self, method, url, *args, **kwargs)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Session, "exchange", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(images=FEW)
    assert_complete(run(images=FEW), FEW)


def test_missing_package_is_reported_before_anything_is_created(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dml.demo.digits.find_spec", lambda name: None if name == "sklearn" else object())
    with pytest.raises(UsageError, match="needs sklearn") as caught:
        run(images=FEW)
    assert "deriva-dml[demo]" in caught.value.hint
    assert list_embedded_catalogs() == []


def _run_until_killed(kind: str, number: int) -> None:
    """In a child process: run the example and die after the n-th response to a kind of request."""
    method, _, wanted = kind.partition(" ")
    exchange, seen = Session.exchange, [0]

    def counted(self: Session, verb: str, url: str, *args: object, **kwargs: object) -> object:
        answer = exchange(self, verb, url, *args, **kwargs)  # type: ignore[arg-type]
        if verb == method and wanted in url:
            seen[0] += 1
            if seen[0] == number:
                os.kill(os.getpid(), signal.SIGKILL)
        return answer

    Session.exchange = counted  # type: ignore[assignment, method-assign]
    try:
        run(images=FEW)
    finally:
        os._exit(0)


@pytest.mark.usefixtures("small")
def test_created_but_unrecorded_catalog_is_reused() -> None:
    create_catalog("local")
    record = data_directory() / "demo.json"
    record.write_text(json.dumps({"before": ["1"]}))
    made = create_catalog("local")
    assert demo_catalog.find_or_create() == (made, True)
    assert demo_catalog.find_or_create() == (made, False)
    assert len(list_embedded_catalogs()) == 2


def test_unreadable_record_creates_a_new_catalog(home: Path) -> None:
    first, _ = demo_catalog.find_or_create()
    (data_directory() / "demo.json").write_text("{")
    second, made = demo_catalog.find_or_create()
    assert made
    assert second != first


def test_only_one_run_at_a_time() -> None:
    with demo_catalog.demo_lock(), pytest.raises(LockedError, match="another process"):
        run(images=FEW)


def test_catalog_option_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--catalog", "local/1"]) == 2
    assert "its own embedded catalog" in capsys.readouterr().err
