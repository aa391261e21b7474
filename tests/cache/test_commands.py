"""The commands of ``dml cache``: output, exit codes and messages."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dml.cli.__main__ import main

from .gallery import Gallery

Run = Callable[..., "Result"]
MESSAGES = Path(__file__).parent / "messages.txt"


class Result:
    """Exit code, standard output and standard error of one invocation."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on standard output."""
        return json.loads(self.out)  # type: ignore[no-any-return]


@pytest.fixture
def run(gallery: Gallery, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``dml cache`` with the test's catalog."""
    if not gallery.catalog.target.is_embedded:
        pytest.fail("the command line reads deriva's credential file: run this on the embedded catalog")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "110")
    capsys.readouterr()

    def invoke(*arguments: str) -> Result:
        code = main(["cache", *arguments, "--catalog", str(gallery.catalog.target)])
        output = capsys.readouterr()
        return Result(code, output.out, output.err)

    return invoke  # type: ignore[return-value]


def bags(home: Path) -> list[Path]:
    return sorted(home.rglob("cache/bags/*/Dataset_*"))


def test_an_empty_cache_is_filled_verified_and_cleared(gallery: Gallery, run: Run, home: Path) -> None:
    rid = gallery.dataset
    assert run("list").out.startswith("the cache is empty")
    assert not (home / ".deriva-ml").exists(), "listing creates nothing"
    assert run("status", f"{rid}@1.0.0", "--json").document["versions"][0]["tier"] == "not_cached"
    rows = run("warm", f"{rid}@1.0.0", "--metadata-only")
    assert (rows.code, "cached_metadata_only  metadata fetched" in rows.out) == (0, True)
    status = run("status", f"{rid}@1.0.0", "--json").document["versions"][0]
    assert (status["tier"], status["missing"], status["missing_bytes"]) == ("cached_metadata_only", 4, 8000)
    warm = run("warm", rid, "--json")
    assert warm.document["schema"] == "dml.cache.warm/1"
    assert [item["version"] for item in warm.document["items"]] == ["1.1.0"]
    assert warm.document["items"][0]["files"] == 5
    assert "nothing to do" in run("warm", rid).out
    shared = run("warm", f"{rid}@1.0.0")
    assert "cached_materialized  4 files reused from the cache" in shared.out
    listed = run("list", "--json").document
    assert [(item["name"], item["tier"]) for item in listed["items"]] == [
        (f"{rid}@1.0.0", "cached_materialized"),
        (f"{rid}@1.1.0", "cached_materialized"),
    ]
    assert listed["bytes"] == sum(item["bytes"] for item in listed["items"])
    verified = run("verify", "--json")
    assert (verified.code, [item["intact"] for item in verified.document["items"]]) == (0, [True, True])
    cleared = run("clear", "--all", "--yes", "--json").document
    assert (cleared["done"], len(cleared["removed"]), cleared["kept"]) == (True, 2, [])
    assert bags(home) == []
    assert run("list").out.startswith("the cache is empty")


def test_damage_is_reported_and_repaired(gallery: Gallery, run: Run, home: Path) -> None:
    run("warm", gallery.dataset)
    file = next(bags(home)[0].rglob("*.png"))
    file.chmod(0o644)
    file.write_bytes(b"X" * 2000)
    broken = run("verify")
    assert broken.code == 3
    assert "wrong checksum: data/asset/Image/" in broken.out
    assert "dml cache verify --repair" in broken.err
    assert run("status", gallery.dataset, "--json").document["versions"][0]["tier"] == "cached_incomplete"
    repaired = run("verify", gallery.dataset, "--repair")
    assert (repaired.code, "1 fault, all repaired" in repaired.out) == (0, True)
    assert run("verify").code == 0


def test_a_damaged_index_is_rebuilt(gallery: Gallery, run: Run, home: Path) -> None:
    run("warm", gallery.dataset)
    run("pin", gallery.dataset)
    path = next(home.rglob("cache/index.sqlite"))
    path.write_bytes(b"not a database, but long enough to be looked at" * 50)
    broken = run("list")
    assert broken.code == 1
    assert "the cache index" in broken.err
    assert "dml cache verify --repair" in broken.err
    renewed = run("verify", "--repair")
    assert renewed.code == 0
    assert "added to the index" in renewed.out
    assert "rebuilding it from the files on disk, with 1 pin" in renewed.err
    (item,) = run("list", "--pinned", "--json").document["items"]
    assert (item["rid"], item["tier"]) == (gallery.dataset, "cached_materialized")


