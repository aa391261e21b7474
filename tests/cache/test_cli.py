"""``dml cache`` from the outside: what it prints, how it exits, what it asks for."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dml.cli.__main__ import main

from .gallery import Gallery

Say = Callable[..., "Answer"]
MESSAGES = Path(__file__).parent / "messages.txt"


class Answer:
    """What one invocation gave: exit code, standard output and error, and the JSON document if it was one."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.out)  # type: ignore[no-any-return]


@pytest.fixture
def say(
    gallery: Gallery, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Say]:
    """Runs ``dml cache`` on the test's catalog."""
    if not gallery.catalog.target.is_embedded:
        pytest.fail("the command line reads deriva's credential file; run these on the embedded catalog")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "110")
    capsys.readouterr()

    def run(*words: str) -> Answer:
        code = main(["cache", *words, "--catalog", str(gallery.catalog.target)])
        shown = capsys.readouterr()
        return Answer(code, shown.out, shown.err)

    return run  # type: ignore[return-value]


def bags(home: Path) -> list[Path]:
    return sorted(home.rglob("cache/bags/*/Dataset_*"))


def test_from_nothing_to_whole_and_back(gallery: Gallery, say: Say, home: Path) -> None:
    rid = gallery.dataset
    assert say("list").out.startswith("the cache is empty")
    assert not (home / ".deriva-ml").exists(), "looking makes nothing"
    assert say("status", f"{rid}@1.0.0", "--json").document["versions"][0]["tier"] == "not_cached"
    rows = say("warm", f"{rid}@1.0.0", "--metadata-only")
    assert (rows.code, "cached_metadata_only  rows fetched" in rows.out) == (0, True)
    status = say("status", f"{rid}@1.0.0", "--json").document["versions"][0]
    assert (status["tier"], status["missing"], status["missing_bytes"]) == ("cached_metadata_only", 4, 8000)
    warm = say("warm", rid, "--json")
    assert warm.document["schema"] == "dml.cache.warm/1"
    assert [one["version"] for one in warm.document["items"]] == ["1.1.0"]
    assert warm.document["items"][0]["files"] == 5
    assert "nothing to do" in say("warm", rid).out
    shared = say("warm", f"{rid}@1.0.0")
    assert "cached_materialized  4 files from elsewhere in the cache" in shared.out
    listed = say("list", "--json").document
    assert [(one["name"], one["tier"]) for one in listed["items"]] == [
        (f"{rid}@1.0.0", "cached_materialized"),
        (f"{rid}@1.1.0", "cached_materialized"),
    ]
    assert listed["bytes"] == sum(one["bytes"] for one in listed["items"])
    verified = say("verify", "--json")
    assert (verified.code, [one["right"] for one in verified.document["items"]]) == (0, [True, True])
    cleared = say("clear", "--all", "--yes", "--json").document
    assert (cleared["done"], len(cleared["removed"]), cleared["kept"]) == (True, 2, [])
    assert bags(home) == []
    assert say("list").out.startswith("the cache is empty")


def test_damage_is_said_and_repaired(gallery: Gallery, say: Say, home: Path) -> None:
    say("warm", gallery.dataset)
    file = next(bags(home)[0].rglob("*.png"))
    file.chmod(0o644)
    file.write_bytes(b"X" * 2000)
    broken = say("verify")
    assert broken.code == 3
    assert "wrong bytes: data/asset/Image/" in broken.out
    assert "dml cache verify --repair" in broken.err
    assert say("status", gallery.dataset, "--json").document["versions"][0]["tier"] == "cached_incomplete"
    repaired = say("verify", gallery.dataset, "--repair")
    assert (repaired.code, "1 fault, all repaired" in repaired.out) == (0, True)
    assert say("verify").code == 0


def test_a_damaged_index_is_put_aside(gallery: Gallery, say: Say, home: Path) -> None:
    say("warm", gallery.dataset)
    say("pin", gallery.dataset)
    path = next(home.rglob("cache/index.sqlite"))
    path.write_bytes(b"not a database, but long enough to be looked at" * 50)
    broken = say("list")
    assert broken.code == 1
    assert "The cache index" in broken.err
    assert "dml cache verify --repair" in broken.err
    renewed = say("verify", "--repair")
    assert renewed.code == 0
    assert "entered into the index" in renewed.out
    assert "a new one is made from what is on disk, with 1 pin" in renewed.err
    (item,) = say("list", "--pinned", "--json").document["items"]
    assert (item["rid"], item["tier"]) == (gallery.dataset, "cached_materialized")


