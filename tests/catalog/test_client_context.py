"""The header that says who asks: deriva's own encoding, deriva's own names, and what a program changes in it."""

from __future__ import annotations

import json
from urllib.parse import unquote

from deriva.core import DerivaClientContext

from dml.catalog.client_context import client_context, encode_context

from .scripted import Script, answer, scripted_catalog

HEADER = "deriva-client-context"


def test_the_header_is_encoded_as_deriva_encodes_it() -> None:
    context = {**client_context(), "action": 'a "name", 50 % ~ñ', "table": "s:T"}
    assert encode_context(context) == DerivaClientContext(context).encoded()
    assert set(client_context()) == set(DerivaClientContext.defaults)


def test_requests_of_a_process_share_one_id_whether_deriva_sends_them_or_not() -> None:
    script = Script().on("GET", "/x", answer(200, "{}"), times=9)
    catalog = scripted_catalog(script)
    catalog.get_json("/x")
    catalog.host_exchange("GET", "/x")
    catalog.ermrest.get("/x")
    catalog.store.get("/x")
    catalog.get_json("/x")
    sent = [json.loads(unquote(request.headers[HEADER])) for request in script.seen]
    assert sent == [client_context()] * 5


def test_what_a_program_says_about_itself_is_sent() -> None:
    script = Script().on("GET", "/x", answer(200, "{}"), times=9)
    catalog = scripted_catalog(script)
    catalog.get_json("/x")
    catalog.ermrest.dcctx["cid"] = "my program"
    catalog.get_json("/x")
    catalog.host_exchange("GET", "/x")
    sent = [json.loads(unquote(request.headers[HEADER]))["cid"] for request in script.seen]
    assert sent[1] == "my program"
    assert sent[0] == sent[2] == client_context()["cid"]
