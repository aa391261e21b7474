"""Intents, uploads and inputs in the registry, by which a second process finishes the work of the first."""

from __future__ import annotations

from dml.workspace import inputs, intents, uploads
from dml.workspace.inputs import InputRecord
from dml.workspace.registry import Registry


def test_an_intent_keeps_its_token_and_its_lease(registry: Registry) -> None:
    first = intents.declare(registry, "execution", "run", payload={"Description": "x", "password": "hunter2hunter2"})
    assert intents.declare(registry, "execution", "run", payload={"Description": "other"}) == first
    assert first.payload == {"Description": "x", "password": "[hidden]"}
    intents.record_leases(registry, {first.token: "1A"})
    intents.record_leases(registry, {first.token: "1B"})
    [intent] = intents.find_intents(registry, unfinished=True)
    assert (intent.token, intent.rid, intent.done_at) == (first.token, "1A", None)
    intents.assign_execution(registry, first.token, "1A")
    assert [row.token for row in intents.find_intents(registry, execution_rid="1A")] == [first.token]
    intents.finish(registry, [first.token])
    assert intents.find_intents(registry, unfinished=True) == []


def test_many_intents_get_distinct_tokens_and_a_given_token_is_used(registry: Registry) -> None:
    declared = intents.declare_all(registry, "asset", {f"T/{n}": {"n": n} for n in range(100)}, execution_rid="1A")
    assert len({intent.token for intent in declared.values()}) == 100
    again = intents.declare_all(registry, "asset", {"T/5": {}, "T/new": {}}, execution_rid="1A")
    assert again["T/5"] == declared["T/5"]
    named = intents.declare(registry, "workflow", "u\nc", token="mine")
    assert named.token == "mine"
    intents.withdraw(registry, ["mine"])
    assert intents.find_intents(registry, kind="workflow") == []


def test_an_upload_is_resumed_only_for_the_same_bytes_in_the_same_chunks(registry: Registry) -> None:
    same = {"url": "/hatrac/T/x", "md5": "ab", "size": 100, "chunk_size": 10}
    uploads.begin_upload(registry, "1A", "T/f", **same)
    uploads.record_chunk(registry, "1A", "T/f", "/hatrac/T/x;upload/J", 3)
    job = uploads.begin_upload(registry, "1A", "T/f", **same)
    assert (job.job, job.chunks_done) == ("/hatrac/T/x;upload/J", 3)
    for change in ({"md5": "cd"}, {"chunk_size": 20}, {"size": 99}):
        other = uploads.begin_upload(registry, "1A", "T/f", **(same | change))
        assert (other.job, other.chunks_done) == (None, 0)
        uploads.record_chunk(registry, "1A", "T/f", "J", 1)
    assert len(uploads.list_uploads(registry, "1A")) == 1


def test_inputs_keep_their_order_and_state(registry: Registry) -> None:
    declared = [
        InputRecord("dataset", "2B", "1.0.0", "2C", {"materialize": True}),
        InputRecord("asset", "1Z", options={"cache": True}),
    ]
    inputs.declare_inputs(registry, "1A", declared)
    inputs.mark_inputs(registry, "1A", [("dataset", "2B")], "linked")
    inputs.mark_inputs(registry, "1A", [("asset", "1Z")], "fetched", path="/x")
    inputs.declare_inputs(registry, "1A", declared)
    stored = inputs.list_inputs(registry, "1A")
    assert [(item.rid, item.state, item.path) for item in stored] == [("2B", "linked", None), ("1Z", "fetched", "/x")]
    assert stored[0].options == {"materialize": True}