def test_pins_and_keeping_a_size(gallery: Gallery, say: Say, home: Path) -> None:
    rid = gallery.dataset
    say("warm", f"{rid}@1.0.0", rid, gallery.plain)
    assert say("pin", rid).code == 2
    assert "several versions" in say("pin", rid).err
    assert "pinned" in say("pin", f"{rid}@1.0.0").out
    assert "nothing to do" in say("pin", f"{rid}@1.0.0").out
    assert [one["name"] for one in say("list", "--pinned", "--json").document["items"]] == [f"{rid}@1.0.0"]
    plan = say("clear", "--keep", "0", "--dry-run", "--json").document
    assert plan["done"] is False
    assert sorted(one["name"] for one in plan["removed"]) == sorted([f"{rid}@1.1.0", f"{gallery.plain}@1.0.0"])
    assert len(bags(home)) == 3
    named = say("clear", f"{rid}@1.0.0")
    assert (named.code, "stays: pinned" in named.err) == (7, True)
    assert say("clear", "--keep", "0", "--yes").code == 0
    assert len(bags(home)) == 1
    assert "unpinned" in say("unpin", rid).out
    assert "nothing to do" in say("clear", "--older-than", "1d").out


def test_an_asset_by_its_rid(gallery: Gallery, say: Say, home: Path) -> None:
    image = gallery.images[2]
    warm = say("warm", image, "--json").document["items"][0]
    assert (warm["kind"], warm["files"], warm["bytes"]) == ("asset", 1, 2000)
    assert Path(warm["path"]).read_bytes() == gallery.content[image]
    (item,) = say("list", "--kind", "asset", "--json").document["items"]
    assert (item["rid"], item["tier"], item["bytes"]) == (image, "cached_materialized", 2000)
    assert "nothing to do" in say("warm", image).out
    (status,) = say("status", image, "--json").document["versions"]
    assert (status["rid"], status["version"], status["tier"], status["bytes"]) == (
        image,
        "",
        "cached_materialized",
        2000,
    )
    assert f"{image}  ● cached_materialized" in say("status", image).out
    assert say("status", gallery.images[3], "--json").document["versions"][0]["tier"] == "not_cached"
    assert say("pin", image).code == 0
    assert "stays: pinned" in say("clear", image).err


def test_sizes_before_and_on_disk(gallery: Gallery, say: Say) -> None:
    info = say("info", gallery.dataset, "--json").document
    assert info["tables"][gallery.image_table] | {"csv_bytes": 0} == {
        "row_count": 5,
        "is_asset": True,
        "asset_bytes": 10000,
        "csv_bytes": 0,
        "exact": True,
    }
    assert info["status"] == "not_cached"
    assert info["missing_bytes"] >= 10000
    say("warm", gallery.dataset, f"{gallery.dataset}@1.0.0")
    measured = say("du", "--json").document
    assert measured["bytes"] == sum(one["bytes"] for one in measured["parts"])
    assert {one["name"] for one in measured["parts"]} >= {f"{gallery.dataset}@1.0.0", f"{gallery.dataset}@1.1.0"}
    assert say("info", gallery.dataset, "--json").document["missing_bytes"] == 0


