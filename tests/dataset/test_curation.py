"""Creating, changing, releasing and deleting datasets: idempotent, interruptible, in a bounded number of requests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dml.catalog.rows import compare_and_set, insert, select
from dml.dataset.curation import create_dataset, delete_dataset, new_token
from dml.dataset.lookup import find_dataset, history, list_datasets, resolve, resolve_all
from dml.dataset.members import add_members, descendants, list_members, member_counts, remove_members
from dml.dataset.records import Dataset
from dml.dataset.releases import mark_dev, record_snapshot, release
from dml.dataset.version import DatasetVersion, VersionPart
from dml.errors import ConflictError, DmlError, NotFoundError, UsageError

from .laboratory import Laboratory, writes

VERSIONS = "deriva-ml:Dataset_Version"


def test_a_new_dataset_is_released_with_its_members(laboratory: Laboratory) -> None:
    catalog, subjects = laboratory.catalog, laboratory.subjects[:5]
    made = create_dataset(
        catalog, description="Five", types=["Training", "Labeled"], members={laboratory.table: subjects}
    )
    assert (made.description, made.types, made.deleted) == ("Five", ("Labeled", "Training"), False)
    assert [row.text for row in made.versions] == ["0.1.0"]
    assert made.pointer == made.versions[0].rid
    assert made.versions[0].snapshot is not None
    resolved = resolve(catalog, made.rid)
    assert list_members(resolved.reader(catalog), made.rid) == {laboratory.table: sorted(subjects)}
    assert find_dataset(resolved.reader(catalog), made.rid).types == ("Labeled", "Training")


def test_the_same_token_gives_the_same_dataset(laboratory: Laboratory) -> None:
    token = new_token()
    first = create_dataset(laboratory.catalog, description="Once", types=["Testing"], token=token)
    add_members(laboratory.catalog, first.rid, laboratory.subjects[:1])
    release(laboratory.catalog, first.rid)
    again = create_dataset(laboratory.catalog, description="Once", types=["Testing"], token=token)
    assert again == find_dataset(laboratory.catalog, first.rid)
    assert [row.text for row in again.versions] == ["0.2.0", "0.1.0"]


@pytest.mark.parametrize("failing_request", range(1, 9))
def test_an_interrupted_creation_is_completed(
    laboratory: Laboratory, failing_request: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, token = laboratory.catalog, new_token()
    catalog.schema()
    exchange, calls = catalog.exchange, []

    def failing(method: str, *args: object, **kwargs: object) -> object:
        if method != "GET":
            calls.append(method)
            if len(calls) == failing_request:
                raise DmlError("the power failed")
        return exchange(method, *args, **kwargs)  # type: ignore[arg-type]

    def create() -> Dataset:
        return create_dataset(
            catalog,
            description=f"Interrupted {token}",
            types=["Testing"],
            members={laboratory.table: laboratory.subjects[:3]},
            token=token,
        )

    with monkeypatch.context() as patch:
        patch.setattr(catalog, "exchange", failing)
        try:
            create()
        except DmlError as error:
            assert "power" in error.message  # noqa: PT017 - a complete creation has fewer requests than the last cases
    created = create()
    assert [dataset for dataset in list_datasets(catalog) if dataset.rid == created.rid] == [created]
    assert created.versions[0].snapshot is not None
    reader = resolve(catalog, created.rid).reader(catalog)
    assert list_members(reader, created.rid) == {laboratory.table: sorted(laboratory.subjects[:3])}
    assert len(select(catalog, "deriva-ml:Dataset", where={"Description": f"Interrupted {token}"})) == 1


def test_changes_are_collected_in_one_development_version(laboratory: Laboratory) -> None:
    catalog = laboratory.catalog
    rid = create_dataset(catalog, description="Grows").rid
    assert add_members(catalog, rid, laboratory.subjects[:2]) == {laboratory.table: sorted(laboratory.subjects[:2])}
    add_members(catalog, rid, {laboratory.table: laboratory.subjects[1:4]})
    assert [row.text for row in history(catalog, rid)] == ["0.1.0.post1.dev2", "0.1.0"]
    assert member_counts(catalog, rid) == {laboratory.table: 4}
    done = release(catalog, rid, VersionPart.minor, description="Four subjects")
    assert done.made
    assert (done.row.text, done.row.description) == ("0.2.0", "Four subjects")
    assert history(catalog, rid)[0] == done.row
    assert [row.text for row in history(catalog, rid)] == ["0.2.0", "0.1.0"]
    assert member_counts(resolve(catalog, f"{rid}@0.1.0").reader(catalog), rid) == {}
    assert member_counts(resolve(catalog, f"{rid}@0.2.0").reader(catalog), rid) == {laboratory.table: 4}


def test_repeating_a_change_writes_nothing(laboratory: Laboratory) -> None:
    catalog = laboratory.catalog
    rid = create_dataset(catalog, description="Still", members={laboratory.table: laboratory.subjects[:3]}).rid
    with writes(catalog) as written:
        assert add_members(catalog, rid, laboratory.subjects[:3]) == {}
        assert remove_members(catalog, rid, laboratory.subjects[5:6]) == {}
        assert not release(catalog, rid).made
        assert not release(catalog, rid, version=DatasetVersion("0.1.0")).made
    assert written == []
    with pytest.raises(UsageError, match=r"has not changed since 0\.1\.0"):
        release(catalog, rid, version=DatasetVersion("1.0.0"))


def test_a_removed_element_stays_in_the_release(laboratory: Laboratory) -> None:
    catalog, subjects = laboratory.catalog, sorted(laboratory.subjects[:3])
    rid = create_dataset(catalog, description="Shrinks", members={laboratory.table: subjects}).rid
    assert remove_members(catalog, rid, subjects[:1]) == {laboratory.table: subjects[:1]}
    assert list_members(catalog, rid) == {laboratory.table: subjects[1:]}
    assert list_members(resolve(catalog, f"{rid}@0.1.0").reader(catalog), rid) == {laboratory.table: subjects}
    assert resolve(catalog, rid).snapshot is None


def test_an_interrupted_release_is_completed_by_the_next(laboratory: Laboratory) -> None:
    catalog = laboratory.catalog
    rid = create_dataset(catalog, description="Interrupted").rid
    row = mark_dev(catalog, rid, description="changed")
    assert compare_and_set(catalog, VERSIONS, row.rid, "Version", row.text, "0.2.0")
    with pytest.raises(ConflictError, match="was interrupted"):
        resolve(catalog, rid)
    done = release(catalog, rid)
    assert (done.row.text, done.made) == ("0.2.0", True)
    assert done.row.snapshot is not None
    assert record_snapshot(catalog, done.row) == done.row


def test_a_change_is_not_part_of_an_interrupted_release(laboratory: Laboratory) -> None:
    catalog = laboratory.catalog
    rid = create_dataset(catalog, description="Interrupted").rid
    row = mark_dev(catalog, rid)
    compare_and_set(catalog, VERSIONS, row.rid, "Version", row.text, "0.2.0")
    add_members(catalog, rid, laboratory.subjects[:1])
    assert [row.text for row in history(catalog, rid)] == ["0.2.0.post1.dev1", "0.2.0", "0.1.0"]
    assert member_counts(resolve(catalog, f"{rid}@0.2.0").reader(catalog), rid) == {}


@pytest.mark.parametrize(
    ("version", "message"),
    [("0.1.0", "not newer"), ("0.0.9", "not newer"), ("1.0.0.post1.dev1", "is not a release")],
)
def test_a_release_must_be_newer_than_the_last(laboratory: Laboratory, version: str, message: str) -> None:
    rid = create_dataset(laboratory.catalog, description="Numbered").rid
    mark_dev(laboratory.catalog, rid)
    with pytest.raises(UsageError, match=message):
        release(laboratory.catalog, rid, version=DatasetVersion(version))
    assert release(laboratory.catalog, rid, version=DatasetVersion("3.0.0")).row.text == "3.0.0"


def test_versions_follow_pep_440_and_others_come_last(laboratory: Laboratory) -> None:
    catalog = laboratory.catalog
    rid = create_dataset(catalog, description="Old", version="9.0.0").rid
    snapshot = catalog.snaptime()
    texts = ["10.0.0", "before time", "9.0.0.post1.dev10", "9.0.0.post1.dev9"]
    insert(catalog, VERSIONS, [{"Dataset": rid, "Version": text, "Snapshot": snapshot} for text in texts])
    assert [row.text for row in history(catalog, rid)] == [
        "10.0.0",
        "9.0.0.post1.dev10",
        "9.0.0.post1.dev9",
        "9.0.0",
        "before time",
    ]
    assert str(resolve(catalog, rid)) == f"{rid}@10.0.0"


def test_an_unknown_version_lists_the_known_ones(laboratory: Laboratory) -> None:
    rid = create_dataset(laboratory.catalog, description="Short").rid
    mark_dev(laboratory.catalog, rid)
    with pytest.raises(NotFoundError, match=r"no version 2\.1\.1; has 0\.1\.0\.post1\.dev1, 0\.1\.0 \(newest first\)"):
        resolve(laboratory.catalog, f"{rid}@2.1.1")


def test_other_rows_are_not_datasets(laboratory: Laboratory) -> None:
    with pytest.raises(NotFoundError, match="No row 9-ZZZZ-ZZZZ"):
        find_dataset(laboratory.catalog, "9-ZZZZ-ZZZZ")
    with pytest.raises(NotFoundError, match=f"is a row of {laboratory.table}, not a dataset"):
        find_dataset(laboratory.catalog, laboratory.subjects[0])


def test_members_must_be_rows_of_element_tables(laboratory: Laboratory) -> None:
    catalog = laboratory.catalog
    rid = create_dataset(catalog, description="Strict").rid
    with writes(catalog) as written:
        with pytest.raises(NotFoundError, match="No row 9-ZZZZ-ZZZZ"):
            add_members(catalog, rid, [laboratory.subjects[0], "9-ZZZZ-ZZZZ"])
        with pytest.raises(UsageError, match="cannot be members") as caught:
            add_members(catalog, rid, [find_dataset(catalog, rid).versions[0].rid])
    assert written == []
    assert laboratory.table in caught.value.hint


def test_datasets_nest_without_cycles(laboratory: Laboratory) -> None:
    catalog = laboratory.catalog
    top, middle, bottom = (create_dataset(catalog, description=name).rid for name in ("top", "middle", "bottom"))
    add_members(catalog, top, [middle])
    add_members(catalog, middle, [bottom])
    add_members(catalog, bottom, laboratory.subjects[:2])
    assert descendants(catalog, [top]) == [middle, bottom]
    assert list_members(catalog, top) == {"deriva-ml:Dataset": [middle]}
    assert list_members(catalog, top, recurse=True)[laboratory.table] == sorted(laboratory.subjects[:2])
    for nested in (top, bottom):
        with pytest.raises(UsageError, match="nested in itself"):
            add_members(catalog, bottom, [nested])


def test_deleting_keeps_what_other_datasets_hold(laboratory: Laboratory) -> None:
    catalog = laboratory.catalog
    top, other, shared, inside, own = (
        create_dataset(catalog, description=name).rid for name in ("top", "other", "shared", "inside", "own")
    )
    add_members(catalog, top, [shared, own])
    add_members(catalog, other, [shared])
    add_members(catalog, shared, [inside])
    with pytest.raises(ConflictError, match=f"nested in {top}"):
        delete_dataset(catalog, own)
    assert delete_dataset(catalog, top, recurse=True) == sorted([top, own])
    assert delete_dataset(catalog, top, recurse=True) == []
    listed = {dataset.rid for dataset in list_datasets(catalog)}
    assert {other, shared, inside} <= listed
    assert not {top, own} & listed
    assert {top, own} <= {dataset.rid for dataset in list_datasets(catalog, deleted=True)}
    with pytest.raises(ConflictError, match="marked as deleted"):
        resolve(catalog, top)


def test_the_number_of_requests_is_bounded(laboratory: Laboratory) -> None:
    catalog = laboratory.catalog
    rids = [create_dataset(catalog, description=f"Number {number}").rid for number in range(4)]
    catalog.traffic.reset()
    assert {dataset.rid for dataset in list_datasets(catalog)} >= set(rids)
    assert catalog.traffic.requests == 3
    catalog.traffic.reset()
    assert [resolved.rid for resolved in resolve_all(catalog, rids)] == rids
    assert catalog.traffic.requests == 3

    def cost(count: int) -> int:
        catalog.traffic.reset()
        create_dataset(
            catalog,
            description=f"With {count}",
            types=["Testing"],
            members={laboratory.table: laboratory.subjects[:count]},
        )
        return int(catalog.traffic.requests)

    assert cost(30) == cost(2)
    catalog.traffic.reset()
    mark_dev(catalog, rids[0])
    release(catalog, rids[0])
    assert catalog.traffic.requests <= 14


def test_a_type_must_be_a_term(laboratory: Laboratory) -> None:
    with writes(laboratory.catalog) as written, pytest.raises(NotFoundError, match="Trainig"):
        create_dataset(laboratory.catalog, description="Odd", types=["Trainig"])
    assert written == []


def test_the_first_version_must_be_a_release(laboratory: Laboratory) -> None:
    with pytest.raises(UsageError, match="must be a release"):
        create_dataset(laboratory.catalog, description="Odd", version="0.1.0.post1.dev1")


def test_a_slow_process_leaves_no_second_development_version(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dml.dataset.releases as releases

    catalog, insert, others = laboratory.catalog, releases.insert, [2]
    rid = create_dataset(catalog, description="Busy").rid

    def insert_after_others(*arguments: Any, **options: Any) -> Any:
        if others[0]:
            number, others[0] = others[0], 0
            for _ in range(number):
                mark_dev(catalog, rid)
        return insert(*arguments, **options)

    monkeypatch.setattr(releases, "insert", insert_after_others)
    assert mark_dev(catalog, rid).text == "0.1.0.post1.dev3"
    assert [row.text for row in history(catalog, rid)] == ["0.1.0.post1.dev3", "0.1.0"]


def test_concurrent_changes_and_releases(laboratory: Laboratory) -> None:
    catalog = laboratory.catalog
    rid = create_dataset(catalog, description="Busy").rid
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: mark_dev(catalog, rid), range(4)))
        assert [row.text for row in history(catalog, rid)] == ["0.1.0.post1.dev4", "0.1.0"]
        done = list(pool.map(lambda _: release(catalog, rid), range(4)))
    assert {released.row.text for released in done} == {"0.2.0"}
    assert [row.text for row in history(catalog, rid)] == ["0.2.0", "0.1.0"]
    assert len({released.row.snapshot for released in done}) == 1
    parts = [laboratory.subjects[start::3] for start in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda part: add_members(catalog, rid, part), parts))
    assert list_members(catalog, rid) == {laboratory.table: sorted(laboratory.subjects)}
