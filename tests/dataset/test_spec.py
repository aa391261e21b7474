"""Dataset specifications: the short form, the forms of configurations, and invalid ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dml.dataset.spec import DatasetSpec
from dml.dataset.version import DatasetVersion
from dml.errors import UsageError

RIDS = st.from_regex(r"[1-9A-Z][0-9A-Z]{0,3}(-[0-9A-Z]{4}){0,2}", fullmatch=True)
VERSIONS = st.tuples(*[st.integers(0, 99)] * 3).map(DatasetVersion.of)


@given(RIDS, st.none() | VERSIONS | VERSIONS.map(DatasetVersion.next_development))
def test_short_form_and_mapping_round_trip(rid: str, version: DatasetVersion | None) -> None:
    spec = DatasetSpec(rid, version)
    assert DatasetSpec.parse(str(spec)) == spec
    assert DatasetSpec.of(spec.to_mapping()) == spec
    assert DatasetSpec.of(spec) is spec


def test_every_field_round_trips() -> None:
    spec = DatasetSpec(
        "1-ABC",
        [1, 2, 3],
        materialize=False,
        description="the small one",
        exclude_tables=["Subject", "lab:Scan"],
        timeout=(5, 60),
        fetch_concurrency=2,
    )
    assert DatasetSpec.of(spec.to_mapping()) == spec
    assert spec.to_mapping()["version"] == {"major": 1, "minor": 2, "patch": 3}


def test_a_bare_rid_has_no_version() -> None:
    assert DatasetSpec.parse(" 1-ABC ").version is None


@pytest.mark.parametrize(
    ("text", "message"),
    [("1-ABC@", "no version after"), ("1-abc@1.0.0", "RID"), ("", "RID"), ("1-ABC@latest", "not a dataset version")],
)
def test_malformed_short_forms_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        DatasetSpec.parse(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"version": "1.0.0"},
        {"rid": "1-ABC", "versoin": "1.0.0"},
        {"rid": "1-ABC", "timeout": [0, 1]},
        {"rid": "1-ABC", "timeout": [1]},
        {"rid": "1-ABC", "fetch_concurrency": 0},
    ],
)
def test_invalid_mappings_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        DatasetSpec.of(fields)
