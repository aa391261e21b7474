"""``dml catalog`` and ``dml vocab`` on an embedded catalog, through the real client."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from cli.runner import DML, check_message, run
from dml.cli import overview
from dml.settings import resolve
from dml.target import Target


@pytest.fixture
def prepared() -> Target:
    """The embedded catalog 1 with the ``deriva-ml`` schema; it is the default target."""
    assert run("catalog", "init").code == 0
    return Target("local", "1")


def test_init_without_a_target_makes_and_chooses_an_embedded_catalog() -> None:
    check_message("catalog-init", run("catalog", "init").shown)
    assert resolve().target == Target("local", "1")
    check_message("catalog-init-again", run("catalog", "init").shown)
    document = run("catalog", "init", "--json").json
    assert document["tables"] == []
    assert document["created"] is False


def test_init_makes_the_embedded_catalog_it_is_told_to() -> None:
    first = run("catalog", "init", "--host", "local", "--catalog", "5")
    assert first.code == 0
    assert first.stdout.startswith("local/5 created.\nlocal/5 prepared: created 26 tables")
    assert not resolve().has_target
    assert run("catalog", "init", "--catalog", "local/5", "--json").json["created"] is False
    assert run("catalog", "create").stdout == "local/6 created.\n"


def test_create_prepares_and_chooses_when_told() -> None:
    first = run("catalog", "create")
    assert first.stdout == "local/1 created.\n"
    assert not resolve().has_target
    second = run("catalog", "create", "--init", "--use", "--json").json
    assert second == {"schema": "dml.catalog.create/1", "target": "local/2", "initialised": True, "default": True}
    assert run("catalog", "show", "--json").json["ml_schema"]


def test_list_marks_the_default(prepared: Target) -> None:
    run("catalog", "create")
    check_message("catalog-list", run("catalog", "list").shown)
    document = run("catalog", "list", "--json").json
    assert document["catalogs"] == [{"target": "local/1", "default": True}, {"target": "local/2", "default": False}]


def test_list_of_none_creates_nothing(home: Path) -> None:
    check_message("catalog-list-none", run("catalog", "list").shown)
    assert list(home.iterdir()) == []


def test_show(prepared: Target) -> None:
    check_message("catalog-show", run("catalog", "show").shown)
    document = run("catalog", "show", "--json").json
    assert document["target"] == "local/1"
    assert document["capabilities"]["ml_schema"] is True
    assert document["vocabularies"] == 6


def test_use_by_url_number_and_name(prepared: Target) -> None:
    for text in ("local/1", "1", "https://local/ermrest/catalog/1"):
        assert run("catalog", "use", text).stdout == "The default catalog is local/1.\n"
    missing = run("catalog", "use", "local/9")
    assert missing.code == 6
    assert resolve().target == prepared


def test_use_says_when_something_stands_before_the_profile(prepared: Target, desk: Path) -> None:
    (desk / ".deriva-context.json").write_text(json.dumps({"hostname": "a.org", "catalog_id": 5}))
    result = run("catalog", "use", "local/1")
    assert result.code == 0
    assert "overrides it here: a.org/5" in result.stderr


@pytest.mark.parametrize("text", ["", "local/", "https://a.org/chaise/recordset", "a b/1"])
def test_a_malformed_target_is_a_usage_error(text: str) -> None:
    assert run("catalog", "use", text).code == 2


def test_delete_asks_and_refuses(prepared: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    check_message("catalog-delete-no-terminal", run("catalog", "delete", "local/1").shown)
    assert run("catalog", "delete", "local/9", "--yes").code == 6
    assert run("catalog", "delete", "a.org/1", "--yes").code == 2
    with monkeypatch.context() as patch:
        patch.setattr(overview, "waiting_in", lambda target: ("4VP",))
        check_message("catalog-delete-unsent", run("catalog", "delete", "local/1", "--yes").shown)
    assert run("catalog", "list", "--json").json["catalogs"]


def test_delete_with_yes(prepared: Target) -> None:
    assert run("catalog", "delete", "local/1", "--yes").code == 0
    assert run("catalog", "list", "--json").json["catalogs"] == []
    assert run("catalog", "show").code == 6


def test_a_missing_embedded_catalog_is_not_found() -> None:
    result = run("catalog", "show", "--catalog", "local/1")
    assert result.code == 6
    assert "Traceback" not in result.stderr


def test_vocabularies_and_terms(prepared: Target) -> None:
    check_message("vocab-list", run("vocab", "list").shown)
    check_message("vocab-terms", run("vocab", "list", "Workflow_Type").shown)
    check_message("vocab-add", run("vocab", "add", "Workflow_Type", "Pruning", "-d", "Makes a model smaller").shown)
    check_message("vocab-add-again", run("vocab", "add", "Workflow_Type", "Pruning", "-d", "x").shown)
    check_message("vocab-synonym", run("vocab", "synonym", "Workflow_Type", "Pruning", "Shrinking").shown)
    check_message("vocab-synonym-again", run("vocab", "synonym", "Workflow_Type", "Pruning", "Shrinking").shown)
    check_message("vocab-show", run("vocab", "show", "Workflow_Type", "Shrinking").shown)
    check_message("vocab-unknown-term", run("vocab", "show", "Workflow_Type", "Prunning").shown)
    check_message("vocab-unknown-table", run("vocab", "list", "Workflow_Typ").shown)
    check_message("vocab-not-one", run("vocab", "list", "deriva-ml:Execution").shown)
    terms = run("vocab", "list", "Workflow_Type", "--json").json["terms"]
    assert {"Pruning", "Training"} <= {term["name"] for term in terms}


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_serve_prints_where_and_the_token_and_ends_well(prepared: Target, secure: bool) -> None:
    words = ["catalog", "serve", "--json", "--read-only", *(["--tls"] if secure else [])]
    process = subprocess.Popen([*DML, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        document = json.loads(process.stdout.readline())
        assert document["url"].startswith("https://localhost:" if secure else "http://127.0.0.1:")
        assert Path(document["authority"]).exists() if secure else document["authority"] is None
        if not secure:
            url = f"{document['url']}/ermrest/catalog/1/schema"
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(url, timeout=30)
            assert refused.value.code == 401
            asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {document['token']}"})
            with urllib.request.urlopen(asked, timeout=30) as answer:
                assert "deriva-ml" in json.load(answer)["schemas"]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_serve_for_people(prepared: Target) -> None:
    process = subprocess.Popen(
        [*DML, "catalog", "serve"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("http://127.0.0.1:")
    assert process.stdout.readline().startswith("token=")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "webauthn" in err
