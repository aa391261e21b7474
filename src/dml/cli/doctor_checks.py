"""The checks of ``dml doctor``: each checks one subject, changes nothing and never raises.

Only the last ones contact a server: at most two requests to the target's host, without retries.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final, Literal

from dml import directories
from dml._version import __version__
from dml.cli.app.invocation import Invocation
from dml.disk import NETWORK_FILE_SYSTEMS, file_system_type, free_bytes, nearest_existing
from dml.errors import DmlError
from dml.formatting import abbreviate_home, format_duration, format_size

if TYPE_CHECKING:
    from dml.catalog.connection import Catalog
    from dml.settings import Settings

__all__ = ["Finding", "examine", "judge_clock", "judge_disk", "judge_file_system"]

LOW_DISK: Final = 2 * 1024**3
ALLOWED_SKEW: Final = 30.0

State = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        subject: What was checked, in a word or two.
        state: ``failed`` makes the command exit 1.
        message: What was observed.
        fix: What to do, empty when nothing is needed.
    """

    subject: str
    state: State
    message: str
    fix: str = ""


def examine(invocation: Invocation, *, offline: bool) -> list[Finding]:
    """Run all checks; one that needs what an earlier one found missing is skipped."""
    findings = list(_program())
    try:
        settings = invocation.settings
        target = settings.target if settings.has_target else None
    except DmlError as error:
        findings.append(Finding("settings", "failed", error.message, error.hint))
        return [*findings, *_directories()]
    findings.extend(_settings(settings))
    findings.extend(_directories())
    findings.append(_git())
    if target is None:
        hint = "dml demo, or dml catalog use HOST/NUMBER"
        return [*findings, Finding("target", "warning", "no catalog selected", hint)]
    findings.append(Finding("target", "ok", f"{target} ({settings.origin('catalog')})"))
    findings.extend(_workspace(settings))
    findings.append(_credential(target.host))
    if offline:
        return [*findings, Finding("server", "skipped", "skipped (--offline)")]
    return [*findings, *_server(invocation)]


def _program() -> Iterator[Finding]:
    from dml.cli.version import installed

    versions = installed()
    missing = [name for name, version in versions.items() if version is None]
    known = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    yield Finding("dml", "ok", f"{__version__} · Python {platform.python_version()} · {platform.system()}")
    if missing:
        yield Finding("packages", "failed", f"missing: {', '.join(missing)}", "pip install --upgrade deriva-dml")
    else:
        yield Finding("packages", "ok", known)
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        yield Finding("terminal", "warning", f"standard output is {encoding or 'unknown'}, not UTF-8", "LC_ALL=C.UTF-8")


def _settings(settings: Settings) -> Iterator[Finding]:
    if settings.unknown:
        yield Finding("settings", "warning", "unknown: " + ", ".join(settings.unknown), "dml config show")
    else:
        given = [
            setting for setting in settings.values.values() if setting.origin != "default" and setting.value is not None
        ]
        yield Finding("settings", "ok", f"{len(given)} set, others at their defaults (dml config show)")


def _directories() -> Iterator[Finding]:
    places = {
        "config": directories.config_directory(),
        "cache": directories.cache_directory(),
        "state": directories.state_directory(),
        "data": directories.data_directory(),
    }
    for name, path in places.items():
        yield _writable(name, path)


def _writable(subject: str, path: Path) -> Finding:
    existing = nearest_existing(path)
    shown = abbreviate_home(path)
    if not existing.is_dir():
        return Finding(subject, "failed", f"{abbreviate_home(existing)} is not a directory", f"mv {existing} elsewhere")
    if not os.access(existing, os.W_OK | os.X_OK):
        return Finding(subject, "failed", f"{shown} is not writable", f"chmod u+rwx {existing}")
    return Finding(subject, "ok", shown if existing == path else f"{shown} (created when needed)")


def _git() -> Finding:
    import subprocess

    program = shutil.which("git")
    fix = "install git; executions record the commit of their code"
    if program is None:
        return Finding("git", "warning", "not found", fix)
    try:
        output = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return Finding("git", "warning", f"{program} cannot be run", fix)
    return Finding("git", "ok", output.strip().removeprefix("git version "))


