"""Every recorded exchange with a real server: the same answers, in process, over HTTP and over HTTPS."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import requests

from dml.embedded.application import Application
from dml.embedded.serve import running
from dml.embedded.tls import ensure_tls_files
from dml.embedded.transport import WsgiAdapter

RECORDINGS = Path(__file__).resolve().parents[1] / "conformance"
sys.path.insert(0, str(RECORDINGS))

import conformance  # noqa: E402

SCENARIOS = conformance.scenario_names()


def problems(scenario: str, session: requests.Session, base: str) -> str:
    return "\n".join(str(mismatch) for mismatch in conformance.run_scenario(scenario, session, base))


def test_nothing_recorded_is_left_out() -> None:
    recorded = {path.stem for path in (RECORDINGS / "expected").glob("*.json")}
    assert recorded == set(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_in_process(tmp_path: Path, scenario: str) -> None:
    session = requests.Session()
    session.mount("https://local", WsgiAdapter(Application(tmp_path)))
    assert problems(scenario, session, "https://local") == ""


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_over_http(tmp_path: Path, scenario: str) -> None:
    with running(Application(tmp_path)) as url, requests.Session() as session:
        session.trust_env = False
        assert problems(scenario, session, url) == ""


def test_over_https_with_a_token(tmp_path: Path) -> None:
    tls = ensure_tls_files(tmp_path / "tls")
    application = Application(tmp_path / "root", token="t")
    with running(application, tls) as url, requests.Session() as session:
        session.trust_env = False
        session.verify = str(tls.authority)
        session.cookies.set("webauthn", "t")
        assert problems("objects", session, url) == ""
