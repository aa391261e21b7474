"""The kept schema document: revalidated, replaced, and never in the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from catalog.models import documents_of, schema_of
from catalog.scripted import Script, answer, scripted_catalog
from dml.catalog.schema import EXECUTION
from dml.catalog.schema_cache import SchemaCache
from dml.directories import cache_directory
from dml.target import Target

DOCUMENT = json.dumps(schema_of(documents_of("1.54")).document)
TARGET = Target("data.example.org", "7")


def served(script: Script | None = None) -> Script:
    script = script or Script()
    return script.on("GET", "/schema", answer(200, DOCUMENT, {"ETag": '"one"', "Content-Type": "application/json"}))


def test_a_connection_asks_once() -> None:
    script = served()
    catalog = scripted_catalog(script)
    assert catalog.schema().has_table(EXECUTION)
    assert catalog.schema() is catalog.schema()
    assert len(script.seen) == 1


def test_the_next_command_revalidates() -> None:
    scripted_catalog(served()).schema()
    script = Script().on("GET", "/schema", answer(304))
    assert scripted_catalog(script).schema().has_table(EXECUTION)
    assert script.seen[0].headers["If-None-Match"] == '"one"'


def test_the_directory_says_that_it_is_a_cache() -> None:
    scripted_catalog(served()).schema()
    tag = (cache_directory() / "CACHEDIR.TAG").read_text()
    assert tag.startswith("Signature: 8a477f597d28d172789f06886806bc55")
    assert [path.name for path in cache_directory().rglob(".dml-*")] == []


def test_a_changed_schema_replaces_the_kept_one() -> None:
    scripted_catalog(served()).schema()
    changed = json.dumps(schema_of([]).document)
    script = Script().on("GET", "/schema", answer(200, changed, {"ETag": '"two"'}))
    assert not scripted_catalog(script).schema().has_table(EXECUTION)
    kept = SchemaCache(TARGET).read()
    assert kept is not None
    assert kept.etag == '"two"'


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"form": 1', '"form": 99'),
        lambda text: text.replace("data.example.org", "other.example.org"),
        lambda text: "[]",
        lambda text: "[" * 100_000,
        lambda text: "\x00\xff",
        lambda text: json.dumps({**json.loads(text), "document": {"schemas": {"x": {"tables": {"y": 1}}}}}),
    ],
)
def test_a_damaged_file_counts_as_absent(damage: object) -> None:
    scripted_catalog(served()).schema()
    path = SchemaCache(TARGET).path
    path.write_text(damage(path.read_text()))  # type: ignore[operator]
    script = served()
    assert scripted_catalog(script).schema().has_table(EXECUTION)
    assert "If-None-Match" not in script.seen[0].headers
    assert SchemaCache(TARGET).read() is not None


def test_catalogs_and_snapshots_do_not_share_a_file() -> None:
    paths = {
        SchemaCache(target).path
        for target in (
            TARGET,
            Target("data.example.org", "8"),
            Target("data.example.org:443", "7"),
            Target("data.example.org", "7", "2-ABCD-EFGH"),
        )
    }
    assert len(paths) == 4


def test_a_home_that_is_not_there_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert scripted_catalog(served()).schema().has_table(EXECUTION)
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_full_disk_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert scripted_catalog(served()).schema().has_table(EXECUTION)
    monkeypatch.undo()
    assert SchemaCache(TARGET).read() is None


def test_a_server_without_etags_is_asked_each_time() -> None:
    script = Script().on("GET", "/schema", answer(200, DOCUMENT))
    assert scripted_catalog(script).schema().has_table(EXECUTION)
    assert SchemaCache(TARGET).read() is None


def test_only_the_latest_files_are_kept() -> None:
    for number in range(70):
        SchemaCache(Target("data.example.org", str(number))).write('"one"', json.loads(DOCUMENT))
    assert len(list(SchemaCache(TARGET).path.parent.iterdir())) == 64
    assert SchemaCache(Target("data.example.org", "69")).read() is not None
