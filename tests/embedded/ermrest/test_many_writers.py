"""Several processes and threads on one catalog: nothing lost, nothing twice; a killed writer leaves no part."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from dml.embedded.application import Application
from dml.embedded.transport import WsgiAdapter

from .conftest import Wire, column, reference, table

WRITERS = 8
ROUNDS = 12
FORK = multiprocessing.get_context("fork")


def fresh(wire: Wire) -> Wire:
    """The same catalog through an application of its own, as another process would have it."""
    other = Wire.__new__(Wire)
    other.__dict__.update(wire.__dict__)
    other.session = type(wire.session)()
    other.session.mount("https://local", WsgiAdapter(Application(wire.root)))
    return other


def laboratory(wire: Wire) -> None:
    wire.send("POST", "/schema/s")
    wire.post("/schema/s/table", table("s", "T", [column("k", nullok=False), column("n", "int4")], [["k"]]))
    wire.post("/schema/s/table", table("s", "U", [column("t")], references=[reference("s", "U", ["t"], "T")]))


def work(wire: Wire, writer: int, rounds: int = ROUNDS) -> list[str]:
    made = []
    for number in range(rounds):
        token = f"{writer}-{number}"
        (lease,) = wire.post("/entity/public:ERMrest_RID_Lease", [{"ID": token}])
        wire.post("/entity/s:T?nondefaults=RID", [{"RID": lease["RID"], "k": token, "n": 0}])
        more = wire.post("/entity/s:T?onconflict=skip", [{"k": f"shared-{number}", "n": 1}, {"k": f"{token}+", "n": 1}])
        wire.put("/attributegroup/s:T/k;n", [{"k": token, "n": number}])
        made += [lease["RID"], *(row["RID"] for row in more)]
        assert wire.get(f"/attribute/s:T/k={token}/n") == [{"n": number}]
    return made


def check(wire: Wire, made: list[str], writers: int) -> None:
    rows = wire.get("/entity/s:T")
    assert sorted(row["RID"] for row in rows) == sorted(made)
    assert len(rows) == writers * ROUNDS * 2 + ROUNDS
    assert len({row["RID"] for row in rows}) == len(rows)
    snapshot = wire.snaptime()
    assert wire.get("/entity/s:T@sort(RID)", snapshot=snapshot) == wire.get("/entity/s:T@sort(RID)")


def test_processes_that_insert_lease_and_update_at_once(wire: Wire) -> None:
    laboratory(wire)

    def run(writer: int, out: Connection) -> None:
        out.send(work(wire if writer % 2 else fresh(wire), writer))  # odd ones go on with what the parent had open

    pipes, processes = [], []
    for writer in range(WRITERS):
        receiver, sender = FORK.Pipe(duplex=False)
        process = FORK.Process(target=run, args=(writer, sender))
        process.start()
        sender.close()
        pipes.append(receiver)
        processes.append(process)
    made = [rid for receiver in pipes for rid in receiver.recv()]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    check(wire, made, WRITERS)


def test_threads_that_insert_lease_and_update_at_once(wire: Wire) -> None:
    laboratory(wire)
    made: list[str] = []
    failures: list[BaseException] = []

    def run(writer: int) -> None:
        try:
            made.extend(work(wire, writer))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    check(wire, made, WRITERS)


def test_a_reader_keeps_its_state_while_others_write_and_remodel(wire: Wire) -> None:
    laboratory(wire)
    wire.post("/entity/s:T", [{"k": f"k{number:05d}", "n": number} for number in range(4000)])
    response = wire.send("GET", "/entity/s:T@sort(k)", headers={"Accept": "application/x-json-stream"}, stream=True)
    lines = response.iter_lines()
    first = [next(lines) for _ in range(3)]
    wire.send("DELETE", "/entity/s:T/n::gt::10")
    wire.post("/schema/s/table/T/column", column("added"))
    wire.post("/schema/s/table/T/foreignkey", reference("s", "T", ["added"], "T"))
    assert len(first) + len(list(lines)) == 4000
    assert wire.get("/aggregate/s:T/n:=cnt(*)") == [{"n": 11}]


def test_a_catalog_deleted_elsewhere_is_gone(wire: Wire) -> None:
    laboratory(wire)
    assert fresh(wire).status("DELETE", "") == 204
    assert wire.status("GET", "/entity/s:T") == 404
    assert wire.status("POST", "/entity/s:T", [{"k": "x"}]) == 404
    again = wire.session.post(f"{wire.service}/catalog").json()["id"]
    assert int(again) > int(wire.catalog)


def test_a_model_changed_elsewhere_is_seen_at_once(wire: Wire) -> None:
    laboratory(wire)
    other = fresh(wire)
    for number in range(5):
        other.post("/schema/s/table/T/column", column(f"c{number}"))
        wire.post("/entity/s:T", [{"k": str(number), f"c{number}": "v"}])
        assert other.get(f"/attribute/s:T/k={number}/c{number}") == [{f"c{number}": "v"}]


def test_a_killed_writer_leaves_only_whole_transactions(wire: Wire) -> None:
    laboratory(wire)
    for _ in range(4):
        receiver, sender = FORK.Pipe(duplex=False)
        start = wire.get("/aggregate/s:T/n:=cnt(*)")[0]["n"]

        def run(out: Connection = sender, start: int = start) -> None:
            mine = fresh(wire)
            for number in range(10_000):
                parents = mine.post("/entity/s:T", [{"k": f"{start}-{number}-{i}"} for i in range(20)])
                mine.post("/entity/s:U", [{"t": row["RID"]} for row in parents])
                out.send(number)

        process = FORK.Process(target=run)
        process.start()
        for _ in range(5):
            receiver.recv()
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        rows = wire.get("/aggregate/s:T/n:=cnt(*)")[0]["n"]
        assert rows >= start + 100
        assert rows % 20 == 0
        assert wire.get("/aggregate/s:U/n:=cnt(*)")[0]["n"] % 20 == 0
        wire.post("/entity/s:U", [{"t": None} for _ in range(20)])
    examine(wire.file)
    assert wire.get("/aggregate/s:T/n:=cnt(*)", snapshot=wire.snaptime()) == wire.get("/aggregate/s:T/n:=cnt(*)")


def examine(file: Path) -> None:
    connection = sqlite3.connect(file)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        current = connection.execute("SELECT count(*) FROM location WHERE ended > (SELECT time FROM state)").fetchone()[
            0
        ]
        tables = [row[0] for row in connection.execute("SELECT tid FROM change")]
        assert current == sum(connection.execute(f"SELECT count(*) FROM t{number}").fetchone()[0] for number in tables)
    finally:
        connection.close()
