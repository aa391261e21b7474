"""What a real server could not index is refused, by the size that PostgreSQL's compression leaves."""

from __future__ import annotations

import base64
import random
from typing import Any

import pytest

from dml.embedded.ermrest.index_limits import compressed_size
from embedded.ermrest.conftest import Wire, column, table


def noise(length: int, seed: int = 1) -> str:
    """Text that does not compress, the same each time."""
    return base64.b64encode(random.Random(seed).randbytes(length)).decode()[:length]


@pytest.fixture
def wide(wire: Wire) -> Wire:
    """A table with columns of several types and a key of two columns."""
    wire.send("POST", "/schema/s")
    columns = [column("a"), column("b"), column("j", "json"), column("b_doc", "jsonb"), column("list", "text[]")]
    wire.post("/schema/s/table", table("s", "T", columns, [["a", "b"]]))
    return wire


def status(wire: Wire, row: dict[str, Any]) -> int:
    return wire.send("POST", "/entity/s:T", json=[row]).status_code


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"a": noise(2690)}, 200),
        ({"a": noise(2720)}, 400),
        ({"a": "ab" * 2500}, 200),
        ({"a": "x" * 60_000}, 200),
        ({"a": "x" * 1_000_000}, 400),
        ({"a": "é" + noise(2688)}, 200),
        ({"a": "é" * 3 + noise(2700)}, 400),
        ({"j": {"v": noise(9000)}}, 200),
        ({"b_doc": {"v": noise(9000)}}, 400),
        ({"list": [noise(9000)]}, 400),
        ({"a": noise(1300, 1), "b": noise(1300, 2)}, 200),
        ({"a": noise(1500, 1), "b": noise(1500, 2)}, 400),
    ],
)
def test_a_row_is_stored_if_each_index_takes_it(wide: Wire, row: dict[str, Any], expected: int) -> None:
    assert status(wide, row) == expected
    assert len(wide.get("/entity/s:T")) == (1 if expected == 200 else 0)


def test_the_refusal_names_the_column_and_the_sizes(wide: Wire) -> None:
    refused = wide.send("POST", "/entity/s:T", json=[{"a": "fine"}, {"a": noise(4000)}])
    assert refused.status_code == 400
    assert "index row size 4016 exceeds btree version 4 maximum 2704" in refused.text
    assert 'column "a" of table "T"' in refused.text
    assert wide.get("/entity/s:T") == []


def test_an_update_and_an_upsert_are_refused_alike(wide: Wire) -> None:
    assert status(wide, {"a": "k", "b": "k"}) == 200
    long = noise(4000)
    assert wide.send("PUT", "/attributegroup/s:T/a;list", json=[{"a": "k", "list": [long]}]).status_code == 400
    assert wide.send("PUT", "/entity/s:T", json=[{"a": "k", "b": "k", "list": [long]}]).status_code == 400
    assert wide.get("/attribute/s:T/list") == [{"list": []}]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (noise(3000).encode(), None),
        (b"ab" * 2500, 2 + -(-(5000 - 2) // 273) * 3 + 3),
        (b"no repeat at all, so nothing is won", None),
    ],
)
def test_sizes_of_the_compression(data: bytes, expected: int | None) -> None:
    assert compressed_size(data) == expected


def test_prose_of_a_stack_trace_compresses_well() -> None:
    frame = '  File "/home/ada/project/src/models/network.py", line %d, in forward\n    return self.layer(inputs)\n'
    text = "".join(frame % number for number in range(200)).encode()
    size = compressed_size(text)
    assert size is not None
    assert len(text) / 30 < size < len(text) / 10
