"""What is recorded before a remote write, so that a second process finishes it instead of repeating it."""

from __future__ import annotations

from pathlib import Path

from dml.workspace import inputs, intents, uploads
from dml.workspace.assets import FileIdentity
from dml.workspace.inputs import InputRecord
from dml.workspace.registry import Registry


def test_an_intent_is_found_again_with_its_token_and_its_lease(registry: Registry) -> None:
    first = intents.declare(registry, "execution", "run", payload={"Description": "x", "password": "hunter2hunter2"})
    assert intents.declare(registry, "execution", "run", payload={"Description": "other"}) == first
    assert first.payload == {"Description": "x", "password": "[hidden]"}
    intents.record_leases(registry, {first.token: "1A"})
    intents.record_leases(registry, {first.token: "1B"})
    [found] = intents.find_intents(registry, unfinished=True)
    assert (found.token, found.rid, found.done_at) == (first.token, "1A", None)
    intents.assign_execution(registry, first.token, "1A")
    assert [row.token for row in intents.find_intents(registry, execution_rid="1A")] == [first.token]
    intents.finish(registry, [first.token])
    assert intents.find_intents(registry, unfinished=True) == []


def test_many_intents_at_once_have_distinct_tokens_and_a_given_token_is_kept(registry: Registry) -> None:
    made = intents.declare_all(registry, "asset", {f"T/{n}": {"n": n} for n in range(100)}, execution_rid="1A")
    assert len({intent.token for intent in made.values()}) == 100
    again = intents.declare_all(registry, "asset", {"T/5": {}, "T/new": {}}, execution_rid="1A")
    assert again["T/5"] == made["T/5"]
    named = intents.declare(registry, "workflow", "u\nc", token="mine")
    assert named.token == "mine"
    intents.withdraw(registry, ["mine"])
    assert intents.find_intents(registry, kind="workflow") == []


def test_an_upload_goes_on_only_with_the_same_bytes_in_the_same_chunks(registry: Registry) -> None:
    same = {"url": "/hatrac/T/x", "md5": "ab", "size": 100, "chunk_size": 10}
    uploads.begin_upload(registry, "1A", "T/f", **same)
    uploads.remember_chunk(registry, "1A", "T/f", "/hatrac/T/x;upload/J", 3)
    job = uploads.begin_upload(registry, "1A", "T/f", **same)
    assert (job.job, job.chunks_done) == ("/hatrac/T/x;upload/J", 3)
    for change in ({"md5": "cd"}, {"chunk_size": 20}, {"size": 99}):
        other = uploads.begin_upload(registry, "1A", "T/f", **(same | change))
        assert (other.job, other.chunks_done) == (None, 0)
        uploads.remember_chunk(registry, "1A", "T/f", "J", 1)
    assert len(uploads.list_uploads(registry, "1A")) == 1
    uploads.end_upload(registry, "1A", "T/f")
    assert uploads.list_uploads(registry) == []


def test_a_digest_is_known_only_while_the_file_is_the_same(registry: Registry, tmp_path: Path) -> None:
    path, seen = tmp_path / "f", FileIdentity(1, 2, 3)
    assert uploads.known_digest(registry, path, seen) is None
    uploads.remember_digest(registry, path, seen, "ab")
    assert uploads.known_digest(registry, path, seen) == "ab"
    for other in (FileIdentity(2, 2, 3), FileIdentity(1, 3, 3), FileIdentity(1, 2, 4)):
        assert uploads.known_digest(registry, path, other) is None


def test_inputs_keep_their_order_and_state(registry: Registry) -> None:
    declared = [
        InputRecord("dataset", "2B", "1.0.0", "2C", {"materialize": True}),
        InputRecord("asset", "1Z", options={"cache": True}),
    ]
    inputs.declare_inputs(registry, "1A", declared)
    inputs.mark_inputs(registry, "1A", [("dataset", "2B")], "linked")
    inputs.mark_inputs(registry, "1A", [("asset", "1Z")], "fetched", path="/x")
    inputs.declare_inputs(registry, "1A", declared)
    found = inputs.list_inputs(registry, "1A")
    assert [(item.rid, item.state, item.path) for item in found] == [("2B", "linked", None), ("1Z", "fetched", "/x")]
    assert found[0].options == {"materialize": True}
