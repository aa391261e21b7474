"""Malicious or damaged content of bags, of the cache and of responses is refused, and nothing outside is touched."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from dml.cache.bag_files import bag_files
from dml.cache.bag_records import bag_records, find_bag
from dml.cache.index import Index
from dml.cache.layout import Cache, cache_key
from dml.cache.link import LinkMethod, link_file, link_tree
from dml.cache.locks import entry_lock
from dml.cache.tiers import Tier
from dml.cache.warm_bag import WarmBag, warm_bag
from dml.catalog import download
from dml.catalog.rows import update
from dml.dataset.releases import mark_dev, release
from dml.errors import DmlError, IntegrityError, LockedError, RetryableError, UnsafePathError

from .gallery import Gallery, contents, objects_fetched


@pytest.fixture
def metadata(gallery: Gallery, index: Index) -> WarmBag:
    """A version whose files have not been fetched."""
    return warm_bag(index, gallery.catalog, gallery.dataset, metadata_only=True)


def rewrite(bag: Path, name: str, old: str, new: str) -> None:
    """Replace text in a read-only file of a bag."""
    path = bag / name
    path.chmod(0o644)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def paths_outside(root: Path) -> set[str]:
    """Everything beside a directory."""
    return {str(path) for path in root.parent.rglob("*") if not path.is_relative_to(root)}


HOSTILE = [
    "../../../../escaped",
    "data/../../../escaped",
    "/tmp/escaped",
    "data/%2e%2e/%2e%2e/escaped",
    "data/%252e%252e/escaped",
    "data/..%2f..%2fescaped",
    "data\\..\\escaped",
    "data/a%00b",
    "data/" + "x" * 300,
]


@pytest.mark.parametrize("path", HOSTILE)
def test_a_path_out_of_the_bag_is_refused_before_any_request(
    gallery: Gallery, metadata: WarmBag, index: Index, path: str
) -> None:
    line = (metadata.path / "fetch.txt").read_text().split("\n")[0]
    rewrite(metadata.path, "fetch.txt", line.split("\t")[2], path)
    before = paths_outside(index.cache.root)
    gallery.catalog.traffic.reset()
    with pytest.raises(UnsafePathError, match="unsafe path"):
        warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0")
    assert gallery.catalog.traffic.requests == 0
    assert paths_outside(index.cache.root) == before


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.org/hatrac/Image/a.png",
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data",
        "https://local@evil.example.org/hatrac/a.png",
        "ftp://local/hatrac/a.png",
    ],
)
def test_a_url_on_another_host_is_refused_before_any_request(
    gallery: Gallery, metadata: WarmBag, index: Index, url: str
) -> None:
    line = (metadata.path / "fetch.txt").read_text().split("\n")[0]
    rewrite(metadata.path, "fetch.txt", line.split("\t")[0], url)
    gallery.catalog.traffic.reset()
    with pytest.raises(UnsafePathError, match="not an object of"):
        warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0")
    assert gallery.catalog.traffic.requests == 0


def test_lengths_and_checksums_are_taken_from_the_index_not_the_bag(
    gallery: Gallery, metadata: WarmBag, index: Index
) -> None:
    rewrite(metadata.path, "fetch.txt", "\t2000\t", "\t9999999999\t")
    for line in (metadata.path / "manifest-md5.txt").read_text().split("\n"):
        if "data/asset" in line:
            rewrite(metadata.path, "manifest-md5.txt", line.split()[0], "0" * 32)
    done = warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0")
    assert contents(done.path) == gallery.content


def test_a_line_missing_in_fetch_txt_is_reported(gallery: Gallery, metadata: WarmBag, index: Index) -> None:
    line = (metadata.path / "fetch.txt").read_text().split("\n")[0]
    rewrite(metadata.path, "fetch.txt", line + "\n", "")
    with pytest.raises(IntegrityError, match=r"fetch\.txt does not say where to fetch it") as raised:
        warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0")
    assert "--repair" in raised.value.hint


def test_a_file_with_the_wrong_checksum_never_appears(gallery: Gallery, index: Index) -> None:
    catalog = gallery.catalog
    wrong = {"RID": gallery.images[0], "MD5": "0" * 32}
    update(catalog, gallery.image_table, [wrong], columns=["MD5"])
    mark_dev(catalog, gallery.dataset)
    release(catalog, gallery.dataset)
    with pytest.raises(IntegrityError, match="MD5"):
        warm_bag(index, catalog, gallery.dataset)
    record = find_bag(index, gallery.dataset, "1.2.0")
    assert record is not None
    assert (record.tier, record.missing) == (Tier.INCOMPLETE, 1)
    bag = index.cache.bag_directory(record.key, gallery.dataset)
    assert set(contents(bag)) == set(gallery.images[1:])


def test_more_bytes_than_recorded_are_refused(gallery: Gallery, index: Index) -> None:
    short = {"RID": gallery.images[0], "Length": 10}
    update(gallery.catalog, gallery.image_table, [short], columns=["Length"])
    mark_dev(gallery.catalog, gallery.dataset)
    release(gallery.catalog, gallery.dataset)
    with pytest.raises(IntegrityError, match="more than the 10 bytes"):
        warm_bag(index, gallery.catalog, gallery.dataset)


@pytest.mark.parametrize("where", ["", "data", "data/asset", "data/asset/Image"])
def test_a_symbolic_link_in_place_of_a_directory_is_not_followed(
    gallery: Gallery, metadata: WarmBag, index: Index, tmp_path: Path, where: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    planted = metadata.path / where if where else metadata.path
    if planted.exists():
        planted.rename(tmp_path / "moved")
        outside.rmdir()
        (tmp_path / "moved").rename(outside)
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.symlink_to(outside)
    before = sorted(path.name for path in outside.rglob("*"))
    with pytest.raises(UnsafePathError, match="symbolic link"):
        warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0")
    assert sorted(path.name for path in outside.rglob("*")) == before


def test_a_link_in_place_of_a_partial_file_is_not_written_through(
    gallery: Gallery, metadata: WarmBag, index: Index, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    entry = index.cache.entry_directory(metadata.record.key)
    for make in (lambda path: path.symlink_to(victim), lambda path: path.hardlink_to(victim)):
        for file in bag_files(index, metadata.record.key):
            partial = index.cache.partial_path(entry, file.path)
            partial.parent.mkdir(exist_ok=True)
            make(partial)
        with pytest.raises(DmlError, match=r"symbolic link|not a file of its own|files could not be fetched"):
            warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0")
        assert victim.read_text() == "kept"
        for path in (entry / ".partial").iterdir():
            path.unlink()


def test_a_link_in_place_of_a_file_is_replaced_and_its_target_kept(
    gallery: Gallery, metadata: WarmBag, index: Index, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    path = metadata.path / bag_files(index, metadata.record.key)[0].path
    path.parent.mkdir(parents=True)
    path.symlink_to(victim)
    done = warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0")
    assert contents(done.path) == gallery.content
    assert not path.is_symlink()
    assert victim.read_text() == "kept"


def test_an_interrupted_download_is_continued(
    gallery: Gallery, metadata: WarmBag, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[int] = []
    real = download._Fetch._write
    budget = [3000]

    def interrupt(self: object, block: bytes) -> None:
        if budget[0] <= 0:
            raise RetryableError("the network failed")
        part = block[: budget[0]]
        budget[0] -= len(part)
        received.append(len(part))
        real(self, part)  # type: ignore[arg-type]
        if len(part) < len(block):
            raise RetryableError("the network failed")

    with monkeypatch.context() as patch:
        patch.setattr(download._Fetch, "_write", interrupt)
        with pytest.raises(RetryableError, match="the network failed"):
            warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0", jobs=1)
        record = bag_records(index)[0]
        assert (record.tier, record.missing_bytes) == (Tier.INCOMPLETE, 8000)
        budget[0] = 1 << 30
        done = warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0", jobs=1)
    assert contents(done.path) == gallery.content
    assert sum(received) == 5 * 2000
    assert done.fetched.bytes == 7000


def test_a_partial_file_with_wrong_content_is_downloaded_again(
    gallery: Gallery, metadata: WarmBag, index: Index
) -> None:
    entry = index.cache.entry_directory(metadata.record.key)
    for number, file in enumerate(bag_files(index, metadata.record.key)):
        partial = index.cache.partial_path(entry, file.path)
        partial.parent.mkdir(exist_ok=True)
        partial.write_bytes(b"wrong" * (100, 400, 900, 1, 0)[number])
    done = warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0")
    assert contents(done.path) == gallery.content
    assert not (entry / ".partial").exists()


def test_a_download_continues_after_the_disk_was_full(
    gallery: Gallery, metadata: WarmBag, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    def full(self: object, block: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(download._Fetch, "_write", full)
        with pytest.raises(RetryableError, match="No space left"):
            warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0")
    assert contents(warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0").path) == gallery.content


def test_concurrent_threads_fetch_once(gallery: Gallery, cache: Cache) -> None:
    def fetch(_: int) -> int:
        with Index.writing(cache) as index:
            return warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.1.0").fetched.files

    with ThreadPoolExecutor(4) as pool:
        fetched = list(pool.map(fetch, range(4)))
    assert sorted(fetched) == [0, 0, 0, 5]
    assert len(objects_fetched(gallery.catalog)) == 5


def test_concurrent_processes_fetch_once(gallery: Gallery, cache: Cache) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from dml.cache.index import Index; from dml.cache.layout import Cache\n"
        "from dml.cache.warm_bag import warm_bag\n"
        "from dml.catalog.connection import connect; from dml.target import Target\n"
        "cache = Cache(Path(sys.argv[1]), Target.parse(sys.argv[2]))\n"
        "index = Index.writing(cache)\n"
        "print(warm_bag(index, connect(cache.target), sys.argv[3]).fetched.files); index.close()\n"
    )
    if not gallery.catalog.target.is_embedded:
        pytest.fail("the processes read deriva's credential file: run this on the embedded catalog")
    command = [sys.executable, "-c", program, str(cache.root), str(cache.target), f"{gallery.dataset}@1.1.0"]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    fetched = [int(child.communicate(timeout=120)[0]) for child in children]
    assert sorted(fetched) == [0, 0, 5]


def test_a_lock_is_waited_for_and_its_holder_named(gallery: Gallery, index: Index) -> None:
    done = warm_bag(index, gallery.catalog, gallery.dataset)
    now, waited = [0.0], []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    with (
        entry_lock(index.cache, done.record.key),
        pytest.raises(LockedError, match=r"locked by process \d+"),
        entry_lock(index.cache, done.record.key, wait=5, pause=pause, monotonic=lambda: now[0]),
    ):
        pass
    assert 5 <= sum(waited) < 6


def test_a_deleted_lock_file_does_not_admit_two_holders(cache: Cache) -> None:
    with entry_lock(cache, "one"):
        cache.lock_path("one").unlink()
        with entry_lock(cache, "one", wait=0):
            pass  # the path is another file by now, which everybody who comes later uses
    with entry_lock(cache, "one", wait=0), pytest.raises(LockedError), entry_lock(cache, "one", wait=0):
        pass


def test_a_linked_file_is_complete_and_read_only(tmp_path: Path) -> None:
    source, destination = tmp_path / "source", tmp_path / "destination"
    source.write_bytes(b"bytes")
    destination.write_bytes(b"old")
    method = link_file(source, destination)
    assert method in (LinkMethod.HARD_LINK, LinkMethod.REFLINK)
    assert destination.read_bytes() == b"bytes"
    assert destination.stat().st_mode & 0o222 == 0
    assert link_file(source, destination) == method
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["destination", "source"]


def test_across_file_systems_a_file_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    source, destination = tmp_path / "source", tmp_path / "destination"
    source.write_bytes(b"bytes")
    monkeypatch.setattr(os, "link", refused)
    assert link_file(source, destination) in (LinkMethod.COPY, LinkMethod.REFLINK)
    assert destination.read_bytes() == b"bytes"
    assert destination.stat().st_mode & 0o222 == 0
    assert destination.stat().st_ino != source.stat().st_ino


def test_only_regular_files_are_linked(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to("/etc/hostname")
    with pytest.raises(UnsafePathError, match="symbolic link"):
        link_file(tmp_path / "tree" / "link", tmp_path / "destination")
    with pytest.raises(UnsafePathError, match="symbolic link"):
        link_tree(tmp_path / "tree", tmp_path / "copy", hard=())
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnsafePathError, match="not a regular file"):
        link_file(tmp_path / "pipe", tmp_path / "destination")
    assert not (tmp_path / "copy").exists()
    assert not (tmp_path / "destination").exists()


def test_a_bag_of_deriva_ml_is_listed_and_used(gallery: Gallery, deriva_ml_bag: str, cache: Cache) -> None:
    with Index.reading(cache) as reader:
        (record,) = bag_records(reader)
        assert (record.key, record.version, record.origin, record.tier) == (deriva_ml_bag, "1.0.0", "deriva-ml", None)
        assert record.size_bytes == 4321
    with Index.writing(cache) as index:
        gallery.catalog.traffic.reset()
        done = warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.0.0")
        assert (done.metadata_fetched, done.fetched.files, done.record.key) == (False, 4, deriva_ml_bag)
        assert gallery.catalog.traffic.requests == 4
        assert done.record.tier is Tier.MATERIALIZED
        narrow = {"rid": gallery.dataset, "version": "1.0.0", "exclude_tables": ["Subject"]}
        from dml.dataset.spec import DatasetSpec

        assert warm_bag(index, gallery.catalog, DatasetSpec.of(narrow)).record.key != deriva_ml_bag


def test_deriva_ml_lists_bags_of_dml_and_can_delete_them(gallery: Gallery, index: Index) -> None:
    done = warm_bag(index, gallery.catalog, f"{gallery.dataset}@1.0.0")
    with closing(sqlite3.connect(index.cache.index_path)) as other:
        other.execute("PRAGMA foreign_keys = ON")
        rows = other.execute(
            "SELECT b.checksum, json_extract(b.anchor_summary_json, '$.version'), b.size_bytes FROM bags AS b"
            " JOIN bag_anchor_rids AS r ON r.checksum = b.checksum WHERE r.\"table\" = 'Dataset' AND r.rid = ?",
            (gallery.dataset,),
        ).fetchall()
        assert rows == [(done.record.key, "1.0.0", done.record.cached_bytes)]
        assert (index.cache.bags_directory / rows[0][0] / f"Dataset_{gallery.dataset}").is_dir()
        other.execute("DELETE FROM bags WHERE checksum = ?", (done.record.key,))
        other.commit()
        assert other.execute("SELECT count(*) FROM dml_files").fetchone() == (0,)
    assert bag_records(index) == []


def test_an_index_of_a_newer_release_is_not_written(cache: Cache) -> None:
    with Index.writing(cache) as index, index.transaction() as connection:
        connection.execute("INSERT INTO schema_meta (version) VALUES (9)")
    with pytest.raises(DmlError, match="newer release"):
        Index.writing(cache)
    with Index.reading(cache) as reader:
        assert bag_records(reader) == []


def test_reading_changes_nothing_on_disk(gallery: Gallery, cache: Cache, index: Index) -> None:
    warm_bag(index, gallery.catalog, gallery.dataset)
    index.close()
    before = {path: path.stat().st_mtime_ns for path in cache.root.rglob("*")}
    with Index.reading(cache) as reader:
        assert len(bag_records(reader)) == 1
    assert {path: path.stat().st_mtime_ns for path in cache.root.rglob("*")} == before
    absent = Cache(cache.root.parent / "none", cache.target)
    with Index.reading(absent) as reader:
        assert bag_records(reader) == []
    assert not absent.root.exists()


def test_keys_depend_on_each_part_and_on_nothing_else(cache: Cache) -> None:
    from dml.target import Target

    target = Target("data.example.org", "7")
    first = cache_key(target, "1-ABC", "1.0.0", "2-ABCD", ["b", "a", "a"])
    assert first == "dml-6f8be49b2346269464d36d7221005bcd_2-ABCD"
    others = {
        cache_key(Target("data.example.org", "8"), "1-ABC", "1.0.0", "2-ABCD", ["a", "b"]),
        cache_key(target, "1-ABD", "1.0.0", "2-ABCD", ["a", "b"]),
        cache_key(target, "1-ABC", "1.0.1", "2-ABCD", ["a", "b"]),
        cache_key(target, "1-ABC", "1.0.0", "2-ABCE", ["a", "b"]),
        cache_key(target, "1-ABC", "1.0.0", "2-ABCD", ["a"]),
    }
    assert first == cache_key(target, "1-ABC", "1.0.0", "2-ABCD", ["a", "b"])
    assert len(others | {first}) == 6
