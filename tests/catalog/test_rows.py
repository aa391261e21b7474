"""Rows through the real wire: nothing lost in quoting or splitting, nothing written twice."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.scripted import Script, answer, patient, reset, reset_after, scripted_catalog
from dml.catalog.concurrency import gather
from dml.catalog.connection import Catalog, connect
from dml.catalog.definitions import ColumnDefinition, create_table
from dml.catalog.rows import (
    PAGE_BYTES,
    PAGE_ROWS,
    compare_and_set,
    count,
    delete,
    insert,
    lease_rids,
    locate,
    read,
    select,
    stream,
    update,
    validate_rid,
)
from dml.catalog.url import PATH_LIMIT
from dml.errors import AuthError, ConflictError, IntegrityError, NotFoundError, RetryableError, UsageError

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


@pytest.fixture
def table(catalog: Catalog, domain: str) -> str:
    """A table with a column of each kind, unique by Name."""
    name = f"{domain}:Sample"
    columns = [
        ColumnDefinition("Name", "text", False),
        ColumnDefinition("Note"),
        ColumnDefinition("Age", "int4"),
        ColumnDefinition("Good", "boolean"),
        ColumnDefinition("odd name/;&", "text"),
    ]
    create_table(catalog, name, columns, keys=[["Name"]])
    return name


@pytest.fixture
def script(catalog: Catalog) -> tuple[Catalog, Script]:
    """The same catalog through a transport that can be told to fail."""
    wire = catalog._wire
    made = Script(wire.transport() if wire.transport is not None else wire.adapter())
    again = connect(
        catalog.target,
        credential={},
        transport=lambda: made,
        policy=patient(),
    )
    again._wire.headers = wire.headers
    return again, made


def test_what_was_inserted_is_read_back(catalog: Catalog, table: str) -> None:
    rows = [
        {"Name": "a", "Note": None, "Age": 1, "Good": True, "odd name/;&": "x"},
        {"Name": "b,c", "Note": "", "Age": None, "Good": False, "odd name/;&": None},
    ]
    stored = insert(catalog, table, rows)
    assert [row["Name"] for row in stored] == ["a", "b,c"]
    assert all(validate_rid(row["RID"]) for row in stored)
    found = select(catalog, table, columns=["Name", "Note", "Age", "Good", "odd name/;&"], sort=["Name"])
    assert found == rows


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ({}, ["a", "b", "c"]),
        ({"Name": "a"}, ["a"]),
        ({"Age": None}, ["c"]),
        ({"Age": [1, None]}, ["a", "c"]),
        ({"Good": True, "Name": ["a", "b"]}, ["a"]),
        ({"Note": ""}, ["b"]),
        ({"Note": ["", "n"]}, ["a", "b"]),
        ({"Note": {"", None}}, ["b", "c"]),
        ({"Name": []}, []),
        ({"odd name/;&": "v/;&=1"}, ["a"]),
        ({"Name": ["a"], "Age": [2]}, []),
    ],
)
def test_conditions(catalog: Catalog, table: str, where: dict[str, object], names: list[str]) -> None:
    insert(
        catalog,
        table,
        [
            {"Name": "a", "Note": "n", "Age": 1, "Good": True, "odd name/;&": "v/;&=1"},
            {"Name": "b", "Note": "", "Age": 2, "Good": False, "odd name/;&": None},
            {"Name": "c", "Note": None, "Age": None, "Good": None, "odd name/;&": None},
        ],
    )
    assert [row["Name"] for row in select(catalog, table, where=where, sort=["Name"])] == names
    assert count(catalog, table, where) == len(names)


def test_sorting_by_what_is_not_returned(catalog: Catalog, table: str) -> None:
    insert(catalog, table, [{"Name": "a", "Age": 2}, {"Name": "b", "Age": 3}, {"Name": "c", "Age": 1}])
    assert select(catalog, table, columns=["Name"], sort=["Age::desc::"], limit=2) == [{"Name": "b"}, {"Name": "a"}]


def test_a_long_list_is_split_and_no_path_is_too_long(catalog: Catalog, table: str) -> None:
    names = [f"{number:03}-{'é' * 20}" for number in range(300)]
    insert(catalog, table, [{"Name": name, "Age": index} for index, name in enumerate(names)])
    catalog.traffic.reset()
    found = select(catalog, table, where={"Name": names}, sort=["Age"], limit=250)
    assert [row["Age"] for row in found] == list(range(250))
    asked = [path for _, path, _ in catalog.traffic.log]
    assert 9 <= len(asked) <= 12
    assert max(map(len, asked)) < PATH_LIMIT


def test_two_long_lists_are_split_both(catalog: Catalog, table: str) -> None:
    names = [f"{number:03}-{'x' * 30}" for number in range(150)]
    insert(catalog, table, [{"Name": name, "Age": index} for index, name in enumerate(names)])
    catalog.traffic.reset()
    found = select(catalog, table, where={"Name": names, "Age": [*range(1_000), None]})
    assert len(found) == 150
    assert len({row["RID"] for row in found}) == 150
    assert max(len(path) for _, path, _ in catalog.traffic.log) < PATH_LIMIT


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(values=st.lists(texts, min_size=1, max_size=40, unique=True))
def test_every_text_comes_back_and_is_found(catalog: Catalog, table: str, values: list[str]) -> None:
    run = uuid.uuid4().hex
    insert(catalog, table, [{"Name": f"{run}-{index}", "Note": value} for index, value in enumerate(values)])
    found = select(catalog, table, where={"Note": values})
    mine = [row for row in found if row["Name"].startswith(run)]
    assert sorted(row["Note"] for row in mine) == sorted(values)
    one = select(catalog, table, where={"Note": values[0], "Name": f"{run}-0"}, columns=["Note"])
    assert one == [{"Note": values[0]}]


def test_rows_are_read_one_by_one(catalog: Catalog, table: str) -> None:
    insert(catalog, table, [{"Name": f"{number:04}", "Note": "line\nbreak"} for number in range(1_500)])
    names = [row["Name"] for row in stream(catalog, f"/entity/{table}@sort(Name)")]
    assert names == [f"{number:04}" for number in range(1_500)]


def test_a_stream_that_breaks_off_says_so_after_its_whole_rows() -> None:
    rows = b"".join(b'{"RID": "%d"}\n' % number for number in range(20_000))
    script = Script().on("GET", "/entity", answer(200, rows, {"Content-Length": "999999"}))
    given: list[str] = []

    def consume() -> None:
        for row in stream(scripted_catalog(script), "/entity/a:b"):
            given.append(row["RID"])

    with pytest.raises(RetryableError):
        consume()
    assert len(given) > 10_000
    assert given == [str(number) for number in range(len(given))]


def test_a_stream_that_is_a_page_or_no_json() -> None:
    page = answer(200, "<html>sign in</html>", {"Content-Type": "text/html"})
    with pytest.raises(AuthError):
        list(stream(scripted_catalog(Script().on("GET", "/entity", page)), "/entity/a:b"))
    with pytest.raises(IntegrityError):
        list(stream(scripted_catalog(Script().on("GET", "/entity", answer(200, "{}\n{\n"))), "/entity/a:b"))


def test_inserts_go_in_pages(catalog: Catalog, table: str) -> None:
    catalog.schema()
    catalog.traffic.reset()
    stored = insert(catalog, table, [{"Name": f"n{number}"} for number in range(2 * PAGE_ROWS + 1)])
    assert len(stored) == 2 * PAGE_ROWS + 1
    assert catalog.traffic.count("POST") == 3
    catalog.traffic.reset()
    insert(catalog, table, [{"Name": f"big{number}", "Note": "x" * 60_000} for number in range(10)])
    assert catalog.traffic.count("POST") == 3
    assert catalog.traffic.bytes_sent < 3 * PAGE_BYTES


def test_an_insert_of_nothing_asks_nothing(catalog: Catalog, table: str) -> None:
    catalog.traffic.reset()
    assert insert(catalog, table, []) == []
    assert catalog.traffic.requests == 0


def test_a_conflict_refuses_the_page_or_skips_the_row(catalog: Catalog, table: str) -> None:
    insert(catalog, table, [{"Name": "a"}])
    with pytest.raises(ConflictError):
        insert(catalog, table, [{"Name": "b"}, {"Name": "a"}])
    assert count(catalog, table) == 1
    added = insert(catalog, table, [{"Name": "b"}, {"Name": "a"}], on_conflict="skip")
    assert [row["Name"] for row in added] == ["b"]


def test_a_column_that_is_not_there_is_refused(catalog: Catalog, table: str) -> None:
    with pytest.raises(UsageError, match="Nmae") as caught:
        insert(catalog, table, [{"Nmae": "a"}])
    assert "Name" in caught.value.hint
    assert count(catalog, table) == 0


def test_a_column_that_someone_added_meanwhile_is_accepted(catalog: Catalog, table: str) -> None:
    catalog.schema()
    other = connect(catalog.target, credential={})
    other._wire.headers = catalog._wire.headers
    schema, _, name = table.partition(":")
    other.post_json(
        f"/schema/{schema}/table/{name}/column", {"name": "Late", "type": {"typename": "text"}, "nullok": True}
    )
    assert insert(catalog, table, [{"Name": "a", "Late": "x"}])[0]["Late"] == "x"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", "\ud800"])
def test_what_json_cannot_say_is_refused(catalog: Catalog, table: str, value: object) -> None:
    with pytest.raises(UsageError):
        insert(catalog, table, [{"Name": value}])


# -- reserved RIDs and lost answers


def test_a_lease_is_kept_for_its_token(catalog: Catalog) -> None:
    tokens = [str(uuid.uuid4()) for _ in range(5)]
    first = lease_rids(catalog, tokens[:3])
    second = lease_rids(catalog, tokens)
    assert list(second) == tokens
    assert {token: second[token] for token in tokens[:3]} == first
    assert len(set(second.values())) == 5


def test_new_leases_take_one_request_and_old_ones_two(catalog: Catalog) -> None:
    tokens = [str(uuid.uuid4()) for _ in range(900)]
    catalog.traffic.reset()
    lease_rids(catalog, tokens)
    assert catalog.traffic.requests == 1
    catalog.traffic.reset()
    lease_rids(catalog, tokens[:50])
    assert catalog.traffic.requests == 2


@pytest.mark.parametrize("fault", [reset, reset_after, answer(503)])
def test_a_lease_whose_answer_was_lost_is_found_again(script: tuple[Catalog, Script], fault: object) -> None:
    catalog, faults = script
    faults.on("POST", "Lease", fault)  # type: ignore[arg-type]
    tokens = [str(uuid.uuid4()) for _ in range(3)]
    leased = lease_rids(catalog, tokens)
    assert lease_rids(catalog, tokens) == leased


@pytest.mark.parametrize("on_conflict", ["error", "skip"])
@pytest.mark.parametrize("fault", [reset, reset_after, answer(503)])
def test_an_insert_with_its_own_rids_is_stored_once(
    script: tuple[Catalog, Script], table: str, fault: object, on_conflict: str
) -> None:
    catalog, faults = script
    rids = list(lease_rids(catalog, [str(uuid.uuid4()) for _ in range(3)]).values())
    rows = [{"RID": rid, "Name": f"n{index}", "Age": index} for index, rid in enumerate(rids)]
    faults.on("POST", "Sample", fault)  # type: ignore[arg-type]
    insert(catalog, table, rows, keep_rids=True, on_conflict=on_conflict)  # type: ignore[arg-type]
    assert {row["RID"] for row in select(catalog, table)} == set(rids)
    insert(catalog, table, rows, keep_rids=True, on_conflict=on_conflict)  # type: ignore[arg-type]
    assert count(catalog, table) == 3


def test_an_insert_with_its_own_rids_still_meets_conflicts(catalog: Catalog, table: str) -> None:
    rids = list(lease_rids(catalog, [str(uuid.uuid4()) for _ in range(2)]).values())
    insert(catalog, table, [{"RID": rids[0], "Name": "a", "Age": 1}], keep_rids=True)
    with pytest.raises(ConflictError):
        insert(catalog, table, [{"RID": rids[0], "Name": "a", "Age": 2}], keep_rids=True)
    with pytest.raises(ConflictError):
        insert(catalog, table, [{"RID": rids[1], "Name": "a", "Age": 1}], keep_rids=True)
    with pytest.raises(UsageError):
        insert(catalog, table, [{"Name": "b"}], keep_rids=True)


def test_an_insert_without_rids_is_never_repeated(script: tuple[Catalog, Script], table: str) -> None:
    catalog, faults = script
    catalog.schema()
    faults.on("POST", "Sample", reset_after)
    with pytest.raises(Exception, match="connection failed"):
        insert(catalog, table, [{"Name": "a"}])
    assert count(catalog, table) == 1


@pytest.mark.parametrize("fault", [reset, reset_after, answer(503)])
def test_an_insert_that_skips_what_its_key_tells_is_sent_again(
    script: tuple[Catalog, Script], table: str, fault: object
) -> None:
    catalog, faults = script
    catalog.schema()
    faults.on("POST", "Sample", fault)  # type: ignore[arg-type]
    insert(catalog, table, [{"Name": "a", "Age": 1}, {"Name": "b", "Age": 2}], on_conflict="skip")
    assert {row["Name"]: row["Age"] for row in select(catalog, table)} == {"a": 1, "b": 2}


@pytest.mark.parametrize("rows", [[{"Age": 1}], [{"Name": None}], [{"Name": "a"}, {"Name": None}]])
def test_an_insert_of_rows_that_no_key_tells_is_not_sent_again(
    script: tuple[Catalog, Script], table: str, rows: list[dict[str, object]]
) -> None:
    catalog, faults = script
    catalog.schema()
    faults.on("POST", "Sample", reset)
    with pytest.raises(Exception, match="connection failed"):
        insert(catalog, table, rows, on_conflict="skip")
    assert count(catalog, table) == 0


# -- updates


def test_an_update_sets_columns_of_rows_that_are_there(catalog: Catalog, table: str) -> None:
    one, two = insert(catalog, table, [{"Name": "a", "Age": 1}, {"Name": "b", "Age": 2}])
    changed = update(
        catalog,
        table,
        [{"RID": one["RID"], "Age": 10, "Note": "x"}, {"RID": "9-ZZZZ", "Age": 0, "Note": None}],
        columns=["Age", "Note"],
    )
    assert changed == [{"RID": one["RID"], "Age": 10, "Note": "x"}]
    assert {row["Name"]: row["Age"] for row in select(catalog, table)} == {"a": 10, "b": two["Age"]}


def test_an_update_by_another_key(catalog: Catalog, table: str) -> None:
    insert(catalog, table, [{"Name": "a", "Age": 1}])
    update(catalog, table, [{"Name": "a", "odd name/;&": "y"}], columns=["odd name/;&"], key=["Name"])
    assert select(catalog, table, columns=["odd name/;&"]) == [{"odd name/;&": "y"}]


@pytest.mark.parametrize(("columns", "key"), [([], ["RID"]), (["Age"], ["Age"]), (["Note"], ["RID"])])
def test_an_update_that_says_too_little_or_too_much_is_refused(
    catalog: Catalog, table: str, columns: list[str], key: list[str]
) -> None:
    with pytest.raises(UsageError):
        update(catalog, table, [{"RID": "1-0000", "Age": 1}], columns=columns, key=key)


@pytest.mark.parametrize("before", ["x", None, ""])
def test_compare_and_set(catalog: Catalog, table: str, before: str | None) -> None:
    rid = insert(catalog, table, [{"Name": "a", "Note": before}])[0]["RID"]
    assert not compare_and_set(catalog, table, rid, "Note", "other", "new")
    assert compare_and_set(catalog, table, rid, "Note", before, "new", {"Age": 7})
    assert not compare_and_set(catalog, table, rid, "Note", before, "newer", {"Age": 8})
    assert select(catalog, table, columns=["Note", "Age"]) == [{"Note": "new", "Age": 7}]
    assert not compare_and_set(catalog, table, "9-ZZZZ", "Note", before, "new")


@pytest.mark.parametrize("before", ["x", None])
@pytest.mark.parametrize("fault", [reset, reset_after, answer(503)])
def test_a_compare_and_set_whose_answer_was_lost_counts(
    script: tuple[Catalog, Script], table: str, fault: object, before: str | None
) -> None:
    catalog, faults = script
    rid = insert(catalog, table, [{"Name": "a", "Note": before}])[0]["RID"]
    faults.on("PUT", "attributegroup", fault)  # type: ignore[arg-type]
    assert compare_and_set(catalog, table, rid, "Note", before, "new", {"Age": 7})
    assert select(catalog, table, columns=["Note", "Age"]) == [{"Note": "new", "Age": 7}]


def test_of_two_who_expect_the_same_one_wins(catalog: Catalog, table: str) -> None:
    rid = insert(catalog, table, [{"Name": "a", "Note": "x"}])[0]["RID"]
    won = [compare_and_set(catalog, table, rid, "Note", "x", f"by {number}") for number in range(3)]
    assert won == [True, False, False]


# -- the rest


def test_deleting_says_how_many(catalog: Catalog, table: str) -> None:
    insert(catalog, table, [{"Name": f"n{number}", "Age": number % 3} for number in range(9)])
    assert delete(catalog, table, {"Age": [0, 1]}) == 6
    assert delete(catalog, table, {"Age": [0, 1]}) == 0
    assert count(catalog, table) == 3
    with pytest.raises(UsageError):
        delete(catalog, table, {})


def test_rids_are_located(catalog: Catalog, table: str) -> None:
    one, two = insert(catalog, table, [{"Name": "a"}, {"Name": "b"}])
    delete(catalog, table, {"RID": two["RID"]})
    found = locate(catalog, [one["RID"], two["RID"], "9-ZZZZ", one["RID"]])
    assert set(found) == {one["RID"], two["RID"]}
    assert found[one["RID"]].qualified_name == table
    assert not found[one["RID"]].deleted
    assert found[two["RID"]].deleted


@pytest.mark.parametrize("text", ["", "1-", "-1", "1--2", "abc", "1-ABCDE", "1-AB CD", "1-ABCD@2-X", "1;drop", "1\n2"])
def test_what_is_no_rid_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        validate_rid(text)


@pytest.mark.parametrize("text", ["1-A2B4", "4T2", " 4T2\n", "1-ABCD-EFGH", "0000"])
def test_what_is_a_rid_is_taken_without_spaces(text: str) -> None:
    assert validate_rid(text) == text.strip()


def test_an_unknown_table_or_column_is_a_conflict(catalog: Catalog, table: str) -> None:
    with pytest.raises(ConflictError):
        select(catalog, "none:such")
    with pytest.raises(ConflictError):
        select(catalog, table, where={"Nope": 1})


def test_an_answer_that_is_no_list_of_rows() -> None:
    script = Script().on("GET", "/entity", answer(200, '{"a": 1}'))
    with pytest.raises(IntegrityError):
        read(scripted_catalog(script), "/entity/a:b")


def test_an_unknown_rid_on_a_host_that_is_no_catalog_is_an_error() -> None:
    page = answer(404, "<html>not here</html>", {"Content-Type": "text/html"})
    with pytest.raises(NotFoundError):
        locate(scripted_catalog(Script().on("GET", "/entity_rid", page)), ["1-0000"])


def test_the_past_is_read_at_its_snapshot(catalog: Catalog, table: str) -> None:
    rid = insert(catalog, table, [{"Name": "a", "Age": 1}])[0]["RID"]
    then = catalog.at(catalog.snaptime())
    update(catalog, table, [{"RID": rid, "Age": 2}], columns=["Age"])
    assert select(then, table, columns=["Age"]) == [{"Age": 1}]
    assert select(then.live(), table, columns=["Age"]) == [{"Age": 2}]
    assert then.schema().has_table(table)


def test_the_same_over_http(loopback_catalog: Catalog, unique: Callable[[str], str]) -> None:
    token = unique("token")
    leased = lease_rids(loopback_catalog, [token])
    assert lease_rids(loopback_catalog, [token]) == leased
    assert locate(loopback_catalog, ["9-ZZZZ"]) == {}
    assert loopback_catalog.schema().capabilities.ml_schema
    identity = loopback_catalog.whoami()
    assert identity is not None


def test_many_threads_share_a_connection(catalog: Catalog, table: str) -> None:
    def one(number: int) -> int:
        insert(catalog, table, [{"Name": f"n{number}", "Age": number}])
        return len(select(catalog, table, where={"Age": number}))

    assert gather([lambda number=number: one(number) for number in range(40)]) == [1] * 40  # type: ignore[misc]
    assert count(catalog, table) == 40
