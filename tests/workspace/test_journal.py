"""The journal: entries in order, followed as they are written, without secrets."""

from __future__ import annotations

import json
import os

import pytest

from dml.workspace import journal
from dml.workspace.redaction import HIDDEN, is_secret_name, redact, redact_data
from dml.workspace.registry import Registry

from .conftest import SetClock


def test_entries_are_read_in_the_order_of_writing(registry: Registry, clock: SetClock) -> None:
    first = journal.append(registry, "note", "one", execution_rid="1A", data={"n": 1})
    clock.move(hours=-1)
    second = journal.append(registry, "error", "two", execution_rid="1A")
    journal.append(registry, "note", "else", execution_rid="1B")
    assert journal.entries(registry, "1A") == [first, second]
    assert first.pid == os.getpid()
    assert journal.entries(registry, after=first.sequence, kinds=("error",)) == [second]
    assert [entry.message for entry in journal.entries(registry, limit=2)] == ["two", "else"]

    assert journal.last_transition(registry, "1A") is None


def test_following_yields_new_entries_and_ends_with_the_last_one_written(registry: Registry) -> None:
    journal.append(registry, "note", "before", execution_rid="1A")
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        journal.append(registry, "note", f"during {len(waits)}", execution_rid="1A")

    entries = journal.follow(registry, "1A", stop=lambda: len(waits) == 2, wait=wait, interval=0.25)
    assert [entry.message for entry in entries] == ["before", "during 1", "during 2"]
    assert waits == [0.25, 0.25]


def test_an_entry_is_part_of_the_surrounding_transaction(registry: Registry) -> None:
    def fail() -> None:
        with registry.transaction():
            journal.append(registry, "note", "gone")
            raise KeyError("x")

    with pytest.raises(KeyError):
        fail()
    assert journal.entries(registry) == []


_CANARY = "S3cretCanary99"


@pytest.mark.parametrize(
    "text",
    [
        f"Cookie: webauthn={_CANARY}; other=1",
        f"set-cookie: a={_CANARY}",
        f"Authorization: Bearer {_CANARY}",
        f"curl -H 'authorization: Basic {_CANARY}'",
        f"https://user:{_CANARY}@host/path",
        f"git clone https://{_CANARY}@github.com/org/repo",
        f"https://h/x?X-Amz-Signature={_CANARY}&b=2",
        f"https://h/x?X-Amz-Credential={_CANARY}/2026",
        f"https://h/x?a=1&sig={_CANARY}",
        f"https://h/x?access_token={_CANARY}#f",
        f"--password {_CANARY}",
        f"--api-key={_CANARY}",
        f"AWS_SECRET_ACCESS_KEY={_CANARY}",
        f'{{"password": "{_CANARY}"}}',
        f"{{'client_secret': '{_CANARY}'}}",
        f"token: {_CANARY}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{_CANARY}\n-----END RSA PRIVATE KEY-----",
        f"eyJhbGciOiJIUzI1NiJ9.{_CANARY}abc.{_CANARY}",
        f"ghp_{_CANARY}abcdefghijkl",
    ],
)
def test_secrets_are_hidden_in_text_and_in_the_journal(registry: Registry, text: str) -> None:
    assert _CANARY not in redact(text)
    assert HIDDEN in redact(text)
    journal.append(registry, "request", text, data={"deep": [{"text": text}], text: 1})
    assert _CANARY.encode() not in registry.path.read_bytes()
    assert _CANARY not in json.dumps([entry.__dict__ for entry in journal.entries(registry)], default=str)


@pytest.mark.parametrize(
    "text",
    [
        "PUT /ermrest/catalog/7/entity/deriva-ml:Execution?nondefaults=RID",
        "https://github.com/org/repo/blob/0123abc/train.py",
        "Created → Running",
        "author=someone key=value",
        "3 files of 10 kB",
    ],
)
def test_text_without_secrets_is_unchanged(text: str) -> None:
    assert redact(text) == text


def test_values_under_the_name_of_a_secret_are_hidden() -> None:
    data = {"apiKey": "a", "Session-Id": "b", "nested": {"PASSWORD": "c", "count": 3}, "token": None, "author": "me"}
    assert redact_data(data) == {
        "apiKey": HIDDEN,
        "Session-Id": HIDDEN,
        "nested": {"PASSWORD": HIDDEN, "count": 3},
        "token": None,
        "author": "me",
    }
    assert is_secret_name("DERIVA_COOKIE")
    assert not is_secret_name("AUTHOR")


def test_long_messages_and_data_are_cut(registry: Registry) -> None:
    journal.append(registry, "error", "x" * 1_000_000, data={"body": "y" * 1_000_000})
    [entry] = journal.entries(registry)
    assert len(entry.message) == 10_000
    assert list(entry.data) == ["omitted"]
