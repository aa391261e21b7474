"""Random predicates, sorts and pages against the same computed in Python, now and at a snapshot."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cmp_to_key
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import Wire, column, name, table

Row = dict[str, Any]
Logic = bool | None  # three-valued, as in SQL
TEXTS = ["", "a", "b", "ab", "B", "é", "z'z", "x y", "a.b", "10"]
NUMBERS = [-3, 0, 1, 7, 7, 31]
ROWS: list[Row] = [
    {
        "t": text,
        "n": number,
        "f": None if number is None else number / 2,
        "b": [True, False, None][(i + (number or 0)) % 3],
    }
    for i, text in enumerate([*TEXTS, None])
    for number in [*NUMBERS[:4], None]
]


def negated(value: Logic) -> Logic:
    return None if value is None else not value


def joined(values: list[Logic], decisive: bool) -> Logic:
    if decisive in values:
        return decisive
    return None if None in values else not decisive


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "::lt::": lambda a, b: a < b,
    "::leq::": lambda a, b: a <= b,
    "::gt::": lambda a, b: a > b,
    "::geq::": lambda a, b: a >= b,
}
Predicate = tuple[str, Callable[[Row], Logic]]


def compared(field: str, operator: str, values: list[Any], quantifier: str) -> Predicate:
    compare = COMPARISONS[operator]
    shown = [name(str(value).lower() if isinstance(value, bool) else str(value)) for value in values]
    text = f"{field}{operator}" + (f"{quantifier}({','.join(shown)})" if quantifier else shown[0])

    def test(row: Row) -> Logic:
        if row[field] is None:
            return None
        found = [compare(row[field], value) for value in values]
        return all(found) if quantifier == "all" else any(found) if quantifier else found[0]

    return text, test


def matched(operator: str, pattern: str) -> Predicate:
    flags = re.IGNORECASE if operator == "::ciregexp::" else 0
    return (
        f"t{operator}{name(pattern)}",
        lambda row: None if row["t"] is None else bool(re.search(pattern, row["t"], flags)),
    )


def field_predicates() -> st.SearchStrategy[Predicate]:
    kinds = {"t": st.sampled_from(TEXTS), "n": st.sampled_from(NUMBERS), "f": st.sampled_from([-1.5, 0.0, 0.5, 3.5])}
    made = [
        st.builds(
            compared,
            st.just(field),
            st.sampled_from(list(COMPARISONS)),
            st.lists(values, min_size=1, max_size=1),
            st.just(""),
        )
        for field, values in kinds.items()
    ]
    made.append(
        st.builds(compared, st.just("b"), st.just("="), st.lists(st.booleans(), min_size=1, max_size=1), st.just(""))
    )
    made.append(
        st.builds(
            matched,
            st.sampled_from(["::regexp::", "::ciregexp::"]),
            st.sampled_from(["^a", "b", "[0-9]", "A|z", "a.b", "é"]),
        )
    )
    made.append(
        st.sampled_from(["t", "n", "f", "b"]).map(lambda field: (f"{field}::null::", lambda row: row[field] is None))
    )
    return st.one_of(made)


def quantified() -> st.SearchStrategy[Predicate]:
    lists = {
        "t": st.sampled_from([text for text in TEXTS if text]),
        "n": st.sampled_from(NUMBERS),
        "f": st.sampled_from([-1.5, 0.5]),
    }
    return st.one_of(
        st.builds(
            compared,
            st.just(field),
            st.sampled_from(list(COMPARISONS)),
            st.lists(values, min_size=1, max_size=4),
            st.sampled_from(["any", "all"]),
        )
        for field, values in lists.items()
    )


def combined(operand: Predicate, *more: Predicate, glue: str) -> Predicate:
    parts = [operand, *more]
    return f"({glue.join(text for text, _ in parts)})", lambda row: joined(
        [test(row) for _, test in parts], glue == ";"
    )


def beside(one: Predicate, other: Predicate, glue: str) -> Predicate:
    return f"{one[0]}{glue}{other[0]}", lambda row: joined([one[1](row), other[1](row)], glue == ";")


def inverted(operand: Predicate) -> Predicate:
    return f"!{operand[0]}", lambda row: negated(operand[1](row))


def not_twice(operand: Predicate) -> Predicate:
    return operand if operand[0].startswith("!") else inverted(operand)


predicates = st.recursive(
    field_predicates(),
    lambda inner: st.one_of(
        st.builds(lambda a, b: combined(a, b, glue="&"), inner, inner),
        st.builds(lambda a, b, c: combined(a, b, c, glue=";"), inner, inner, inner),
        inner.map(not_twice),
    ),
    max_leaves=8,
)
# A list may not stand before a closing parenthesis, so it comes first or outside.
whole = st.one_of(
    predicates,
    quantified(),
    quantified().map(inverted),
    st.builds(lambda a, b: beside(a, b, "&"), quantified(), predicates),
    st.builds(lambda a, b: beside(a, b, ";"), predicates, quantified()),
)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Wire, str, list[Row]]:
    root: Path = tmp_path_factory.mktemp("filters")
    wire = Wire(root)
    wire.send("POST", "/schema/s")
    wire.post(
        "/schema/s/table",
        table("s", "T", [column("t"), column("n", "int4"), column("f", "float8"), column("b", "boolean")]),
    )
    stored = wire.post("/entity/s:T", ROWS)
    snapshot = wire.snaptime()
    return wire, snapshot, stored


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(predicate=whole, past=st.booleans())
def test_a_filter_keeps_what_python_keeps(
    filled: tuple[Wire, str, list[Row]], predicate: Predicate, past: bool
) -> None:
    wire, snapshot, stored = filled
    text, test = predicate
    found = wire.get(f"/attribute/s:T/{text}/RID", snapshot=snapshot if past else "")
    assert sorted(row["RID"] for row in found) == sorted(row["RID"] for row in stored if test(row) is True)


keys = st.lists(st.tuples(st.sampled_from(["t", "n", "f"]), st.booleans()), max_size=3, unique_by=lambda key: key[0])


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    keys=keys, last=st.booleans(), start=st.integers(0, len(ROWS) - 1), limit=st.integers(1, 9), before=st.booleans()
)
def test_pages_follow_each_other_in_sorted_order(
    filled: tuple[Wire, str, list[Row]], keys: list[tuple[str, bool]], last: bool, start: int, limit: int, before: bool
) -> None:
    wire, _, stored = filled
    keys = [*keys, ("RID", last)]

    def order(a: Row, b: Row) -> int:
        for field, descending in keys:
            one, other = a[field], b[field]
            if one == other:
                continue
            sign = (one is None) - (other is None) if None in (one, other) else (one > other) - (one < other)
            return -sign if descending else sign
        return 0

    expected = sorted(stored, key=cmp_to_key(order))
    edge = ",".join(
        "::null::" if expected[start][field] is None else name(str(expected[start][field])) for field, _ in keys
    )
    sort = ",".join(field + "::desc::" * descending for field, descending in keys)
    which = "before" if before else "after"
    found = wire.get(f"/attribute/s:T/RID,t,n,f@sort({sort})@{which}({edge})?limit={limit}")
    page = expected[max(0, start - limit) : start] if before else expected[start + 1 : start + 1 + limit]
    assert [row["RID"] for row in found] == [row["RID"] for row in page]