def test_offline_what_is_here_is_said(gallery: Gallery, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    from dml.cache import status
    from dml.errors import RetryableError

    def unreachable(*_: object) -> None:
        raise RetryableError("the server cannot be reached")

    say("warm", gallery.dataset)
    monkeypatch.setattr(status, "current_version", unreachable)
    here = say("status", gallery.dataset)
    assert here.code == 0
    assert "cannot be asked" in here.err
    assert f"{gallery.dataset}@1.1.0" in here.out
    assert say("status", gallery.plain).code == 5


def test_a_development_version_says_so(gallery: Gallery, say: Say) -> None:
    from dml.dataset.releases import mark_dev

    mark_dev(gallery.catalog, gallery.dataset)
    warm = say("warm", gallery.dataset)
    assert warm.code == 0
    assert "is a development version" in warm.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("warm", "not a rid"), 2, "RID"),
        (("warm", "1-ABC@"), 2, "names no version"),
        (("warm", "9-ZZZZ"), 6, "No row 9-ZZZZ"),
        (("warm", "9-ZZZZ@1.0.0"), 6, "No row 9-ZZZZ"),
        (("clear",), 2, "What is to be cleared?"),
        (("clear", "--keep", "much"), 2, "is not a size"),
        (("clear", "--older-than", "long"), 2, "is not a time"),
        (("clear", "9-ZZZZ", "--yes"), 7, "not in the cache"),
        (("verify", "9-ZZZZ"), 6, "not in the cache"),
        (("pin", "9-ZZZZ"), 6, "not in the cache"),
        (("list", "--sort", "colour"), 2, "name, size, used, tier"),
        (("list", "--tier", "\x1b[31mred"), 2, "cached_materialized"),
    ],
)
def test_what_cannot_be_done_is_said(say: Say, words: tuple[str, ...], code: int, message: str) -> None:
    answer = say(*words)
    assert (answer.code, answer.out) == (code, "")
    assert message in answer.err
    assert "Traceback" not in answer.err
    assert "\x1b" not in answer.err


def test_a_column_is_no_dataset(gallery: Gallery, say: Say) -> None:
    from dml.catalog.rows import select

    subject = select(gallery.catalog, f"{gallery.schema}:Subject", columns=["RID"], limit=1)[0]["RID"]
    answer = say("warm", subject)
    assert answer.code == 2
    assert "neither a dataset nor an asset" in answer.err


def test_messages_stay_as_they_are(gallery: Gallery, say: Say, home: Path) -> None:
    rid, said = gallery.dataset, []

    def shown(*words: str) -> None:
        answer = say(*words)
        line = f"$ dml cache {' '.join(words)}\n{answer.out}{answer.err}exit {answer.code}\n"
        said.append(_normalised(line, gallery, home))

    shown("list")
    shown("warm", f"{rid}@1.0.0", "--metadata-only", "--progress", "none")
    shown("warm", rid, gallery.images[0], "--progress", "none")
    shown("list")
    shown("status", rid)
    shown("info", rid)
    shown("verify")
    shown("pin", f"{rid}@1.1.0")
    file = max(bags(home)[0].parent.parent.rglob("*.png"), key=lambda path: path.name)
    file.chmod(0o644)
    file.write_bytes(b"X" * 2000)
    shown("verify")
    shown("clear", "--all")
    shown("clear", "--all", "--yes")
    shown("clear", rid)
    if os.environ.get("DML_UPDATE_SNAPSHOTS"):
        MESSAGES.write_text("\n".join(said), encoding="utf-8")
    assert "\n".join(said) == MESSAGES.read_text(encoding="utf-8")


def _normalised(text: str, gallery: Gallery, home: Path) -> str:
    """The text without what differs from run to run."""
    known = {gallery.dataset: "DATASET", gallery.images[0]: "IMAGE", gallery.schema: "domain", str(home): "HOME"}
    for place, word in known.items():
        text = text.replace(place, word)
    text = re.sub(r"data/asset/Image/[0-9A-Z-]+/image \d", "data/asset/Image/RID/image N", text)
    text = re.sub(r"[\d.]+ (?:[KMG]i)?B(?= free)", "SIZE", text)
    text = re.sub(r"(?<![\d.])[\d.,]+ (?:[KMG]i)?B\b", "SIZE", text)
    return re.sub(r" +\n", "\n", re.sub(r" {2,}", "  ", text))


def test_the_shell_is_told_what_is_here(gallery: Gallery, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    from dml.cli.app.shell_complete import complete_cached

    monkeypatch.setenv("DML_HOST", gallery.catalog.target.host)
    monkeypatch.setenv("DML_CATALOG", gallery.catalog.target.catalog_id)
    assert complete_cached("") == []
    say("warm", f"{gallery.dataset}@1.0.0", gallery.images[0])
    assert complete_cached(gallery.dataset.lower()) == [(f"{gallery.dataset}@1.0.0", "dataset")]
    assert complete_cached(gallery.images[0]) == [(gallery.images[0], "image 0.png")]
    assert complete_cached("ZZ%") == []
