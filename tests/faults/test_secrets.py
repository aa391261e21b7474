"""Canary secrets wherever a secret may be, and every place where one might turn up: I6 and F19."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from catalog.scripted import Script, answer, patient, reset, scripted_catalog
from dml.deriva_ml import DerivaML
from dml.embedded.application import open_application
from dml.embedded.transport import WsgiAdapter
from dml.execution.workflow import Workflow
from faults.conftest import Ran, Staged
from targets import Place

CANARY = "canary3f9a1b77"
SAID = f"token {CANARY}, cookie webauthn={CANARY}, see https://host/x?X-Amz-Signature={CANARY}"


@pytest.fixture
def script() -> Script:
    """Overrides nothing but the credential that the client brings."""
    return Script(behind=WsgiAdapter(open_application()))


@pytest.fixture
def ml(place: Place, script: Script, monkeypatch: pytest.MonkeyPatch) -> DerivaML:
    """An API whose credential, environment and command line hold the canary."""
    monkeypatch.setenv("LAB_API_TOKEN", CANARY)
    monkeypatch.setenv("CONDA_TOKEN", CANARY)
    monkeypatch.setenv("VIRTUAL_ENV", f"https://user:{CANARY}@example.org/env")
    monkeypatch.setattr("sys.argv", ["train.py", "--password", CANARY, f"--api-key={CANARY}", f"x?token={CANARY}"])
    monkeypatch.setattr("dml.catalog.connection._embedded_transport", lambda: script)
    # The embedded catalog is asked without a credential; a server's errors are scrubbed of the one it was sent.
    monkeypatch.setattr("dml.catalog.connection.secrets_of", lambda _: [CANARY])
    made = DerivaML(place.target.host, place.target.catalog_id)
    made._catalog = scripted_catalog(script, place.target, policy=patient())
    return made


@pytest.mark.parametrize("fault", [answer(500, SAID), answer(401, SAID), answer(409, SAID), answer(400, SAID), reset])
@pytest.mark.parametrize(
    ("method", "pattern"), [("PUT", "^/hatrac/"), ("POST", "/entity/"), ("PUT", "/attributegroup/")]
)
def test_no_secret_reaches_any_file_or_output(
    staged: Staged,
    script: Script,
    dml: Callable[..., Ran],
    home: Path,
    fault: object,
    method: str,
    pattern: str,
) -> None:
    script.on(method, pattern, fault, times=20)  # type: ignore[arg-type]
    said = ""
    try:
        staged.commit()
    except Exception as error:
        said = f"{error} {getattr(error, 'hint', '')}"
    staged.ml.session.close()
    for words in (["show", staged.rid], ["log", staged.rid], ["list", "--json"], ["commit", staged.rid, "--debug"]):
        ran = dml("exec", *words)
        said += ran.out + ran.err
    script.faults.clear()
    dml("exec", "commit", staged.rid)
    found = [path for path in home.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert found == []
    assert CANARY not in said


def test_the_recorded_environment_names_variables_by_allow_list(
    ml: DerivaML, workflow: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_SETTING_OF_THE_LAB", "plain-but-not-allowed-91")
    execution = ml.create_execution(workflow=workflow)
    directory = ml.session.workspace.execution_directory(execution.execution_rid)
    kept = b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())
    assert b"plain-but-not-allowed-91" not in kept
    assert CANARY.encode() not in kept
    assert os.environ["LAB_API_TOKEN"] == CANARY