def _workspace(settings: Settings) -> Iterator[Finding]:
    root = settings.workspace
    yield _writable("workspace", root)
    yield judge_disk(free_bytes(root))
    yield judge_file_system(file_system_type(root))
    yield _registry(settings)


def judge_disk(free: int | None) -> Finding:
    """Whether ``free`` bytes are enough to work with."""
    if free is None:
        return Finding("disk", "warning", "free space unknown")
    if free < LOW_DISK:
        return Finding(
            "disk", "warning", f"{format_size(free)} free", "free some disk space; inputs need it, uploads do not"
        )
    return Finding("disk", "ok", f"{format_size(free)} free")


def judge_file_system(kind: str | None) -> Finding:
    """Whether a registry in WAL mode is safe on this kind of file system."""
    if kind is None:
        return Finding("file system", "skipped", "type of file system unknown")
    if kind in NETWORK_FILE_SYSTEMS:
        fix = "keep the workspace on a local disk: --workspace DIR, or dml config set workspace DIR"
        return Finding("file system", "warning", f"{kind}: SQLite's WAL mode is not safe across machines", fix)
    return Finding("file system", "ok", f"{kind}, suitable for the registry")


def _registry(settings: Settings) -> Finding:
    from dml.workspace.layout import Workspace
    from dml.workspace.registry import Registry
    from dml.workspace.schema_state import diagnose

    try:
        with Registry.reading(Workspace(settings.workspace, settings.target)) as registry:
            if not registry.exists:
                return Finding("registry", "ok", "none yet (created by the first execution)")
            diagnosis = registry.read(diagnose)
    except DmlError as error:
        return Finding("registry", "failed", error.message, error.hint)
    if diagnosis.state == "unknown":
        return Finding("registry", "warning", f"unknown schema version: {diagnosis.reason}", "upgrade dml")
    if diagnosis.state == "older":
        return Finding("registry", "ok", "older schema version; upgraded by the first write")
    return Finding("registry", "ok", "current")


def _credential(host: str) -> Finding:
    if host == "local":
        return Finding("credential", "ok", "not needed for the embedded catalog")
    from dml.catalog.credentials import sign_in_hint, stored_credential

    try:
        credential = stored_credential(host)
    except DmlError as error:
        return Finding("credential", "failed", error.message, error.hint)
    if not credential:
        return Finding("credential", "warning", f"none for {host}", sign_in_hint(host))
    return Finding("credential", "ok", f"present ({', '.join(sorted(credential))})")


def _server(invocation: Invocation) -> Iterator[Finding]:
    from dml.catalog.connection import connect
    from dml.catalog.retry import RetryPolicy

    try:
        catalog = connect(invocation.target, policy=RetryPolicy(attempts=1))
        yield from _answers(catalog)
    except DmlError as error:
        yield Finding("server", "failed", error.message, error.hint)


def _answers(catalog: Catalog) -> Iterator[Finding]:
    from dml.catalog.credentials import sign_in_hint

    begun = monotonic()
    done = catalog.exchange("GET", "/")
    took = monotonic() - begun
    with done.response as response:
        date = response.headers.get("Date")
    yield Finding("server", "ok", f"answered in {format_duration(took)} ({round(took * 1000)} ms)")
    if date:
        yield judge_clock(date, datetime.now(UTC))
    identity = catalog.whoami()
    if identity is None:
        hint = sign_in_hint(catalog.target.host)
        yield Finding("identity", "warning", "not signed in; read access may still be allowed", hint)
    else:
        yield Finding("identity", "ok", identity.display_name)


def judge_clock(date: str, now: datetime) -> Finding:
    """How far this machine's clock is from the server's ``Date`` header (whole seconds)."""
    try:
        skew = (now - parsedate_to_datetime(date)).total_seconds()
    except (TypeError, ValueError):
        return Finding("clock", "skipped", "unknown: the server sent no valid date")
    if abs(skew) > ALLOWED_SKEW:
        way = "ahead of" if skew > 0 else "behind"
        message = f"{format_duration(abs(skew))} {way} the server"
        return Finding("clock", "warning", message, "synchronize the system clock (NTP)")
    return Finding("clock", "ok", "in sync with the server")
