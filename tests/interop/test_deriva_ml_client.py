"""deriva-ml 1.17, unmodified, against a served catalog: it makes its schema and finishes an execution there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from dml.directories import embedded_directory
from dml.embedded.application import Application
from dml.embedded.serve import running
from dml.embedded.tls import ensure_tls_files

TOKEN = "interop-token"
CONTENT = b"one output\n"


@dataclass(frozen=True)
class Outcome:
    """What the client printed, and a way to look at the catalog it made."""

    url: str
    session: requests.Session
    made: dict[str, Any]
    messages: str
    data_home: Path

    def dml(self, *arguments: str) -> dict[str, Any]:
        """Run our own command on the files of the same catalog, as its owner would; what it printed."""
        environment = os.environ | {"XDG_DATA_HOME": str(self.data_home), "DML_HOST": "local"}
        command = [sys.executable, "-m", "dml.cli", *arguments, "--catalog", self.made["catalog"], "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    def rows(self, path: str) -> list[dict[str, Any]]:
        answer = self.session.get(f"{self.url}/ermrest/catalog/{self.made['catalog']}/entity/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def outcome(interpreter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """The client has run once, in an empty home and a repository of its own; every test looks at what it made."""
    base = tmp_path_factory.mktemp("interop")
    tls = ensure_tls_files(base / "tls")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_DATA_HOME", str(base / "data"))
        root = embedded_directory()
    application = Application(root, token=TOKEN)
    with running(application, tls) as url, requests.Session() as session:
        session.trust_env = False
        session.verify = str(tls.authority)
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        home, repository = base / "home", base / "repository"
        sign_in(home, urlsplit(url).netloc)
        make_repository(repository)
        environment = {
            "HOME": str(home),
            "PATH": f"{interpreter.parent}{os.pathsep}{os.environ['PATH']}",
            "REQUESTS_CA_BUNDLE": str(tls.authority),
            "LANG": "C.UTF-8",
        }
        command = [str(interpreter), "client.py", urlsplit(url).netloc]
        done = subprocess.run(
            command, cwd=repository, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{done.stderr[-8000:]}\n{done.stdout[-2000:]}"
        yield Outcome(url, session, json.loads(done.stdout.splitlines()[-1]), done.stderr, base / "data")


def sign_in(home: Path, host: str) -> None:
    """Leave a credential where deriva-py looks for it."""
    (home / ".deriva").mkdir(parents=True)
    credential = {host: {"cookie": f"webauthn={TOKEN}"}}
    (home / ".deriva" / "credential.json").write_text(json.dumps(credential))


def make_repository(directory: Path) -> None:
    """A repository with a remote and a tag, as deriva-ml wants of the program it runs in."""
    directory.mkdir()
    shutil.copy(Path(__file__).with_name("client.py"), directory)
    for command in (
        ["init", "--quiet", "--initial-branch=main"],
        ["remote", "add", "origin", "https://example.org/group/interop.git"],
        ["add", "client.py"],
        ["-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "Client"],
        ["-c", "user.name=T", "-c", "user.email=t@example.org", "tag", "-a", "v1.0.0", "-m", "v1.0.0"],
    ):
        subprocess.run(["git", *command], cwd=directory, check=True, capture_output=True)


def test_the_execution_is_complete(outcome: Outcome) -> None:
    (execution,) = outcome.rows("deriva-ml:Execution")
    assert execution["RID"] == outcome.made["execution"]
    assert execution["Status"] == "Completed"
    assert execution["Description"] == "One output"
    assert execution["Duration"].endswith("sec")
    assert execution["Workflow"] == outcome.made["workflow"]


def test_the_workflow_is_registered(outcome: Outcome) -> None:
    (workflow,) = outcome.rows("deriva-ml:Workflow")
    assert workflow["URL"] == outcome.made["workflow_url"]
    assert workflow["URL"].startswith("https://example.org/group/interop/blob/")
    assert workflow["Checksum"] == outcome.made["workflow_checksum"]
    assert workflow["Version"].startswith("1.0.0")
    assert workflow["Workflow_Type"] == "Interop_Workflow"


def test_the_output_is_an_asset_with_its_bytes(outcome: Outcome) -> None:
    (asset,) = outcome.rows("deriva-ml:Execution_Asset")
    assert [asset["RID"]] == outcome.made["uploaded"]["deriva-ml/Execution_Asset"]
    assert asset["Length"] == len(CONTENT)
    assert asset["MD5"] == hashlib.md5(CONTENT).hexdigest()
    got = outcome.session.get(outcome.url + asset["URL"])
    assert (got.status_code, got.content) == (200, CONTENT)


def test_the_output_is_linked_to_the_execution_and_typed(outcome: Outcome) -> None:
    (asset,) = outcome.rows("deriva-ml:Execution_Asset")
    (edge,) = outcome.rows("deriva-ml:Execution_Asset_Execution")
    assert (edge["Execution_Asset"], edge["Execution"]) == (asset["RID"], outcome.made["execution"])
    assert edge["Asset_Role"] == "Output"
    types = {row["Asset_Type"] for row in outcome.rows("deriva-ml:Execution_Asset_Asset_Type")}
    assert "Interop_Result" in types


def test_the_metadata_was_kept_with_the_execution(outcome: Outcome) -> None:
    metadata = outcome.rows("deriva-ml:Execution_Metadata")
    names = {row["Filename"] for row in metadata}
    assert any("configuration" in name for name in names)
    assert any("environment_snapshot" in name for name in names)
    for row in metadata:
        got = outcome.session.get(outcome.url + row["URL"])
        assert hashlib.md5(got.content).hexdigest() == row["MD5"]


def test_its_policy_and_annotations_were_accepted(outcome: Outcome) -> None:
    base = f"{outcome.url}/ermrest/catalog/{outcome.made['catalog']}"
    schema = outcome.session.get(f"{base}/schema").json()
    assert {"public", "deriva-ml", "interop"} <= set(schema["schemas"])
    assert schema["schemas"]["deriva-ml"]["tables"]["Execution"]["annotations"]
    assert any(
        member.startswith("https://auth.globus.org/") for member in outcome.session.get(f"{base}/acl").json()["owner"]
    )
    assert "Traceback" not in outcome.messages


def test_our_lineage_reads_its_older_schema(outcome: Outcome) -> None:
    (asset,) = outcome.rows("deriva-ml:Execution_Asset")
    shown = json.dumps(outcome.dml("lineage", asset["RID"]))
    assert asset["RID"] in shown
    assert outcome.made["execution"] in shown
    assert "Interop_Workflow" in shown


def test_our_commands_adopt_show_and_list_its_execution(outcome: Outcome) -> None:
    rid = outcome.made["execution"]
    workspace = ("--workspace", str(outcome.data_home / "workspace"))
    assert outcome.dml("exec", "list", *workspace)["executions"] == []
    adopted = outcome.dml("exec", "resume", rid, *workspace)
    assert adopted["rid"] == rid
    shown = outcome.dml("exec", "show", rid, *workspace)["execution"]
    assert (shown["rid"], shown["workflow"]["rid"]) == (rid, outcome.made["workflow"])
    assert shown["status"] == "Uploaded"  # what an older Completed counts as
    assert shown["pending"]["files"] == 0
    (listed,) = outcome.dml("exec", "list", *workspace)["executions"]
    assert (listed["rid"], listed["status"]) == (rid, "Uploaded")
    (execution,) = outcome.rows("deriva-ml:Execution")
    assert execution["Status"] == "Completed"