def test_pins_protect_from_clearing_to_a_size(gallery: Gallery, run: Run, home: Path) -> None:
    rid = gallery.dataset
    run("warm", f"{rid}@1.0.0", rid, gallery.plain)
    assert run("pin", rid).code == 2
    assert "Several versions" in run("pin", rid).err
    assert "pinned" in run("pin", f"{rid}@1.0.0").out
    assert "nothing to do" in run("pin", f"{rid}@1.0.0").out
    assert [item["name"] for item in run("list", "--pinned", "--json").document["items"]] == [f"{rid}@1.0.0"]
    plan = run("clear", "--keep", "0", "--dry-run", "--json").document
    assert plan["done"] is False
    assert sorted(item["name"] for item in plan["removed"]) == sorted([f"{rid}@1.1.0", f"{gallery.plain}@1.0.0"])
    assert len(bags(home)) == 3
    named = run("clear", f"{rid}@1.0.0")
    assert (named.code, "is kept: pinned" in named.err) == (7, True)
    assert run("clear", "--keep", "0", "--yes").code == 0
    assert len(bags(home)) == 1
    assert "unpinned" in run("unpin", rid).out
    assert "nothing to do" in run("clear", "--older-than", "1d").out


def test_a_single_asset_is_named_by_its_rid(gallery: Gallery, run: Run, home: Path) -> None:
    image = gallery.images[2]
    warm = run("warm", image, "--json").document["items"][0]
    assert (warm["kind"], warm["files"], warm["bytes"]) == ("asset", 1, 2000)
    assert Path(warm["path"]).read_bytes() == gallery.content[image]
    (item,) = run("list", "--kind", "asset", "--json").document["items"]
    assert (item["rid"], item["tier"], item["bytes"]) == (image, "cached_materialized", 2000)
    assert "nothing to do" in run("warm", image).out
    (status,) = run("status", image, "--json").document["versions"]
    assert (status["rid"], status["version"], status["tier"], status["bytes"]) == (
        image,
        "",
        "cached_materialized",
        2000,
    )
    assert f"{image}  ● cached_materialized" in run("status", image).out
    assert run("status", gallery.images[3], "--json").document["versions"][0]["tier"] == "not_cached"
    assert run("pin", image).code == 0
    assert "is kept: pinned" in run("clear", image).err


def test_info_and_du_report_sizes(gallery: Gallery, run: Run) -> None:
    info = run("info", gallery.dataset, "--json").document
    assert info["tables"][gallery.image_table] | {"csv_bytes": 0} == {
        "row_count": 5,
        "is_asset": True,
        "asset_bytes": 10000,
        "csv_bytes": 0,
        "exact": True,
    }
    assert info["status"] == "not_cached"
    assert info["missing_bytes"] >= 10000
    run("warm", gallery.dataset, f"{gallery.dataset}@1.0.0")
    measured = run("du", "--json").document
    assert measured["bytes"] == sum(item["bytes"] for item in measured["parts"])
    assert {item["name"] for item in measured["parts"]} >= {f"{gallery.dataset}@1.0.0", f"{gallery.dataset}@1.1.0"}
    assert run("info", gallery.dataset, "--json").document["missing_bytes"] == 0


