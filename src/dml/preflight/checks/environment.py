"""The environment: the lock file is current, and the interpreter has what it says."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tokenize
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from dml.experiment.composition import Composition
from dml.experiment.worker_process import clean_environment
from dml.preflight.check_context import CheckContext
from dml.preflight.results import Result, failed, ok, skipped, warning

GROUP = "environment"

_FILE: Final = re.compile(r"(?<![\w/.-])(?:src|scripts|notebooks)/[\w./-]*\.(?:py|ipynb)\b")
_LISTING: Final = re.compile(r"deriva-ml-run[^\n`]*--info(?![=\w])[^\n]*")
_BEGINS: Final = (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
_UV_SECONDS: Final = 60
_SHOWN: Final = 3


def check(look: CheckContext) -> Iterator[Result]:
    """Report interpreter and lock file."""
    composition = look.subject.composition
    if composition is None:
        return
    if not composition.python:
        yield skipped(GROUP, "interpreter", "the configuration did not compose")
        return
    yield from _documents(composition)
    lock = composition.project.root / "uv.lock"
    if not lock.is_file():
        yield skipped(GROUP, "lock", "no uv.lock in this project")
        return
    if not composition.project.is_own:
        where = composition.project.interpreter
        yield warning(GROUP, "interpreter", f"the project has a uv.lock but no .venv; {where} is used", "uv sync")
    yield from _lock_is_current(look, composition.project.root)
    yield from _agreement(composition, lock)


def _lock_is_current(look: CheckContext, root: Path) -> Iterator[Result]:
    uv = shutil.which("uv")
    if uv is None:
        yield skipped(GROUP, "lock", "uv is not installed, so uv.lock was not checked against pyproject.toml")
        return
    command = [uv, "lock", "--check", "--project", str(root), *(["--offline"] if look.offline else [])]
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_UV_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        yield skipped(GROUP, "lock", f"uv lock --check did not end: {type(error).__name__}")
        return
    if done.returncode == 0:
        yield ok(GROUP, "lock", "uv.lock is current")
    elif "needs to be updated" in done.stderr or "missing" in done.stderr.lower():
        yield failed(GROUP, "lock", "uv.lock is not what pyproject.toml asks for", "uv lock, then commit it")
    else:
        said = next((line.strip() for line in done.stderr.splitlines() if line.strip()), f"exit {done.returncode}")
        yield skipped(GROUP, "lock", f"uv lock --check could not look: {said[:160]}")


def _agreement(composition: Composition, lock: Path) -> Iterator[Result]:
    try:
        document = tomllib.loads(lock.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        yield failed(GROUP, "agree", f"uv.lock cannot be read: {str(error)[:120]}", "uv lock")
        return
    locked = locked_versions(document)
    differing = [
        f"{name} {composition.packages[name]} (locked: {', '.join(sorted(versions))})"
        for name, versions in sorted(locked.items())
        if name in composition.packages and composition.packages[name] not in versions
    ]
    if differing:
        more = f" and {len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
        yield warning(GROUP, "agree", f"installed is {', '.join(differing[:_SHOWN])}{more}", "uv sync")
    else:
        yield ok(GROUP, "agree", f"Python {composition.python}, as locked")


def locked_versions(document: Mapping[str, Any]) -> dict[str, set[str]]:
    """The versions of each package in a ``uv.lock``; the project's own packages are left out."""
    found: dict[str, set[str]] = defaultdict(set)
    for package in document.get("package", ()):
        source = package.get("source") or {}
        if "version" in package and not {"editable", "virtual"} & source.keys():
            found[str(package["name"])].add(str(package["version"]))
    return dict(found)


def _documents(composition: Composition) -> Iterator[Result]:
    """Files that the project's README, or the comments of its configuration, name and that are not there."""
    root = composition.project.root
    modules = sorted(composition.project.config_directory.rglob("*.py"))
    for path in [*sorted(root.glob("README*")), *modules]:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            continue
        name = composition.project.shown(path)
        for first, prose in _prose(text) if path.suffix == ".py" else [(1, text)]:
            yield from _out_of_date(root, name, first, prose)


def _out_of_date(root: Path, name: str, first: int, prose: str) -> Iterator[Result]:
    """What one piece of text, which begins on a line of a file, says that is not so."""
    for found in _FILE.finditer(prose):
        if not (root / found[0]).exists():
            place = f"{name}:{first + prose.count(chr(10), 0, found.start())}"
            message = f"{place} names {found[0]}, which is not there"
            yield warning(GROUP, "documents", message, f"edit {place}", subject=found[0])
    listing = _LISTING.search(prose)
    if listing:
        place = f"{name}:{first + prose.count(chr(10), 0, listing.start())}"
        message = f"{place} lists configurations with --info; that is --list-configs"
        yield warning(GROUP, "documents", message, f"edit {place}", subject="--info")


def _prose(text: str) -> Iterator[tuple[int, str]]:
    """The comments and docstrings of a module, each with its first line."""
    before = tokenize.NEWLINE
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            is_docstring = token.type == tokenize.STRING and before in _BEGINS
            if token.type == tokenize.COMMENT or is_docstring:
                yield token.start[0], token.string
            if token.type not in (tokenize.COMMENT, tokenize.NL):
                before = token.type
    except (tokenize.TokenError, SyntaxError):
        return
