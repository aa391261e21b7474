"""The suite's own tests on a real server, and what a newcomer meets there.

The server is ``dml catalog serve --tls`` in a process of its own, with a home of its own: nothing is shared
with the tests but the wire. ``make test`` takes a file of each room, ``make test-all`` the rooms whole.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.runner import spawn
from dml.catalog.connection import connect
from dml.catalog.rows import count
from dml.catalog.schema import EXECUTION
from dml.target import Target

ROOT = Path(__file__).parents[1]
ROOMS = ("catalog", "execution", "dataset", "lineage", "nesting", "workflow")
SAMPLE = (
    "catalog/test_vocabulary.py",
    "execution/test_first_lifecycle.py",
    "dataset/test_split.py",
    "lineage/test_refused.py",
    "nesting/test_nesting.py",
    "workflow/test_registration.py",
)


@dataclass(frozen=True)
class Served:
    """A server that runs.

    Attributes:
        process: It.
        target: Its only catalog, prepared.
        token: Who shows it owns the catalog.
        authority: The certificate by which its own is checked.
    """

    process: subprocess.Popen[str]
    target: Target
    token: str
    authority: Path

    def stop(self) -> None:
        """End it as Ctrl-C does; it must end well."""
        self.process.terminate()
        assert self.process.wait(timeout=60) == 0

    def sign_in(self, home: Path) -> None:
        """Keep the token where its hint says."""
        kept = home / ".deriva" / "credential.json"
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps({self.target.host: {"cookie": f"webauthn={self.token}"}}), encoding="utf-8")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server whose home is not the test's."""
    home = tmp_path / "server"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "DML_"))}
    environment = {**kept, "HOME": str(home), "XDG_DATA_HOME": str(home / "data")}
    made = spawn("catalog", "init", env=environment)
    assert made.returncode == 0, made.stderr
    command = [sys.executable, "-m", "dml.cli", "catalog", "serve", "--tls"]
    with (tmp_path / "server.err").open("w", encoding="utf-8") as said:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=said, text=True)
    try:
        assert process.stdout is not None
        host = process.stdout.readline().strip().removeprefix("https://")
        token = process.stdout.readline().strip().removeprefix("token=")
        assert host.startswith("localhost:"), (tmp_path / "server.err").read_text()
        yield Served(process, Target(host, "1"), token, home / "data" / "dml" / "tls" / "authority.pem")
    finally:
        process.kill()
        process.communicate()


def test_the_same_tests_pass_on_a_server(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = bool(os.environ.get("DML_TEST_FULL"))
    # Slow cases stay as they are in `make test`: they are about sizes, which the embedded catalog has as well.
    mine = ("PYTEST_", "DML_", "XDG_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(served.authority))
    cookie = f"webauthn={served.token}"
    environment |= {
        "DML_TEST_TARGET": served.target.url,
        "DML_TEST_COOKIE": cookie,
        "REQUESTS_CA_BUNDLE": str(served.authority),
    }
    chosen = [f"tests/{name}" for name in (ROOMS if everything else SAMPLE)]
    workers = ["-n", "2"] if everything else ["-p", "no:xdist"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=short", *workers, *chosen],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=7000 if everything else 500,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-20_000:]}\n{done.stderr[-2_000:]}"
    # They were there, and not on embedded catalogs of their own.
    assert count(connect(served.target, credential={"cookie": cookie}), EXECUTION) > 20
    served.stop()


def test_a_newcomer_gets_along(served: Served, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(served.authority))
    there = ("--host", served.target.host, "--catalog", served.target.catalog_id)
    refused = spawn("lineage", "1-0001", *there)
    assert refused.returncode == 4
    assert f"error: not signed in to {served.target.host}" in refused.stderr
    assert (
        f'hint: Keep the token that `dml catalog serve` printed in ~/.deriva/credential.json: {{"{served.target.host}"'
        in (refused.stderr)
    )
    served.sign_in(home)
    doctor = spawn("doctor", *there)
    assert doctor.returncode == 0, doctor.stdout
    assert "All checks passed." in doctor.stdout

    code = ("--workflow-url", "https://example.org/train.py", "--workflow-checksum", "9f86d081")
    made = spawn("exec", "create", "--workflow-name", "Train", "--workflow-type", "Training", *code, "--json", *there)
    assert made.returncode == 0, made.stderr
    rid = json.loads(made.stdout)["rid"]
    (tmp_path / "model.bin").write_bytes(b"weights")
    for words in (
        ("start", rid),
        ("stage", rid, "model.bin", "--type", "Model_File"),
        ("stop", rid),
        ("commit", rid),
    ):
        step = spawn("exec", *words, *there)
        assert step.returncode == 0, step.stderr
    shown = spawn("lineage", rid, "--forward", *there)
    assert shown.returncode == 0, shown.stderr
    assert "model.bin" in shown.stdout


def test_a_newcomer_is_told_what_is_wrong(served: Served, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = ("--host", served.target.host, "--catalog", served.target.catalog_id)
    served.sign_in(home)
    stranger = home / "stranger.pem"
    stranger.write_text(_another_authority(), encoding="ascii")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(stranger))
    untrusted = spawn("lineage", "1-0001", *there)
    assert untrusted.returncode == 1
    assert f"error: the certificate of {served.target.host} cannot be trusted" in untrusted.stderr
    assert "hint: Set REQUESTS_CA_BUNDLE to the file of its authority's certificate." in untrusted.stderr

    stranger.unlink()
    missing = spawn("lineage", "1-0001", *there)
    assert missing.returncode == 2
    assert "stranger.pem is not there" in missing.stderr

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(served.authority))
    assert spawn("lineage", "1-0001", *there).returncode == 6
    served.stop()
    stopped = spawn("lineage", "1-0001", *there)
    assert stopped.returncode == 5
    assert f"error: the connection was refused: {served.target.host}" in stopped.stderr
    assert "hint: Check that the server runs and its port is right" in stopped.stderr


def _another_authority() -> str:
    import trustme

    return trustme.CA().cert_pem.bytes().decode("ascii")