def test_status_without_a_server_lists_cached_versions(
    gallery: Gallery, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dml.cache import status
    from dml.errors import RetryableError

    def unreachable(*_: object) -> None:
        raise RetryableError("the server cannot be reached")

    run("warm", gallery.dataset)
    monkeypatch.setattr(status, "_current_version", unreachable)
    cached = run("status", gallery.dataset)
    assert cached.code == 0
    assert "cannot find out which version" in cached.err
    assert f"{gallery.dataset}@1.1.0" in cached.out
    assert run("status", gallery.plain).code == 5


def test_a_development_version_is_warned_about(gallery: Gallery, run: Run) -> None:
    from dml.dataset.releases import mark_dev

    mark_dev(gallery.catalog, gallery.dataset)
    warm = run("warm", gallery.dataset)
    assert warm.code == 0
    assert "is a development version" in warm.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("warm", "not a rid"), 2, "RID"),
        (("warm", "1-ABC@"), 2, "has no version after the @"),
        (("warm", "9-ZZZZ"), 6, "No row 9-ZZZZ"),
        (("warm", "9-ZZZZ@1.0.0"), 6, "No row 9-ZZZZ"),
        (("clear",), 2, "nothing is selected to be cleared"),
        (("clear", "--keep", "much"), 2, "is not a size"),
        (("clear", "--older-than", "long"), 2, "is not a time"),
        (("clear", "9-ZZZZ", "--yes"), 7, "not in the cache"),
        (("verify", "9-ZZZZ"), 6, "not in the cache"),
        (("pin", "9-ZZZZ"), 6, "not in the cache"),
        (("list", "--sort", "colour"), 2, "name, size, used, tier"),
        (("list", "--tier", "\x1b[31mred"), 2, "cached_materialized"),
    ],
)
def test_errors(run: Run, arguments: tuple[str, ...], code: int, message: str) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (code, "")
    assert message in result.err
    assert "Traceback" not in result.err
    assert "\x1b" not in result.err


def test_a_row_of_another_table_is_refused(gallery: Gallery, run: Run) -> None:
    from dml.catalog.rows import select

    subject = select(gallery.catalog, f"{gallery.schema}:Subject", columns=["RID"], limit=1)[0]["RID"]
    result = run("warm", subject)
    assert result.code == 2
    assert "neither a dataset nor an asset" in result.err


def test_messages(gallery: Gallery, run: Run, home: Path) -> None:
    rid, transcript = gallery.dataset, []

    def record(*arguments: str) -> None:
        result = run(*arguments)
        text = f"$ dml cache {' '.join(arguments)}\n{result.out}{result.err}exit {result.code}\n"
        transcript.append(_normalised(text, gallery, home))

    record("list")
    record("warm", f"{rid}@1.0.0", "--metadata-only", "--progress", "none")
    record("warm", rid, gallery.images[0], "--progress", "none")
    record("list")
    record("status", rid)
    record("info", rid)
    record("verify")
    record("pin", f"{rid}@1.1.0")
    file = max(bags(home)[0].parent.parent.rglob("*.png"), key=lambda path: path.name)
    file.chmod(0o644)
    file.write_bytes(b"X" * 2000)
    record("verify")
    record("clear", "--all")
    record("clear", "--all", "--yes")
    record("clear", rid)
    if os.environ.get("DML_UPDATE_SNAPSHOTS"):
        MESSAGES.write_text("\n".join(transcript), encoding="utf-8")
    assert "\n".join(transcript) == MESSAGES.read_text(encoding="utf-8")


def _normalised(text: str, gallery: Gallery, home: Path) -> str:
    """The text without what differs between runs."""
    known = {gallery.dataset: "DATASET", gallery.images[0]: "IMAGE", gallery.schema: "domain", str(home): "HOME"}
    for value, placeholder in known.items():
        text = text.replace(value, placeholder)
    text = re.sub(r"data/asset/Image/[0-9A-Z-]+/image \d", "data/asset/Image/RID/image N", text)
    text = re.sub(r"[\d.]+ (?:[KMG]i)?B(?= free)", "SIZE", text)
    text = re.sub(r"(?<![\d.])[\d.,]+ (?:[KMG]i)?B\b", "SIZE", text)
    return re.sub(r" +\n", "\n", re.sub(r" {2,}", "  ", text))


def test_shell_completion_offers_cached_entries(gallery: Gallery, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from dml.cli.app.shell_complete import complete_cached

    monkeypatch.setenv("DML_HOST", gallery.catalog.target.host)
    monkeypatch.setenv("DML_CATALOG", gallery.catalog.target.catalog_id)
    assert complete_cached("") == []
    run("warm", f"{gallery.dataset}@1.0.0", gallery.images[0])
    assert complete_cached(gallery.dataset.lower()) == [(f"{gallery.dataset}@1.0.0", "dataset")]
    assert complete_cached(gallery.images[0]) == [(gallery.images[0], "image 0.png")]
    assert complete_cached("ZZ%") == []
