"""Two writes that overlap: a real server aborts one of them, which is repeated in silence, whatever its method."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from dml.api.execution import Execution
from dml.catalog.connection import Catalog, connect
from dml.catalog.ml_schema import initialise
from dml.catalog.retry import QUIET_ABORTS, RetryPolicy
from dml.catalog.rows import count, insert
from dml.catalog.vocabulary import add_term
from dml.deriva_ml import DerivaML
from dml.embedded.ermrest.storage import OVERLAPPING_WRITES
from dml.execution.workflow import Workflow
from targets import Place

TYPES = "deriva-ml:Asset_Type"


@pytest.fixture(autouse=True)
def aborting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded catalog answers as a real server does."""
    monkeypatch.setenv(OVERLAPPING_WRITES, "abort")


def aborted(catalog: Catalog) -> int:
    """How many answers were 503."""
    return sum(status == 503 for _, _, status in catalog.traffic.log)


def test_many_writers_all_come_through(place: Place, catalog: Catalog, unique: Callable[[str], str]) -> None:
    """Each by a connection of its own, with requests that may not be repeated after a lost answer."""
    told: list[str] = []
    begin = threading.Barrier(6)
    names = [unique("Term") for _ in range(6)]
    connections = [
        connect(place.target, credential=place.credential, policy=RetryPolicy(on_wait=told.append)) for _ in names
    ]

    def write(connection: Catalog, name: str) -> None:
        begin.wait()
        for number in range(5):
            row = {"Name": f"{name} {number}", "Description": "x"}
            insert(connection, TYPES, [row], defaults=["ID", "URI", "Synonyms"])

    before = count(catalog, TYPES)
    threads = [threading.Thread(target=write, args=pair) for pair in zip(connections, names, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(catalog, TYPES) == before + 30


def test_a_lifecycle_never_collides_with_itself(place: Place, catalog: Catalog) -> None:
    ml = DerivaML(place.target.host, place.target.catalog_id, credential=place.credential)
    workflow = Workflow("Train", "Training", url="https://example.org/train.py", checksum="c1")
    with ml.create_execution(workflow=workflow, description="one") as execution:
        assert isinstance(execution, Execution)
        for number in range(3):
            execution.asset_file_path("Execution_Asset", f"{number}.txt").write_text(str(number))
    execution.commit_output_assets()
    assert aborted(ml.session.catalog) == 0
    ml.session.close()


def test_preparing_a_catalog_never_collides_with_itself(catalog: Catalog) -> None:
    add_term(catalog, TYPES, "Before", "x")
    initialise(catalog)
    assert aborted(catalog) == 0


def test_only_a_long_series_of_aborts_is_told_and_it_ends() -> None:
    told: list[str] = []
    waited: list[float] = []
    policy = RetryPolicy(on_wait=told.append, sleep=waited.append, clock=lambda: sum(waited), patience=5.0)
    with policy.begin("host") as attempts:
        assert all(attempts.after_abort() for _ in range(QUIET_ABORTS - 1))
        assert told == []
        assert attempts.made == 1
        while attempts.after_abort():
            pass
    assert told[0].startswith("host is busy with other writers; trying again")
    assert sum(waited) <= 5.0
